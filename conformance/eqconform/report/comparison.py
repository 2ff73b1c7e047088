"""What became of a run: its clauses and cases beside those of the run before.

A case is better off passing than set aside (vacuous, unsupported), and better off set aside than
broken; a clause is better off holding. What is merely PyTorch's quirk changes, and is neither
better nor worse. From result files alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from eqconform.registry import LEVELS
from eqconform.report.matrix import HOLDS, NOT_CLAIMED, NOT_JUDGED, Column, asked, columns, rows
from eqconform.results import CaseResult, Run
from eqconform.selection import UsageError
from eqconform.verdict import AMISS

IMPROVED, REGRESSED, CHANGED, ADDED, REMOVED = KINDS = (
    "improved",
    "regressed",
    "changed",
    "added",
    "removed",
)


@dataclass(frozen=True)
class Change:
    """What became of a clause or a case.

    Attributes:
        kind: one of `KINDS`.
        id: of the clause or the case.
        level: of the clause.
        before: its state or status.
        after: likewise.
    """

    kind: str
    id: str
    level: str
    before: str
    after: str


@dataclass(frozen=True)
class Comparison:
    """A run beside the one before.

    Attributes:
        before: the earlier run.
        after: the later one.
        clauses: those of which another thing is said, MUST first.
        cases: those whose status is another, and those that only one run has, by id.
        compared: number of cases that both have.
    """

    before: Column
    after: Column
    clauses: tuple[Change, ...]
    cases: tuple[Change, ...]
    compared: int

    @property
    def regressed(self) -> bool:
        """Whether anything is worse than before."""
        return any(each.kind == REGRESSED for each in (*self.clauses, *self.cases))


def compare(before: Run, after: Run, *, intersect: bool = False) -> Comparison:
    """What became of the clauses and cases of a run.

    Args:
        before: the earlier run.
        after: the later one.
        intersect: leave out the cases that only one of them has.

    Raises:
        UsageError: the runs were not asked the same, or have no case in common.
    """
    if not intersect:
        _require_same_question(before, after)
    shared = {case.id for case in before.cases} & {case.id for case in after.cases}
    if not shared:
        raise UsageError(f"{_names(before, after)} have no case in common: there is nothing to say")
    if intersect:
        before, after = (_only(run, shared) for run in (before, after))
    old, new = columns([before, after])
    clauses = sorted(_clauses(old, new), key=lambda each: LEVELS.index(each.level))
    cases = sorted(_cases(before, after), key=lambda each: each.id)
    return Comparison(old, new, tuple(clauses), tuple(cases), len(shared))


def _require_same_question(before: Run, after: Run) -> None:
    """Refuse runs that were not asked the same.

    Raises:
        UsageError: the message names everything in which they differ.
    """
    old, new = _question(before), _question(after)
    differing = [f"{name} {old[name]} and {new[name]}" for name in old if old[name] != new[name]]
    if differing:
        raise UsageError(
            f"{_names(before, after)} are of different {'; '.join(differing)}. "
            "Run the same again, or compare what both have with --intersect"
        )


def _question(run: Run) -> Mapping[str, str]:
    header = run.header
    return {
        "clause sets:": header.clauses.removeprefix("sha256:")[:12],
        "budgets:": header.budget,
        "devices:": header.device,
        "seeds:": str(header.seed),
        "selections:": asked(header) or "everything",
        "shards:": str(header.shard or "none"),
    }


def _names(before: Run, after: Run) -> str:
    return " and ".join(
        f"{run.header.implementation['name']} {run.header.implementation['version']} "
        f"({run.header.started})"
        for run in (before, after)
    )


def _only(run: Run, shared: set[str]) -> Run:
    """The run of the shared cases alone; what is not claimed is not asked."""
    cases = tuple(case for case in run.cases if case.id in shared)
    return replace(run, cases=cases, header=replace(run.header, not_claimed=()))


def _clauses(old: Column, new: Column) -> Iterator[Change]:
    for row in rows([old, new]):
        before, after = (cell.state for cell in row.cells)
        if before == after:
            continue
        absent = (NOT_CLAIMED, NOT_JUDGED)
        if before in absent and after in absent:
            continue
        if before in absent:
            kind = ADDED
        elif after == HOLDS:
            kind = IMPROVED
        elif before == HOLDS and after != NOT_JUDGED:  # a claim that is given up among them
            kind = REGRESSED
        else:
            kind = REMOVED if after in absent else CHANGED
        yield Change(_unless_quirk(kind, row.level), row.id, row.level, before, after)


def _cases(before: Run, after: Run) -> Iterator[Change]:
    old, new = ({case.id: case for case in run.cases} for run in (before, after))
    for name in {**old, **new}:
        one, other = old.get(name), new.get(name)
        if one is None and other is not None:
            yield Change(ADDED, name, other.level, "", other.status)
        elif one is not None and other is None:
            yield Change(REMOVED, name, one.level, one.status, "")
        elif one is not None and other is not None and one.status != other.status:
            kind = _unless_quirk(_kind(one, other), other.level)
            yield Change(kind, name, other.level, one.status, other.status)


def _kind(before: CaseResult, after: CaseResult) -> str:
    better = _rank(after.status) - _rank(before.status)
    return CHANGED if better == 0 else IMPROVED if better > 0 else REGRESSED


def _rank(status: str) -> int:
    """How well off a case is: broken or never run, set aside, passing."""
    return 2 if status == "pass" else 0 if status in AMISS else 1


def _unless_quirk(kind: str, level: str) -> str:
    return CHANGED if level == "QUIRK" and kind in (IMPROVED, REGRESSED) else kind
