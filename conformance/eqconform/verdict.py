"""From the cases of a run to its verdict.

A clause *holds* when none of its cases broke it and at least one passed; a run is conformant
when every MUST clause that was judged holds. The other levels are counted and never decide,
save where a selection left no MUST clause: then the selected clauses answer for themselves.

Known deviations change the exit code alone, never the verdict. With them, a run ends well when
whatever does not hold, at any level, is listed, and whatever is listed does not hold.

A shard holds some of the cases of every clause. What shows that a clause holds, or that an entry
is right, may be in another; so in a shard a clause is only asked not to be broken, and a shard to
which no case fell breaks none.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from eqconform.deviations.entries import Deviation
from eqconform.registry import LEVELS
from eqconform.results import CaseResult, Run

BROKEN = ("fail", "error", "timeout", "crash")
AMISS = (*BROKEN, "not-run")
"""What keeps a clause from holding: what is wrong, and what was never looked at."""

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
        """Whether a case shows that the clause does not hold."""
        return any(case.status in BROKEN for case in self.cases)

    @property
    def unfinished(self) -> bool:
        """Whether nothing is broken so far, and the run came to its end without some of it."""
        return not self.broken and self.counts["not-run"] > 0

    @property
    def holds(self) -> bool:
        """Whether the clause was seen to hold: nothing amiss, and passed somewhere."""
        return not self.broken and not self.unfinished and self.counts["pass"] > 0

    @property
    def amiss(self) -> tuple[CaseResult, ...]:
        """The cases that keep the clause from holding: those amiss; all where none passed."""
        if self.holds:
            return ()
        return tuple(case for case in self.cases if case.status in AMISS) or self.cases

    @property
    def known(self) -> bool:
        """Whether the clause does not hold, and every case that keeps it from holding is listed."""
        return not self.holds and all(case.deviation is not None for case in self.amiss)


def clause_verdicts(cases: Iterable[CaseResult]) -> list[ClauseVerdict]:
    """One verdict per clause, in the order of the cases."""
    grouped: dict[str, list[CaseResult]] = {}
    for case in cases:
        grouped.setdefault(case.clause, []).append(case)
    return [
        ClauseVerdict(clause, group[0].claim, group[0].level, tuple(group))
        for clause, group in grouped.items()
    ]


def is_conformant(cases: Iterable[CaseResult], *, partial: bool, shard: bool = False) -> bool:
    """Whether the run found the implementation conformant.

    Args:
        cases: every case of the run.
        partial: clauses were left out by choice.
        shard: the run is a part of one, see above.
    """
    required = _required(clause_verdicts(cases), partial=partial)
    if shard:
        return not any(each.broken or each.unfinished for each in required)
    return bool(required) and all(each.holds for each in required)


def conformant(run: Run) -> bool:
    """Whether a complete run found the implementation conformant, known deviations or not."""
    return is_conformant(run.cases, partial=of_selection(run), shard=_is_part(run))


def exit_code(run: Run) -> int:
    """The exit code that a complete run calls for."""
    if any(case.suite_fault for case in run.cases):
        return SUITE_FAULT
    if run.header.deviations is None:
        return CONFORMANT if conformant(run) else NOT_CONFORMANT
    if stale(run):
        return USAGE
    judged = _is_part(run) or _required(clause_verdicts(run.cases), partial=of_selection(run))
    return CONFORMANT if judged and not unlisted(run) else NOT_CONFORMANT


def unlisted(run: Run) -> list[CaseResult]:
    """The cases that keep a clause from holding and that no entry lists.

    Empty where no deviations were gone by: nothing is expected of a list that is not there.
    """
    if run.header.deviations is None:
        return []
    return [case for case in _amiss(run) if case.deviation is None]


def stale(run: Run) -> list[tuple[Deviation, tuple[CaseResult, ...]]]:
    """The entries that say what is not so, each with the cases of it that passed.

    An entry is stale when a case that it lists passed, or when none keeps its clause from
    holding; in a shard, and where the run was interrupted, only the former can be told.
    """
    amiss = {case.deviation for case in _amiss(run)}
    is_whole = run.complete and run.header.shard is None
    found = []
    for place, entry in enumerate(run.header.deviations.entries if run.header.deviations else ()):
        listed = [case for case in run.cases if case.deviation == place]
        passed = tuple(case for case in listed if case.status == "pass")
        if passed or (place not in amiss and is_whole):
            found.append((entry, passed))
    return found


def of_selection(run: Run) -> bool:
    """Whether clauses were left out by choice: the verdict then speaks for the others alone."""
    return any(run.header.selection.values())


def known_by_level(run: Run) -> Counter[str]:
    """Clauses that are known not to hold, by level."""
    return Counter(each.level for each in clause_verdicts(run.cases) if each.known)


def held_by_level(run: Run) -> dict[str, tuple[int, int]]:
    """Clauses that hold and clauses judged, by level; levels without a clause are left out."""
    verdicts = clause_verdicts(run.cases)
    by_level = {level: [v for v in verdicts if v.level == level] for level in LEVELS}
    return {
        level: (sum(each.holds for each in group), len(group))
        for level, group in by_level.items()
        if group
    }


def _required(verdicts: list[ClauseVerdict], *, partial: bool) -> list[ClauseVerdict]:
    """The clauses that decide."""
    required = [each for each in verdicts if each.level == "MUST"]
    return verdicts if partial and not required else required


def _is_part(run: Run) -> bool:
    """Whether it is a shard; one of a run without cases is as empty as the whole."""
    return run.header.shard is not None and run.header.shard.planned > 0


def _amiss(run: Run) -> list[CaseResult]:
    """The cases that keep a clause from holding; of a part of the run, those that are amiss."""
    amiss = [case for each in clause_verdicts(run.cases) for case in each.amiss]
    if run.complete and run.header.shard is None:
        return amiss
    return [case for case in amiss if case.status in AMISS]
