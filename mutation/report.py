"""The report: docs/mutants.md, with a table of the verdicts and a reason for each survivor.

survivors.toml gives the reasons. What stands before the first table is kept as it is.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import verdicts
from made import Mutant
from verdicts import Verdict

if sys.version_info >= (3, 11):
    import tomllib
else:  # the suite's own dependency there
    import tomli as tomllib

_PAGE = Path(__file__).parents[1] / "docs/mutants.md"
_REASONS = Path(__file__).with_name("survivors.toml")
_BEGINNING = "<!-- from here on written by mutation/judge.py --report -->\n"
_STATUSES = ("killed", "survived", "alike", "unfinished", "unreached", "not judged", "left out")
_KINDS = {
    "same": "Survivors: nothing can tell",
    "open": "Survivors: outside what clauses hold",
}


class _Reason(NamedTuple):
    """Why mutants of a function survive.

    Attributes:
        function: with its module; a module alone stands for all its functions.
        changes: as `Mutant.change` has them; none: all.
        kind: one of `_KINDS`.
        reason: for the reader.
    """

    function: str
    changes: tuple[str, ...]
    kind: str
    reason: str

    def explains(self, mutant: Mutant) -> bool:
        place = f"{mutant.module}.{mutant.function}"
        here = place == self.function or place.startswith(f"{self.function}.")
        return here and (not self.changes or mutant.change in self.changes)


def write(mutants: list[Mutant]) -> int:
    """Write the page; 1 where a survivor has no reason, or a reason no survivor."""
    found = verdicts.known()
    judged = [(mutant, found.get(verdicts.key_of(mutant))) for mutant in mutants]
    survivors = [(m, v) for m, v in judged if v and not m.left_out and v.status != "killed"]
    reasons = _reasons()
    explained = defaultdict(list)
    unexplained = []
    for mutant, verdict in survivors:
        reason = next((each for each in reasons if each.explains(mutant)), None)
        explained[reason].append(mutant)
        if reason is None:
            unexplained.append(f"{mutant.name} ({verdict.status}): {mutant.change}")
    idle = [f"{r.function}: {r.changes}" for r in reasons if r not in explained]
    text = _PAGE.read_text().partition(_BEGINNING)[0] + _BEGINNING
    _PAGE.write_text(text + "\n".join(_body(judged, explained)) + "\n")
    print(*(f"no reason: {line}" for line in unexplained), sep="\n")
    print(*(f"no survivor: {line}" for line in idle), sep="\n")
    return bool(unexplained or idle)


def _reasons() -> list[_Reason]:
    tables = tomllib.loads(_REASONS.read_text())["survivor"]
    return [
        _Reason(t["function"], tuple(t.get("changes", ())), t["kind"], t["reason"]) for t in tables
    ]


def _body(
    judged: list[tuple[Mutant, Verdict | None]], explained: Mapping[_Reason | None, list[Mutant]]
) -> Iterator[str]:
    yield from ("", *_table(judged))
    for kind, title in _KINDS.items():
        yield from (
            "",
            f"## {title}",
            "",
            "| function | mutants | change | why |",
            "|---|---|---|---|",
        )
        chosen = [(r, m) for r, m in explained.items() if r is not None and r.kind == kind]
        for reason, mutants in sorted(chosen, key=lambda item: item[0].function):
            changes = "<br>".join(_code(each) for each in reason.changes) or "any"
            yield f"| `{reason.function}` | {len(mutants)} | {changes} | {reason.reason} |"
    if None in explained:
        yield from ("", "## Survivors without a reason yet", "")
        yield from (f"- `{m.module}.{m.function}`: {_code(m.change)}" for m in explained[None])


def _table(judged: list[tuple[Mutant, Verdict | None]]) -> Iterator[str]:
    """One row for each module, and one for all."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for mutant, verdict in judged:
        status = "left out" if mutant.left_out else verdict.status if verdict else "not judged"
        for row in (f"`{mutant.module}.py`", "all"):
            counts[row][status] += 1
    yield " | ".join(("| file", "mutants", *_STATUSES)) + " |"
    yield "|---" * (2 + len(_STATUSES)) + "|"
    for row in sorted(counts, key=lambda name: (name == "all", name)):
        numbers = (counts[row].total(), *(counts[row][status] for status in _STATUSES))
        yield f"| {row} | " + " | ".join(map(str, numbers)) + " |"


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"
