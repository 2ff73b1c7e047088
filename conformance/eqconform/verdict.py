"""From the cases of a run to its verdict.

A clause *holds* when none of its cases broke it and at least one passed; a run is conformant
when every MUST clause that was judged holds. The other levels are counted and never decide,
save where a selection left no MUST clause: then the selected clauses answer for themselves.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from eqconform.registry import LEVELS
from eqconform.results import CaseResult, Run

BROKEN = ("fail", "error", "timeout", "crash", "not-run")

CONFORMANT, NOT_CONFORMANT, USAGE, NOT_STARTED, SUITE_FAULT, INTERRUPTED = 0, 1, 2, 3, 4, 130


@dataclass(frozen=True)
class ClauseVerdict:
    """What the cases of one clause add up to."""

    clause: str
    claim: str
    level: str
    cases: tuple[CaseResult, ...]

    @property
    def counts(self) -> Counter[str]:
        """Number of its cases by status."""
        return Counter(case.status for case in self.cases)

    @property
    def broken(self) -> bool:
        """Whether a case shows that the clause does not hold, or could not be judged."""
        return any(case.status in BROKEN for case in self.cases)

    @property
    def holds(self) -> bool:
        """Whether the clause was seen to hold: not broken, and passed somewhere."""
        return not self.broken and self.counts["pass"] > 0


def clause_verdicts(cases: Iterable[CaseResult]) -> list[ClauseVerdict]:
    """One verdict per clause, in the order of the cases."""
    grouped: dict[str, list[CaseResult]] = {}
    for case in cases:
        grouped.setdefault(case.clause, []).append(case)
    return [
        ClauseVerdict(clause, group[0].claim, group[0].level, tuple(group))
        for clause, group in grouped.items()
    ]


def is_conformant(cases: Iterable[CaseResult], *, partial: bool) -> bool:
    """Whether the run found the implementation conformant.

    Args:
        cases: every case of the run.
        partial: clauses were left out by choice.
    """
    verdicts = clause_verdicts(cases)
    required = [each for each in verdicts if each.level == "MUST"]
    if not required and partial:
        required = verdicts
    return bool(required) and all(each.holds for each in required)


def exit_code(run: Run) -> int:
    """The exit code that a complete run calls for."""
    if any(case.suite_fault for case in run.cases):
        return SUITE_FAULT
    partial = any(run.header.selection.values())
    return CONFORMANT if is_conformant(run.cases, partial=partial) else NOT_CONFORMANT


def held_by_level(run: Run) -> dict[str, tuple[int, int]]:
    """Clauses that hold and clauses judged, by level; levels without a clause are left out."""
    verdicts = clause_verdicts(run.cases)
    by_level = {level: [v for v in verdicts if v.level == level] for level in LEVELS}
    return {
        level: (sum(each.holds for each in group), len(group))
        for level, group in by_level.items()
        if group
    }
