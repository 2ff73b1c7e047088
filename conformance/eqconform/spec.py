"""The specification for people, kept equal to the registry.

SPEC.md's clause lists and the README's table stand between markers and are generated:
`python -m eqconform.spec` writes them, a test holds them equal.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path

from eqconform.registry import CLAIMS, LEVELS, Clause, clauses
from eqconform.report.marked import rewritten
from eqconform.selection import UsageError, near

_LISTED = " `eqconform spec` lists them."


def specification() -> str:
    """The text of SPEC.md."""
    return files("eqconform").joinpath("SPEC.md").read_text(encoding="utf-8")


def describe_clauses(pattern: str) -> str:
    """What the registry says of the clauses that match.

    Raises:
        UsageError: none does.
    """
    found = [clause for name, clause in clauses().items() if fnmatchcase(name, pattern)]
    if not found:
        raise UsageError(f"no clause matches {pattern!r}.{near(pattern, clauses()) or _LISTED}")
    return "\n\n".join(_in_full(clause) for clause in found)


def clause_lists(registry: Iterable[Clause]) -> str:
    """SPEC.md's part: the clauses by claim, in the order of the registry."""
    found = list(registry)
    return "\n\n".join(
        f"### Claim `{claim}`\n\n" + "\n".join(_entry(c) for c in found if c.claim == claim)
        for claim in CLAIMS
        if any(clause.claim == claim for clause in found)
    )


def count_table(registry: Iterable[Clause]) -> str:
    """The README's part: how many clauses of each level a claim has."""
    found = list(registry)
    head = f"| claim | {' | '.join(LEVELS)} | not judged yet |"
    rows = [_row(claim, [c for c in found if c.claim == claim]) for claim in CLAIMS]
    rows.append(_row("**all**", found))
    return "\n".join([head, "|---" * (len(LEVELS) + 2) + "|", *rows])


def generated(checkout: Path) -> dict[Path, str]:
    """What SPEC.md and README.md of a checkout should hold."""
    registry = clauses().values()
    parts = {
        checkout / "conformance" / "eqconform" / "SPEC.md": clause_lists(registry),
        checkout / "README.md": count_table(registry),
    }
    return {
        path: rewritten(path.read_text(encoding="utf-8"), "clauses", part, where=path.name)
        for path, part in parts.items()
    }


def write_all() -> None:
    """Write the generated parts of the checkout that this module lies in.

    Raises:
        UsageError: it is installed without its checkout.
    """
    checkout = Path(__file__).resolve().parents[2]
    if not (checkout / "README.md").is_file():
        raise UsageError("SPEC.md and README.md are written in a checkout, and this is none")
    for path, text in generated(checkout).items():
        path.write_text(text, encoding="utf-8")


def _entry(clause: Clause) -> str:
    judged = (
        f"*Not judged yet:* {clause.excluded}" if clause.excluded else f"*Check:* {clause.check}"
    )
    judged += f" *With torch:* {clause.torch}." if clause.torch else ""
    first = f"- **`{clause.id}`** [{clause.level}] {clause.text}"
    return f"{first}  \n  {judged} *Source:* {clause.source}."


def _row(name: str, found: list[Clause]) -> str:
    judged = [clause for clause in found if clause.excluded is None]
    counts = [sum(clause.level == level for clause in judged) for level in LEVELS]
    cells = [name, *(str(n or "") for n in [*counts, len(found) - len(judged)])]
    return f"| {' | '.join(cells)} |"


def _in_full(clause: Clause) -> str:
    judged = f"Not judged yet: {clause.excluded}" if clause.excluded else f"Check: {clause.check}"
    judged += f" With torch: {clause.torch}." if clause.torch else ""
    return "\n".join(
        [f"{clause.level} {clause.id}", clause.text, judged, f"Source: {clause.source}"]
    )


if __name__ == "__main__":
    write_all()
