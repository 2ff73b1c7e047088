"""The result of a run as text: tables per claim, what was broken, and the verdict.

Drawn from the result file alone. Readable at 80 columns and in a pipe: nothing is cut, and a
command to copy is never broken into lines.
"""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from eqconform.registry import CLAIMS, LEVELS, clauses
from eqconform.report.known import print_known, print_stale
from eqconform.report.summary import share
from eqconform.report.summary import verdict as in_words
from eqconform.report.words import indented, plain, plural
from eqconform.results import CaseResult, Run
from eqconform.verdict import (
    BROKEN,
    ClauseVerdict,
    clause_verdicts,
    held_by_level,
    known_by_level,
    stale,
    unlisted,
)

_SHOWN = 3  # broken cases of a clause that are shown in full unless all are asked for


def print_run(console: Console, run: Run, *, verbose: bool = False) -> None:
    """Everything there is to say about a run, but the closing line."""
    verdicts = sorted(clause_verdicts(run.cases), key=_place)
    console.print(Text(_title(run), style="bold"))
    for claim in CLAIMS:
        chosen = [each for each in verdicts if each.claim == claim]
        if chosen:
            console.print()
            console.print(_claim_table(claim, chosen))
    _print_not_claimed(console, run)
    for level in LEVELS:
        for verdict in verdicts:
            if verdict.level == level and verdict.broken and (verbose or not verdict.known):
                _print_broken(console, verdict, verbose=verbose)
    _print_set_aside(console, run.cases, verbose=verbose)
    print_known(console, run)
    print_stale(console, run)


def closing_line(run: Run) -> str:
    """The verdict in one line, with what it rests on."""
    about = run.header.implementation
    partial = any(run.header.selection.values())
    known = known_by_level(run)
    parts = [f"{level} {share(pair, known[level])}" for level, pair in held_by_level(run).items()]
    parts += [
        f"{run.counts[status]} {status}"
        for status in ("timeout", "crash", "unsupported", "vacuous", "not-run")
        if run.counts[status]
    ]
    parts += [f"{plural(len(cases), 'case')} not listed" for cases in [unlisted(run)] if cases]
    parts += [f"{len(entries)} stale in the list" for entries in [stale(run)] if entries]
    if any(case.suite_fault for case in run.cases):
        parts.append("THE SUITE ITSELF FAILED")
    scope = " on the selected clauses" if partial else ""
    who = f"{about['name']} {about['version']}"
    return f"{who}: {in_words(run)}{scope} - {', '.join(parts) or _NOTHING}"


def print_case(
    console: Console,
    run: Run,
    summary: str | None,
    tracebacks: Mapping[str, str],
    printed: Mapping[str, str],
) -> None:
    """All there is to say about the one case of a run.

    Args:
        console: where to.
        run: of that case alone.
        summary: of what is judged, where there is one.
        tracebacks: of the implementation's errors, by case id.
        printed: by the implementation, by case id.
    """
    case = run.cases[0]
    console.print(Text(_title(run), style="bold"))
    console.print(Text(f"{case.level} {case.clause}", style="bold"))
    indented(console, clauses()[case.clause].text, 2)
    if summary is not None:
        what = "Subject" if case.network is None else f"Network {case.network}"
        indented(console, f"{what}: {summary}", 2)
    _print_result(console, case)
    if case.id in tracebacks:
        console.print(plain(f"\n{tracebacks[case.id]}"), soft_wrap=True)
    if case.id in printed:
        console.print(Text("\nPrinted meanwhile:", style="bold"))
        console.print(plain(printed[case.id]), soft_wrap=True)


_NOTHING = "nothing was checked"


def _title(run: Run) -> str:
    header = run.header
    versions = header.versions
    return (
        f"\n{header.implementation['name']} {header.implementation['version']} "
        f"on torch {versions['torch']}, {versions.get('device', header.device)}, "
        f"budget {header.budget}: {plural(len(run.cases), 'case')} in {run.seconds:.0f} s"
    )


def _place(verdict: ClauseVerdict) -> int:
    """Where the clause stands in the registry; cases end in any order."""
    names = list(clauses())
    return names.index(verdict.clause) if verdict.clause in names else len(names)


def _claim_table(claim: str, verdicts: Sequence[ClauseVerdict]) -> Table:
    table = Table(title=f"Claim: {claim}", title_justify="left", box=None, pad_edge=False)
    table.add_column("level", no_wrap=True)
    table.add_column("clause", overflow="fold")
    table.add_column("passed", justify="right", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    for verdict in sorted(verdicts, key=lambda each: LEVELS.index(each.level)):
        passed = f"{verdict.counts['pass']}/{len(verdict.cases)}"
        table.add_row(verdict.level, verdict.clause, passed, _mark(verdict))
    return table


def _mark(verdict: ClauseVerdict) -> Text:
    """Whether the clause holds, and the statuses other than pass."""
    word, style = ("holds", "green")
    if verdict.broken:
        word, style = ("BROKEN", "red" if verdict.level == "MUST" else "yellow")
    elif not verdict.holds:
        word, style = ("NOT SHOWN", "red" if verdict.level == "MUST" else "yellow")
    others = [f"{n} {status}" for status, n in verdict.counts.items() if status != "pass"]
    if verdict.known:
        word, style = ("KNOWN", "cyan")
    elif listed := sum(case.deviation is not None for case in verdict.amiss):
        others.append(f"{listed} of them known")
    return Text(f"{word}: {', '.join(others)}" if others else word, style=style)


def _print_not_claimed(console: Console, run: Run) -> None:
    """Claims without a judged clause, and single clauses of the others."""
    if not run.header.not_claimed:
        return
    registry = clauses()
    judged = {case.claim for case in run.cases}
    missing = [
        registry[name].claim if name in registry else name for name in run.header.not_claimed
    ]
    whole = [claim for claim in dict.fromkeys(missing) if claim not in judged]
    single = [
        name for name, claim in zip(run.header.not_claimed, missing, strict=True) if claim in judged
    ]
    console.print()
    if whole:
        console.print(f"Claims not claimed: {', '.join(whole)}")
    if single:
        console.print(f"Clauses not claimed: {', '.join(single)}")


def _print_broken(console: Console, verdict: ClauseVerdict, *, verbose: bool) -> None:
    """A clause that does not hold: its text, the first cases in full, the names of the rest."""
    # By id: the cases of a file stand in the order in which they happened to end.
    broken = sorted((c for c in verdict.cases if c.status in BROKEN), key=lambda case: case.id)
    new = [case for case in broken if case.deviation is None]
    of_all = f"{len(broken)} of {plural(len(verdict.cases), 'case')} broken"
    console.print(Text(f"\n{verdict.level} {verdict.clause}: {of_all}", style="bold"))
    clause = clauses().get(verdict.clause)
    if clause is not None:
        indented(console, clause.text, 2)
    shown = broken if verbose else _examples(new)
    for case in shown:
        _print_case(console, case)
    rest = [case for case in broken if case not in shown]
    if rest:
        indented(console, f"also broken: {_named(rest)} (--verbose shows each)", 2)


def _examples(broken: Sequence[CaseResult]) -> list[CaseResult]:
    """The first few, of as many statuses as there are."""
    first = {case.status: case for case in reversed(broken)}
    chosen = [case for case in broken if case is first[case.status]]
    chosen += [case for case in broken if case not in chosen]
    return chosen[: max(_SHOWN, len(first))]


def _print_case(console: Console, case: CaseResult) -> None:
    subject = case.id.partition("/")[2]
    what = case.network or subject
    label = subject if what == subject else f"{subject} ({what})"
    _print_result(console, case, label)
    console.print(Text(f"    {case.reproduce}", style="cyan"), soft_wrap=True)


def _print_result(console: Console, case: CaseResult, label: str = "") -> None:
    """The status, and what was expected and seen."""
    indented(console, f"{label}: {case.status}" if label else case.status, 2)
    if case.expected is not None:
        indented(console, f"expected {case.expected}", 4)
        indented(console, f"observed {case.observed}", 4)
    if case.error is not None:
        indented(console, f"error {case.error:.3g}, tolerance {_number(case.tolerance)}", 4)
    if case.message is not None:
        indented(console, case.message, 4)


def _print_set_aside(console: Console, cases: Iterable[CaseResult], *, verbose: bool) -> None:
    """Cases that count neither way: out of scope, or nothing was changed."""
    for status, meaning in (
        ("unsupported", "documented as out of scope"),
        ("vacuous", "the function is preserved because nothing was changed"),
    ):
        chosen = sorted((c for c in cases if c.status == status), key=lambda case: case.id)
        if not chosen:
            continue
        console.print(Text(f"\n{len(chosen)} {status}: {meaning}", style="bold"))
        if verbose:
            for case in chosen:
                indented(console, f"{case.id}: {case.message}", 2)
        else:
            for clause, subjects in _by_clause(chosen).items():
                indented(console, f"{clause}: {_names(subjects)}", 2)


def _named(cases: Sequence[CaseResult]) -> str:
    """The subjects by status: `a, b (fail); c (error)`."""
    by_status: dict[str, list[str]] = {}
    for case in cases:
        by_status.setdefault(case.status, []).append(case.id.partition("/")[2])
    return "; ".join(f"{_names(names)} ({status})" for status, names in by_status.items())


def _by_clause(cases: Iterable[CaseResult]) -> dict[str, list[str]]:
    """The subjects of the cases, clause by clause."""
    found: dict[str, list[str]] = {}
    for case in cases:
        found.setdefault(case.clause, []).append(case.id.partition("/")[2])
    return found


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g}"
