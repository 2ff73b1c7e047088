"""Runs side by side: a column per run, a row per clause, and what each cell says.

What the web pages, the Markdown and the comparison share. Drawn from the result files alone; the
registry of this suite lends the texts of the clauses that it knows.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from packaging.version import InvalidVersion, Version

from eqconform.registry import LEVELS, Clause, clauses
from eqconform.report.summary import claims_of
from eqconform.results import CaseResult, Header, Run
from eqconform.verdict import ClauseVerdict, clause_verdicts

HOLDS, BROKEN, KNOWN, NOT_SHOWN = "holds", "broken", "known", "not shown"
NOT_RUN = "not run"  # or not all of it
NOT_CLAIMED, NOT_JUDGED = "not claimed", "not judged"


@dataclass(frozen=True)
class Column:
    """A run, and the words that tell it from the others.

    Attributes:
        number: from 1.
        run: what the file holds.
        name: of the implementation.
        version: of the implementation.
        details: torch's version, then when it began where nothing else tells it from another,
            whatever else the columns differ in, and last what the run was limited to.
        verdicts: by clause.
    """

    number: int
    run: Run
    name: str
    version: str
    details: tuple[str, ...]
    verdicts: dict[str, ClauseVerdict]

    @property
    def title(self) -> str:
        """All of it in one line."""
        return f"{self.name} {self.version}, {', '.join(self.details)}"


@dataclass(frozen=True)
class Cell:
    """What a run says of a clause.

    Attributes:
        state: one of the words above.
        cases: of the clause in the run, by id.
    """

    state: str
    cases: tuple[CaseResult, ...] = ()

    @property
    def counts(self) -> str:
        """What its cases came to: "3 pass, 1 fail"."""
        counts = Counter(case.status for case in self.cases)
        return ", ".join(f"{n} {status}" for status, n in counts.most_common())

    @property
    def passed(self) -> int:
        """How many of the cases passed."""
        return sum(case.status == "pass" for case in self.cases)


@dataclass(frozen=True)
class Row:
    """A clause, and what each run says of it.

    Attributes:
        id: of the clause.
        level: as this suite has it, or else the first run that judged it.
        claim: that it is of.
        clause: its text and source, where this suite knows it.
        cells: one per column.
    """

    id: str
    level: str
    claim: str
    clause: Clause | None
    cells: tuple[Cell, ...]

    @property
    def differs(self) -> bool:
        """Whether the runs that speak of the clause do not say the same."""
        return len({cell.state for cell in self.cells}) > 1

    @property
    def fails(self) -> bool:
        """Whether some run does not show that the clause holds."""
        return any(cell.state in (BROKEN, KNOWN, NOT_SHOWN, NOT_RUN) for cell in self.cells)


def in_order(runs: Sequence[Run]) -> list[Run]:
    """Implementations in the given order, the runs of each by version of torch.

    A shell names 2.10 before 2.4.
    """
    names = list(dict.fromkeys(run.header.implementation["name"] for run in runs))
    return sorted(
        runs,
        key=lambda run: (
            names.index(run.header.implementation["name"]),
            _version(run.header.versions["torch"]),
        ),
    )


def _version(text: str) -> tuple[Version, str]:
    """What versions are sorted by; one that is none comes first, by its letters."""
    try:
        return Version(text), text
    except InvalidVersion:
        return Version("0"), text


def columns(runs: Sequence[Run]) -> list[Column]:
    """A column for each run, in the given order."""
    return [
        Column(
            number=number,
            run=run,
            name=run.header.implementation["name"],
            version=run.header.implementation["version"],
            details=_details(run, runs),
            verdicts={each.clause: each for each in clause_verdicts(run.cases)},
        )
        for number, run in enumerate(runs, start=1)
    ]


def rows(found: Sequence[Column]) -> list[Row]:
    """The clauses that were judged or asked for: claim by claim, MUST first, as registered."""
    judged = {name: each for column in found for name, each in column.verdicts.items()}
    asked = [name for column in found for name in column.run.header.not_claimed]
    registry = clauses()
    places = {name: place for place, name in enumerate(registry)}
    claims = claims_of(case for column in found for case in column.run.cases)
    made = [
        Row(
            id=name,
            level=registry[name].level if name in registry else judged[name].level,
            claim=registry[name].claim if name in registry else judged[name].claim,
            clause=registry.get(name),
            cells=tuple(_cell(column, name) for column in found),
        )
        for name in dict.fromkeys([*judged, *asked])
        if name in registry or name in judged
    ]
    return sorted(
        made,
        key=lambda row: (
            claims.index(row.claim) if row.claim in claims else len(claims),
            row.claim,
            LEVELS.index(row.level),
            places.get(row.id, len(places)),
            row.id,
        ),
    )


def _cell(column: Column, clause: str) -> Cell:
    verdict = column.verdicts.get(clause)
    if verdict is None:
        asked = clause in column.run.header.not_claimed
        return Cell(NOT_CLAIMED if asked else NOT_JUDGED)
    cases = tuple(sorted(verdict.cases, key=lambda case: case.id))
    if verdict.holds:
        return Cell(HOLDS, cases)
    if verdict.unfinished:
        return Cell(NOT_RUN, cases)
    if verdict.known:
        return Cell(KNOWN, cases)
    return Cell(BROKEN if verdict.broken else NOT_SHOWN, cases)


def asked(header: Header) -> str:
    """The claims, clauses and case that the run was limited to; empty for a run of all."""
    selection = header.selection
    names = [*selection["claims"], *selection["clauses"], *filter(None, [selection["case"]])]
    return ", ".join(names)


def _details(run: Run, runs: Sequence[Run]) -> tuple[str, ...]:
    """What tells the run from the others: torch, when it began if need be, what they differ in.

    That clauses were left out is said of a single run, too.
    """
    said = _particulars(run)
    others = [_particulars(each) for each in runs]
    differing = [
        f"{name} {value}"
        for name, value in said.items()
        if name != "torch"
        and value
        and (name == "only" or len({other[name] for other in others}) > 1)
    ]
    alike = sum(_who(other) == _who(run) for other in runs) > 1
    began = [f"of {_moment(run.header.started)}"] if alike else []
    return (f"torch {said['torch']}", *began, *differing)


def _moment(started: str) -> str:
    """When a run began, for people; as it stands in the file where that names no moment."""
    try:
        moment = datetime.fromisoformat(started)
        if moment.tzinfo is not None:
            return f"{moment.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError):
        pass  # said below
    return started


def _who(run: Run) -> tuple[str, ...]:
    """Everything that a column says of a run, but when it began."""
    about = run.header.implementation
    return (about["name"], about["version"], *_particulars(run).values())


def _particulars(run: Run) -> dict[str, str]:
    """What runs of one implementation may differ in."""
    header = run.header
    return {
        "torch": header.versions["torch"],
        "suite": header.suite,
        "python": header.versions["python"],
        "on": header.versions.get("device", header.device),
        "budget": header.budget,
        "seed": str(header.seed),
        "shard": str(header.shard or ""),
        "only": asked(header),
    }
