"""The register of faults is as broad as it claims to be."""

from collections import Counter
from pathlib import Path

from matrix import row_of
from registered import named_catchers
from test_faults import CHECKS, FAULTS


def test_there_are_many_ways_to_be_wrong() -> None:
    assert len({wrong for wrong, _, _ in FAULTS}) >= 60


def test_every_clause_with_a_check_is_named_to_catch_some_fault() -> None:
    assert {clause for _, clause, _ in FAULTS} == set(CHECKS)


def test_every_fault_has_a_name_of_its_own() -> None:
    modules = Counter((wrong.__module__, wrong.__name__) for wrong in {w for w, _, _ in FAULTS})
    assert max(modules.values()) == 1


def test_the_document_lists_the_register() -> None:
    """`python tests/faults/matrix.py --update docs/faults.md` brings it up to date."""
    text = (Path(__file__).parents[2] / "docs" / "faults.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    rows = [row_of(fault) for fault in named_catchers()]
    assert len(lines) == len(rows)
    missing = [row.name for row in rows if not any(x.startswith(row.beginning) for x in lines)]
    assert missing == []
