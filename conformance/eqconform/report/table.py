"""The result of a run as text: tables per claim, what was broken, and the verdict.

Drawn from the result file alone. Readable at 80 columns and in a pipe: nothing is cut but long
texts of an implementation, and those not with `verbose`; a command to copy is never broken into
lines.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from eqconform.registry import LEVELS, clauses
from eqconform.report.broken import print_broken
from eqconform.report.known import print_known, print_stale
from eqconform.report.reasons import reasons
from eqconform.report.summary import claims_of, level_words
from eqconform.report.summary import verdict as in_words
from eqconform.report.words import indented, plural, shortened, some
from eqconform.results import STATUSES, CaseResult, Run
from eqconform.verdict import ClauseVerdict, clause_verdicts, stale, unlisted

_LONGEST = 160  # characters of why a case is set aside
_BESIDE = 34  # columns for level, passed and gaps, and for a verdict that is folded at its words


def print_run(console: Console, run: Run, *, verbose: bool = False) -> None:
    """Everything there is to say about a run, but the closing line."""
    verdicts = sorted(clause_verdicts(run.cases), key=_place)
    console.print(Text(title(run), style="bold"))
    for claim in claims_of(run.cases):
        of_claim = [each for each in verdicts if each.claim == claim]
        console.print()
        console.print(_claim_table(claim, of_claim, console.width, complete=run.complete))
    _print_not_claimed(console, run)
    promised = [each for each in verdicts if each.level != "QUIRK"]
    by_level = sorted(promised, key=lambda each: LEVELS.index(each.level))
    print_broken(console, by_level, verbose=verbose)
    _print_set_aside(console, run.cases, verbose=verbose)
    print_known(console, run)
    print_stale(console, run)


def closing_line(run: Run) -> str:
    """The verdict in one line, with what it rests on."""
    about = run.header.implementation
    parts = level_words(run)
    counts = Counter(case.status for case in run.cases if case.level != "QUIRK")
    parts += [f"{counts[status]} {status}" for status in STATUSES[1:] if counts[status]]
    parts += [f"{plural(len(cases), 'case')} not listed" for cases in [unlisted(run)] if cases]
    parts += [f"{len(entries)} stale in the list" for entries in [stale(run)] if entries]
    if any(case.suite_fault for case in run.cases):
        parts.append("THE SUITE ITSELF FAILED")
    who = f"{about['name']} {about['version']}"
    return f"{who}: {in_words(run)} - {', '.join(parts) or _NOTHING}"


_NOTHING = "nothing was checked"


def title(run: Run) -> str:
    """Who was judged, on what, on how many cases."""
    header = run.header
    versions = header.versions
    cases = plural(len(run.cases), "case")
    if not run.complete:
        cases = f"{len(run.cases)} of {plural(header.planned, 'case')}"
    # A case that was asked for by name is the same at every budget.
    budget = "" if header.selection["case"] else f", budget {header.budget}"
    return (
        f"\n{header.implementation['name']} {header.implementation['version']} "
        f"on torch {versions['torch']}, {versions.get('device', header.device)}{budget}: "
        f"{cases} in {run.seconds:.0f} s"
    )


def _place(verdict: ClauseVerdict) -> int:
    """Where the clause stands in the registry; cases end in any order."""
    names = list(clauses())
    return names.index(verdict.clause) if verdict.clause in names else len(names)


def _claim_table(
    claim: str, verdicts: Sequence[ClauseVerdict], width: int, *, complete: bool
) -> Table:
    longest = max(len(each.clause) for each in verdicts)
    table = Table(title=f"Claim: {claim}", title_justify="left", box=None, pad_edge=False)
    table.add_column("level", no_wrap=True)
    # To be copied: the verdict gives way, where there is room for both.
    table.add_column("clause", overflow="fold", no_wrap=longest + _BESIDE <= width)
    table.add_column("passed", justify="right", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    for verdict in sorted(verdicts, key=lambda each: LEVELS.index(each.level)):
        passed = f"{verdict.counts['pass']}/{len(verdict.cases)}"
        table.add_row(verdict.level, verdict.clause, passed, _mark(verdict, complete=complete))
    return table


def _mark(verdict: ClauseVerdict, *, complete: bool) -> Text:
    """Whether the clause holds, and the statuses other than pass."""
    word, style = _word(verdict, complete=complete)
    # Cases end in any order, and one verdict reads the same every time.
    counts = verdict.counts
    others = [f"{counts[status]} {status}" for status in STATUSES[1:] if counts[status]]
    if word != _KNOWN and (listed := sum(c.deviation is not None for c in verdict.amiss)):
        others.append(f"{listed} of them known")
    return Text(f"{word}: {', '.join(others)}" if others else word, style=style)


_KNOWN = "KNOWN"


def _word(verdict: ClauseVerdict, *, complete: bool) -> tuple[str, str]:
    """What there is to say of the clause, and the style of that.

    Of an interrupted run, it holds as far as the run came: what was left out is not known.
    """
    alarming = "red" if verdict.level == "MUST" else "yellow"
    if verdict.unfinished:
        return "NOT RUN", "yellow"
    if verdict.level == "QUIRK":  # of PyTorch's pass; nobody is asked to share it
        return ("shared" if verdict.holds else "not shared"), "default"
    if verdict.holds:
        return ("holds", "green") if complete else ("holds so far", "default")
    if verdict.known:
        return _KNOWN, "cyan"
    return ("BROKEN" if verdict.broken else "NOT SHOWN"), alarming


def _print_not_claimed(console: Console, run: Run) -> None:
    """Whole claims, and single clauses of the others."""
    if not run.header.not_claimed:
        return
    registry = clauses()
    claimed = run.header.implementation["claims"]
    missing = [
        registry[name].claim if name in registry else name for name in run.header.not_claimed
    ]
    whole = [claim for claim in dict.fromkeys(missing) if claim not in claimed]
    single = [
        name
        for name, claim in zip(run.header.not_claimed, missing, strict=True)
        if claim in claimed
    ]
    console.print()
    if whole:
        console.print(f"Claims not claimed: {', '.join(whole)}")
    if single:
        console.print(f"Clauses not claimed: {', '.join(single)}")


def _print_set_aside(console: Console, cases: Iterable[CaseResult], *, verbose: bool) -> None:
    """Cases that count neither way: out of scope, nothing was changed, or never run."""
    for status, meaning in (
        ("not-run", "the run came to its end without them"),
        ("unsupported", "documented as out of scope"),
        ("vacuous", "nothing is broken, and nothing is shown"),
    ):
        chosen = sorted((c for c in cases if c.status == status), key=lambda case: case.id)
        if not chosen:
            continue
        console.print(Text(f"\n{len(chosen)} {status}: {meaning}", style="bold"))
        if verbose:
            for case in chosen:
                indented(console, f"{case.id}: {case.message}", 2)
        else:
            for reason in reasons(chosen):
                indented(console, f"{shortened(str(reason.cases[0].message), _LONGEST)}:", 2)
                counts = Counter(case.clause for case in reason.cases)
                indented(console, some([f"{name} ({n})" for name, n in counts.items()]), 4)
