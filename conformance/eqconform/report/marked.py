"""Generated parts of documents for people: they stand between two comments."""

import re
from collections.abc import Sequence

from eqconform.selection import UsageError


def rewritten(text: str, name: str, part: str, *, where: str) -> str:
    """The text with a new part between its markers; the rest stays.

    The part called "clauses" stands between `<!-- clauses: …how it is generated… -->` and
    `<!-- clauses end -->`.

    Raises:
        UsageError: the markers are missing.
    """
    begin, end = rf"<!-- {re.escape(name)}: [^\n]* -->\n", f"<!-- {re.escape(name)} end -->"
    pattern = re.compile(f"({begin}).*?({end})", re.DOTALL)
    if not pattern.search(text):
        raise UsageError(
            f"{where} has no markers to write the {name} between: "
            f"<!-- {name}: ... --> and <!-- {name} end -->"
        )
    return pattern.sub(lambda found: f"{found[1]}\n{part}\n\n{found[2]}", text)


def table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table of cells that are Markdown already; the first row is its head."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])
