"""The commands on result files: they judge nothing, and import no torch."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from eqconform.console import exits, leave, print_closing, stderr, stdout, write
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

ResultFiles = Annotated[list[Path], typer.Argument(metavar="FILE", help="Result files.")]
Brief = Annotated[bool, typer.Option("--brief", help="Show the verdicts alone.")]
Html = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Web pages that need no network: a matrix, and every failure."
    ),
]
MarkdownFile = Annotated[
    str | None,
    typer.Option("--markdown", metavar="FILE", help="For a pull request; - for the terminal."),
]
JunitFile = Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="JUnit XML.")]
BadgeFile = Annotated[
    Path | None, typer.Option("--badge", metavar="FILE", help="JSON for a badge of shields.io.")
]
Partial = Annotated[bool, typer.Option("--partial", help="Take a file of an interrupted run too.")]

_TERMINAL = "-"


def add_to(app: typer.Typer) -> None:
    """Add the commands to the app."""
    for command in (report, compare, merge):
        app.command()(command)


def report(  # noqa: PLR0913  one argument per option
    result_files: ResultFiles,
    *,
    verbose: Verbose = False,
    brief: Brief = False,
    html: Html = None,
    markdown_file: MarkdownFile = None,
    junit_file: JunitFile = None,
    badge_file: BadgeFile = None,
    partial: Partial = False,
) -> None:
    """Show result files: as tables, side by side, or in other formats.

    Ends with 1 where a run was interrupted, some of its cases never ran, or nothing was checked.
    """
    with exits():
        if brief and verbose:
            raise UsageError("--brief leaves out what --verbose adds; give one of them")
        drawings = _drawings(junit_file, badge_file, markdown_file)
        _require_apart(result_files, drawings)
        runs = in_order(_read_all(result_files, partial=partial))
        _write(runs, drawings)
        if html is not None:
            stderr().print(f"Wrote {write_site(runs, html)}", soft_wrap=True)
        if markdown_file == _TERMINAL:
            write(markdown(runs))
        elif not drawings and html is None:
            _print(runs, verbose=verbose, brief=brief)
        leave(_code(runs))


def compare(
    result_files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Result files, the oldest first.")
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
            raise UsageError(
                f"{result_files[0]} is one file, with nothing to compare it with; give two"
            )
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
        list[Path], typer.Argument(metavar="FILE", help="Of the shards, every one.")
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


class _Drawing(NamedTuple):
    """A file that runs are to be drawn into."""

    option: str
    path: Path
    draw: Callable[[Sequence[Run]], str]


def _drawings(
    junit_file: Path | None, badge_file: Path | None, markdown_file: str | None
) -> list[_Drawing]:
    """The files that were asked for."""
    wanted = (
        ("--junit", junit_file, junit),
        ("--badge", badge_file, badge_of),
        ("--markdown", None if markdown_file == _TERMINAL else markdown_file, markdown),
    )
    return [_Drawing(option, Path(file), draw) for option, file, draw in wanted if file is not None]


def _read_all(paths: Sequence[Path], *, partial: bool) -> list[Run]:
    """The runs of the files, each of them another.

    Raises:
        UsageError: two are one and the same, be it by another path or as a copy.
        ResultError: a file is none that can be read.
    """
    runs: list[Run] = []
    for path in paths:
        run = read(path, partial=partial)
        for earlier, other in zip(paths, runs, strict=False):
            if path.resolve() == earlier.resolve():
                raise UsageError(f"{path} is given twice; leave one out")
            if _is_copy(run, other):
                raise UsageError(f"{earlier} and {path} hold the same run; leave one out")
        runs.append(run)
    return runs


def _is_copy(one: Run, other: Run) -> bool:
    """Whether two files are of one run: no two begin and last alike to the last digit."""
    return (one.header, one.seconds) == (other.header, other.seconds)


def _require_apart(read_files: Sequence[Path], drawings: Sequence[_Drawing]) -> None:
    """No file is written twice, and none that is read.

    Raises:
        UsageError: one would be.
    """
    taken = {path.resolve(): "a result file to be read" for path in read_files}
    for option, path, _ in drawings:
        if what := taken.get(path.resolve()):
            raise UsageError(f"{option} {path} is {what} too; give another file")
        taken[path.resolve()] = f"that of {option}"


def _write(runs: Sequence[Run], drawings: Sequence[_Drawing]) -> None:
    """Write the files, once all of them can be drawn."""
    texts = {each.path: each.draw(runs) for each in drawings}
    for path, text in texts.items():
        write_whole(path, text)
        stderr().print(f"Wrote {path}", soft_wrap=True)


def _print(runs: list[Run], *, verbose: bool, brief: bool) -> None:
    for run in runs if not brief else ():
        table.print_run(stdout(), run, verbose=verbose)
    stdout().print()
    stdout().print(verdict_table(runs))
    print_closing(table.closing_line(run) for run in runs)


def _code(runs: list[Run]) -> int:
    """Nothing checked is never 0, and neither is a part of what was asked for."""
    return CONFORMANT if all(map(_is_whole, runs)) else NOT_CONFORMANT


def _is_whole(run: Run) -> bool:
    return run.complete and bool(run.cases) and not run.counts["not-run"]
