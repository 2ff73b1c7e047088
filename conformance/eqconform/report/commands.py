"""The commands on result files: they judge nothing, and import no torch."""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer

from eqconform.console import exits, leave, print_closing, stderr, stdout
from eqconform.files import write_whole
from eqconform.options import Verbose
from eqconform.reading import read
from eqconform.report import comparison, merging, table
from eqconform.report.badge import badge_of
from eqconform.report.comparison_text import print_comparison
from eqconform.report.junit import junit
from eqconform.report.markdown import markdown
from eqconform.report.matrix import in_order
from eqconform.report.site.writing import write_site
from eqconform.report.summary import verdict_table
from eqconform.results import Run
from eqconform.selection import UsageError
from eqconform.verdict import CONFORMANT, NOT_CONFORMANT, exit_code

ResultFiles = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Result files.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the app."""
    for command in (report, compare, merge):
        app.command()(command)


def report(  # noqa: PLR0913  one argument per option
    result_files: ResultFiles,
    *,
    verbose: Verbose = False,
    brief: Annotated[bool, typer.Option("--brief", help="Show the verdicts alone.")] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Web pages that need no network: a matrix, and every failure."
        ),
    ] = None,
    markdown_file: Annotated[
        str | None,
        typer.Option("--markdown", metavar="FILE", help="For a pull request; - for the terminal."),
    ] = None,
    junit_file: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="JUnit XML.")
    ] = None,
    badge_file: Annotated[
        Path | None,
        typer.Option("--badge", metavar="FILE", help="JSON for a badge of shields.io."),
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Take a file of an interrupted run too.")
    ] = False,
) -> None:
    """Show result files: as tables, side by side, or in other formats.

    Ends with 1 where a run was interrupted, or nothing was checked.
    """
    with exits():
        runs = in_order([read(path, partial=partial) for path in result_files])
        texts: dict[Path, str] = {}
        if junit_file is not None:
            texts[junit_file] = junit(runs)
        if badge_file is not None:
            texts[badge_file] = badge_of(runs) + "\n"
        if markdown_file not in (None, "-"):
            texts[Path(str(markdown_file))] = markdown(runs)
        for path, text in texts.items():
            write_whole(path, text)
            stderr().print(f"Wrote {path}", soft_wrap=True)
        if html is not None:
            stderr().print(f"Wrote {write_site(runs, html)}", soft_wrap=True)
        if markdown_file == "-":
            sys.stdout.write(markdown(runs))
        elif not texts and html is None:
            _print(runs, verbose=verbose, brief=brief)
        leave(_code(runs))


def compare(
    result_files: Annotated[
        list[Path], typer.Argument(metavar="FILE FILE...", help="Result files, the oldest first.")
    ],
    *,
    intersect: Annotated[
        bool, typer.Option("--intersect", help="Compare the cases that both have.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Name every case.")] = False,
) -> None:
    """Say what became of each run's clauses and cases in the next one.

    Ends with 1 where something regressed.
    """
    with exits():
        if len(result_files) == 1:
            raise UsageError(f"{result_files[0]} is one file: there is nothing to compare it with")
        runs = [read(path) for path in result_files]
        found = [
            comparison.compare(one, other, intersect=intersect) for one, other in pairwise(runs)
        ]
        for each in found:
            print_comparison(stdout(), each, verbose=verbose)
        leave(NOT_CONFORMANT if any(each.regressed for each in found) else CONFORMANT)


def merge(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="The result file to write.")],
    result_files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Of the shards, every one.")
    ],
) -> None:
    """Make one run of the shards of it; the exit code is that of the run."""
    with exits():
        if output.exists():
            raise UsageError(f"{output} is there already; nothing was written")
        try:
            run = merging.merge(result_files, output)
        except OSError as error:
            raise UsageError(f"cannot write {output}: {error.strerror or error}") from error
        stderr().print(f"Wrote {output}", soft_wrap=True)
        print_closing([table.closing_line(run)])
        leave(exit_code(run))


def _print(runs: list[Run], *, verbose: bool, brief: bool) -> None:
    for run in runs if not brief else ():
        table.print_run(stdout(), run, verbose=verbose)
    stdout().print()
    stdout().print(verdict_table(runs))
    print_closing(table.closing_line(run) for run in runs)


def _code(runs: list[Run]) -> int:
    """Nothing checked is never 0, and neither is a part of what was asked for."""
    whole = all(run.complete and run.cases for run in runs)
    return CONFORMANT if whole else NOT_CONFORMANT
