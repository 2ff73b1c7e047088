"""Known deviations as text: what is known to be wrong and why, and entries that have had their day.

Drawn from the result file alone, like the tables.
"""

from rich.console import Console
from rich.text import Text

from eqconform.report.words import indented, plural
from eqconform.results import CaseResult, Run
from eqconform.verdict import clause_verdicts, stale


def print_known(console: Console, run: Run) -> None:
    """What does not hold and is listed: each reason once, where it is reported, and where it shows.

    Of a clause that has cases with other reasons, the number of cases is given.
    """
    listed = run.header.deviations
    by_entry = _amiss_by_entry(run)
    if listed is None or not by_entry:
        return
    title = f"\n{plural(len(by_entry), 'known deviation')}, as listed in {listed.source}"
    console.print(Text(title, style="bold"))
    shown: dict[tuple[str, str | None], list[str]] = {}
    for place, cases in sorted(by_entry.items()):
        entry = listed.entries[place]
        count = f" ({plural(len(cases), 'case')})" if entry.cases else ""
        shown.setdefault((entry.reason, entry.issue), []).append(f"{entry.clause}{count}")
    for (reason, issue), places in shown.items():
        indented(console, reason, 2)
        if issue is not None:
            indented(console, issue, 4)
        indented(console, ", ".join(places), 4)


def print_stale(console: Console, run: Run) -> None:
    """The entries that are wrong, and what to do about it."""
    found = stale(run)
    if not found or run.header.deviations is None:
        return
    entries, verb = ("1 entry", "is") if len(found) == 1 else (f"{len(found)} entries", "are")
    title = f"\n{entries} of {run.header.deviations.source} {verb} no longer true"
    console.print(Text(title, style="bold red"))
    for entry, passed in found:
        subjects = ", ".join(sorted(case.id.partition("/")[2] for case in passed))
        indented(console, f"{entry.title}: {f'{subjects} passed' if passed else _HOLDS}", 2)
    spec = run.header.implementation["spec"]
    indented(console, f"Take them out, or let `eqconform deviations write {spec}` do it.", 2)


_HOLDS = "nothing that it lists keeps the clause from holding"


def _amiss_by_entry(run: Run) -> dict[int, list[CaseResult]]:
    """The cases seen to keep a clause from holding, by the place of the entry that lists them."""
    found: dict[int, list[CaseResult]] = {}
    for verdict in clause_verdicts(run.cases):
        for case in verdict.amiss:
            if case.deviation is not None and case.status != "not-run":
                found.setdefault(case.deviation, []).append(case)
    return found
