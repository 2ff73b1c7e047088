"""Generated parts go between their markers, and nowhere else."""

import pytest

from eqconform.report.marked import rewritten
from eqconform.selection import UsageError

MARKED = (
    "a\n<!-- part: by hand -->\nold\n<!-- part end -->\nb\n<!-- other: x -->\n<!-- other end -->"
)


def test_the_rest_stays() -> None:
    new = rewritten(MARKED, "part", "new", where="X.md")
    assert new == MARKED.replace("\nold\n", "\n\nnew\n\n")
    assert rewritten(new, "part", "new", where="X.md") == new


def test_markers_are_needed() -> None:
    with pytest.raises(UsageError, match=r"X\.md has no markers to write the table between"):
        rewritten(MARKED, "table", "new", where="X.md")
