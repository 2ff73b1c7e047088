"""All there is to say about one case that was run again."""

from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from eqconform.deviations.entries import Deviation
from eqconform.registry import clauses
from eqconform.report.broken import print_result
from eqconform.report.table import title
from eqconform.report.words import indented, plain
from eqconform.results import Run


@dataclass(frozen=True)
class Reproduced:
    """A case that was run again, and what a result file does not hold of it.

    Attributes:
        run: of that case alone.
        summary: of what is judged, or None.
        portrait: of the network that is judged: code, batches, places of scales; or empty.
        divergence: where the equalized network leaves the untouched one; or empty.
        traceback: of the implementation's error; or empty.
        printed: by the implementation; or empty.
        known: the deviation that ships for the implementation and lists the case, or None.
    """

    run: Run
    summary: str | None = None
    portrait: str = ""
    divergence: str = ""
    traceback: str = ""
    printed: str = ""
    known: Deviation | None = None


def print_reproduced(console: Console, found: Reproduced) -> None:
    """The clause, what it was tried on, what came of it, and what is known of it."""
    case = found.run.cases[0]
    console.print(Text(title(found.run), style="bold"))
    console.print(Text(f"{case.level} {case.clause}", style="bold"))
    indented(console, clauses()[case.clause].text, 2)
    if found.summary is not None:
        what = "Subject" if case.network is None else f"Network {case.network}"
        indented(console, f"{what}: {found.summary}", 2)
    _print_block(console, "", found.portrait)
    console.print()
    print_result(console, case)
    if found.divergence:
        indented(console, found.divergence, 4)
    _print_known(console, found.known, passed=case.status == "pass")
    _print_block(console, "", found.traceback)
    _print_block(console, "Printed meanwhile:", found.printed)
    _print_block(console, "The network, as a script that needs torch alone:", case.script or "")


def _print_known(console: Console, known: Deviation | None, *, passed: bool) -> None:
    if known is None:
        return
    console.print(Text("\nListed as known, and it passed" if passed else "\nKnown:", style="bold"))
    indented(console, known.reason, 2)
    if known.issue is not None:
        indented(console, known.issue, 2)


def _print_block(console: Console, heading: str, text: str) -> None:
    """A text as it is, line by line, behind an empty line."""
    if not text:
        return
    console.print()
    if heading:
        console.print(Text(heading, style="bold"))
    console.print(plain(text), soft_wrap=True)
