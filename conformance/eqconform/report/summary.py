"""Several runs side by side: how many MUST clauses of each claim hold, and the verdicts."""

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.table import Table

from eqconform.registry import CLAIMS, LEVELS
from eqconform.results import CaseResult, Run
from eqconform.verdict import (
    BROKEN,
    clause_verdicts,
    conformant,
    held_by_level,
    known_by_level,
    of_selection,
)

_NOT_CLAIMED = "-"


def verdict_table(runs: Sequence[Run]) -> Table:
    """A column per run; a row per claim, per level, and for the verdict."""
    table = Table(box=None, pad_edge=False)
    table.add_column("MUST clauses that hold", no_wrap=True)
    for run in runs:
        about = run.header.implementation
        table.add_column(f"{about['name']} {about['version']}", justify="right", overflow="fold")
    by_claim = [must_by_claim(run) for run in runs]
    for claim in claims_of(case for run in runs for case in run.cases):
        if any(claim in each for each in by_claim):
            cells = [share(each[claim]) if claim in each else _NOT_CLAIMED for each in by_claim]
            table.add_row(claim, *cells)
    by_level = [held_by_level(run) for run in runs]
    known = [known_by_level(run) for run in runs]
    for level in LEVELS:
        cells = [
            share(held[level], listed[level]) if level in held else _NOT_CLAIMED
            for held, listed in zip(by_level, known, strict=True)
        ]
        table.add_row(f"all {level}", *cells, style="bold" if level == "MUST" else None)
    table.add_row("verdict", *(verdict(run) for run in runs), style="bold")
    return table


def claims_of(cases: Iterable[CaseResult]) -> list[str]:
    """The claims of the cases in the order of the suite, those that it does not know last."""
    found = dict.fromkeys(case.claim for case in cases)
    return [claim for claim in CLAIMS if claim in found] + sorted(found.keys() - set(CLAIMS))


def must_by_claim(run: Run) -> dict[str, tuple[int, int]]:
    """MUST clauses that hold and MUST clauses judged, by claim; claims without one are left out."""
    held: dict[str, tuple[int, int]] = {}
    for each in clause_verdicts(run.cases):
        if each.level == "MUST":
            before = held.get(each.claim, (0, 0))
            held[each.claim] = (before[0] + each.holds, before[1] + 1)
    return held


def verdict(run: Run) -> str:
    """The verdict in words, and how far it carries: cases left out, clauses left out by choice.

    Of an incomplete run and of a part of one, that there is none yet.
    """
    scope = " on the selected clauses" if of_selection(run) else ""
    return f"{_among_those_that_ran(run)}{scope}"


def _among_those_that_ran(run: Run) -> str:
    """The verdict, and how many cases it rests on where some were left out (`pytest -k`)."""
    counts = Counter(case.status for case in run.cases)
    left_out = counts["not-run"]
    if not left_out:
        return _of_all(run)
    broken = any(counts[status] for status in BROKEN)
    reached = _of_all(run) if broken or conformant(run) else "no verdict"
    return f"{reached}, INCOMPLETE: {len(run.cases) - left_out} of {len(run.cases)} cases ran"


def _of_all(run: Run) -> str:
    """The verdict, as if every case had run and none had been left out."""
    if not run.complete:
        return f"INCOMPLETE, {len(run.cases)} of {run.header.planned} cases"
    shard = run.header.shard
    if shard is not None:
        if not run.cases:
            return f"shard {shard}, to which no case fell"
        state = "nothing broken" if conformant(run) else "not conformant"
        return f"shard {shard}, {state}"
    return "conformant" if conformant(run) else "not conformant"


def speaks_for_all(run: Run) -> bool:
    """Whether the verdict is on all that is claimed: of a whole run, with no clause left out."""
    is_whole = run.complete and run.header.shard is None and bool(run.cases)
    return is_whole and not of_selection(run)


def level_words(run: Run) -> list[str]:
    """How many clauses hold, level by level: "MUST 61/62 (1 known)", "SHOULD 9/12"."""
    known = known_by_level(run)
    return [f"{level} {share(pair, known[level])}" for level, pair in held_by_level(run).items()]


def share(pair: tuple[int, int], known: int = 0) -> str:
    """Clauses that hold of those judged, and how many of the others are known: 3/5 (2 known)."""
    return f"{pair[0]}/{pair[1]}" + (f" ({known} known)" if known else "")
