"""What was broken, as text: reason by reason, and within bounds.

What breaks several clauses in the same way is told once, before the clauses that are broken in
ways of their own. Of everything else that is left out, the number is given. With `verbose`, every
case of every clause is shown.
"""

import shlex
from collections.abc import Collection, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from eqconform.registry import clauses
from eqconform.report.reasons import Reason, reasons
from eqconform.report.words import indented, number, plain, plural, shortened, some
from eqconform.results import CaseResult, Run
from eqconform.verdict import BROKEN, ClauseVerdict

_REASONS = 10  # common to several clauses, that are shown
_CLAUSES = 12  # broken in their own way, that are shown
_LONGEST = 400  # characters of what was expected, observed or said: five lines
_EXAMPLES = 3  # of a clause, of different reasons where there are some


def print_broken(console: Console, verdicts: Sequence[ClauseVerdict], *, verbose: bool) -> None:
    """What broke clauses and is not listed as known; with `verbose`, all that did.

    Args:
        console: where to.
        verdicts: of all clauses, in the order in which they are to be shown.
        verbose: show every case.
    """
    if verbose:
        for verdict in verdicts:
            if verdict.broken:
                _print_clause(console, verdict, _broken(verdict), longest=None)
        return
    new = [case for each in verdicts for case in _broken(each) if case.deviation is None]
    common = _common(new)
    _print_common(console, common[:_REASONS])
    told = {case.id for reason in common[:_REASONS] for case in reason.cases}
    left = [each for each in verdicts if _untold(each, told)]
    for verdict in left[:_CLAUSES]:
        _print_clause(console, verdict, _examples(_untold(verdict, told)), told)
    if left[_CLAUSES:]:
        names = some([each.clause for each in left[_CLAUSES:]])
        console.print(Text(f"\n{plural(len(left) - _CLAUSES, 'more clause')} broken", style="bold"))
        indented(console, names, 2)


def where_the_rest_is(run: Run, file: Path) -> str:
    """How to see each broken case of a run; empty where none is."""
    count = sum(case.status in BROKEN and case.level != "QUIRK" for case in run.cases)
    cases = "The broken case" if count == 1 else f"All {count} broken cases"
    return f"{cases}: eqconform report {shlex.quote(str(file))} --verbose" if count else ""


def out_of_time(run: Run) -> str:
    """What to make of cases that ran out of time; empty where none did."""
    count = run.counts["timeout"]
    who = f"{plural(count, 'case')} ran out of time"
    return f"{who}; where the machine is busy, try again with --case-timeout 300" if count else ""


def print_result(
    console: Console, case: CaseResult, label: str = "", *, longest: int | None = None
) -> None:
    """The status, and what was expected and seen; texts beyond `longest` characters are cut."""
    indented(console, f"{label}: {case.status}" if label else case.status, 2)
    if case.expected is not None:
        indented(console, shortened(f"expected {case.expected}", longest), 4)
        indented(console, shortened(f"observed {case.observed}", longest), 4)
    if case.error is not None:
        indented(console, f"error {case.error:.3g}, tolerance {number(case.tolerance)}", 4)
    if case.message is not None:
        indented(console, shortened(case.message, longest), 4)


def _broken(verdict: ClauseVerdict) -> list[CaseResult]:
    # By id: the cases of a file stand in the order in which they happened to end.
    return sorted((c for c in verdict.cases if c.status in BROKEN), key=lambda case: case.id)


def _untold(verdict: ClauseVerdict, told: Collection[str]) -> list[CaseResult]:
    return [c for c in _broken(verdict) if c.deviation is None and c.id not in told]


def _common(cases: Sequence[CaseResult]) -> list[Reason]:
    """The reasons of more than one clause, those of the most clauses first."""
    found = [each for each in reasons(cases) if len(each.clauses) > 1]
    return sorted(found, key=lambda reason: len(reason.clauses), reverse=True)


def _print_common(console: Console, common: Sequence[Reason]) -> None:
    if common:
        console.print(Text("\nBroken in the same way", style="bold"))
    for reason in common:
        first, others = reason.cases[0], reason.clauses[1:]
        breadth = f"{plural(len(reason.cases), 'case')} of {len(reason.clauses)} clauses"
        print_result(console, first, f"{breadth}, as {first.id}", longest=_LONGEST)
        indented(console, f"likewise {some(others)}", 4)
        _print_command(console, first)


def _print_clause(
    console: Console,
    verdict: ClauseVerdict,
    shown: Sequence[CaseResult],
    told: Collection[str] = (),
    *,
    longest: int | None = _LONGEST,
) -> None:
    """A clause that does not hold: its text, some cases in full, the names of the rest."""
    broken = _broken(verdict)
    of_all = f"{len(broken)} of {plural(len(verdict.cases), 'case')} broken"
    already = sum(case.id in told for case in broken)
    as_above = f", {already} of them as above" if already else ""
    known = sum(case.deviation is not None for case in broken)
    listed = f", {known} of them known" if known else ""
    heading = f"\n{verdict.level} {verdict.clause}: {of_all}{as_above}{listed}"
    console.print(Text(heading, style="bold"))
    clause = clauses().get(verdict.clause)
    if clause is not None:
        indented(console, clause.text, 2)
    for case in shown:
        _print_case(console, case, longest)
    left = [case for case in broken if case not in shown and case.id not in told]
    for word, of_word in (
        ("also broken", [case for case in left if case.deviation is None]),
        ("known", [case for case in left if case.deviation is not None]),
    ):
        if of_word:
            indented(console, f"{word}: {_named(of_word)}", 2)


def _examples(broken: Sequence[CaseResult]) -> list[CaseResult]:
    """The first of each reason, as many as are shown, and at least one of each status."""
    firsts = [reason.cases[0] for reason in reasons(broken)]
    by_status = {case.status: case for case in reversed(firsts)}
    ordered = sorted(firsts, key=lambda case: by_status[case.status] is not case)
    return ordered[: max(_EXAMPLES, len(by_status))]


def _print_case(console: Console, case: CaseResult, longest: int | None) -> None:
    subject = case.id.partition("/")[2]
    what = case.network or subject
    label = subject if what == subject else f"{subject} ({what})"
    print_result(console, case, label, longest=longest)
    _print_command(console, case)


def _print_command(console: Console, case: CaseResult) -> None:
    console.print(Text(f"    {plain(case.reproduce)}", style="cyan"), soft_wrap=True)


def _named(cases: Sequence[CaseResult]) -> str:
    """The subjects by status: `a, b (fail); c (error)`."""
    by_status: dict[str, list[str]] = {}
    for case in cases:
        by_status.setdefault(case.status, []).append(case.id.partition("/")[2])
    return "; ".join(f"{some(names)} ({status})" for status, names in by_status.items())
