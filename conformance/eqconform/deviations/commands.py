"""`eqconform deviations`: write a file of what is known to be wrong, and check one."""

import tempfile
from pathlib import Path
from typing import Annotated, cast

import typer

from eqconform import options
from eqconform.console import exits, stderr, stdout
from eqconform.deviations.entries import Listed
from eqconform.deviations.matching import require_apart, require_cases, with_deviations
from eqconform.deviations.reading import read, shipped, shipped_text
from eqconform.deviations.rendering import is_observed
from eqconform.deviations.writing import Written, written
from eqconform.engine.running import default_jobs
from eqconform.files import require_writable_file, why_unread, write_whole
from eqconform.progress import plan_shown, run_shown
from eqconform.reading import read as read_run
from eqconform.results import Run
from eqconform.selection import Budget, Selection, UsageError, validated

app = typer.Typer(help="What an implementation is known to get wrong, as data.")

_SAY_IT = "In the place of an observation, say what the implementation does wrong, and where."
_ANY = "identity"  # an implementation to ask for the cases of the suite: one that needs nothing


@app.command()
def write(  # noqa: PLR0913  one argument per option
    implementation: Annotated[
        str, typer.Argument(metavar="IMPL", help="Name, module:Class or file.py:Class.")
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The file.", show_default="deviations-NAME.toml"),
    ] = None,
    result: Annotated[
        Path | None,
        typer.Option("--from", metavar="RESULT", help="A result file, in place of a run."),
    ] = None,
    budget: Annotated[str, typer.Option(help="Of the run: quick or full.")] = "quick",
    jobs: options.Jobs = None,
    case_timeout: options.CaseTimeout = None,
) -> None:
    """Write what a run found, or bring a file up to date, and say what changed.

    Entries that still hold keep their reasons; of a new file for an implementation whose
    deviations ship, those are the ones that are there.
    """
    with exits():
        seconds = options.number("--case-timeout", case_timeout)
        selection = validated(Selection(budget=cast(Budget, budget), case_timeout=seconds))
        if output is not None:
            require_writable_file(output)
        run = _found(implementation, result, selection, jobs)
        path = output or Path(f"deviations-{run.header.implementation['name']}.toml")
        found = written(run, _before(implementation, path), str(path))
        write_whole(path, found.text)
        _say(found, path)


@app.command()
def check(
    which: Annotated[
        str, typer.Argument(metavar="FILE|IMPL", help="A file, or whose deviations ship.")
    ],
) -> None:
    """Check a file, or the one that ships for an implementation, without judging anything.

    Reasons that are still what a run observed are named; the exit code does not mind them.
    """
    with exits():
        if Path(which).is_file():
            listed = read(Path(which))
            catalogue = plan_shown(_ANY, Selection()).catalogue
            require_cases(listed, catalogue)
            require_apart(listed, catalogue)
        else:
            found = shipped(which)
            if found is None:
                raise UsageError(f"no file {which!r} is there, and no deviations of it ship")
            listed = found
            with_deviations(plan_shown(which, Selection()), listed)
        count = f"{len(listed.entries)} entries, all well-formed"
        stdout().print(f"{listed.source}: {count}", soft_wrap=True)
        _warn_of_observations(listed)


def _warn_of_observations(listed: Listed) -> None:
    """Name every reason that no person has written, and say how to go on."""
    observed = [entry for entry in listed.entries if is_observed(entry.reason)]
    titles = dict.fromkeys(f"cause {e.cause}" if e.cause else e.title for e in observed)
    for title in titles:
        stderr().print(f"warning: {title}: its reason is still what was observed", soft_wrap=True)
    if titles:
        stderr().print(_SAY_IT, soft_wrap=True)


def _found(spec: str, result: Path | None, selection: Selection, jobs: int | None) -> Run:
    """What the implementation does, by a run or by the record of one."""
    if result is None:
        plan = plan_shown(spec, selection)
        with tempfile.TemporaryDirectory(prefix="eqconform-") as folder:
            return run_shown(plan, selection, jobs or default_jobs(), Path(folder)).run
    run = read_run(result)
    about = run.header.implementation
    if spec not in (about["name"], about["spec"]):
        raise UsageError(f"{result} is a run of {about['spec']} ({about['name']}), not of {spec}")
    return run


def _before(spec: str, path: Path) -> str:
    """The text to go on from: of the file, of what ships, or none."""
    try:
        return path.read_text(encoding="utf-8") if path.exists() else shipped_text(spec) or ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {why_unread(error)}") from error


def _say(found: Written, path: Path) -> None:
    counts = f"{len(found.kept)} kept, {len(found.gone)} gone, {len(found.new)} new"
    stdout().print(f"{path}: {counts}", soft_wrap=True)
    for mark, entries in (("-", found.gone), ("+", found.new)):
        for entry in entries:
            stdout().print(f"{mark} {entry.title}", soft_wrap=True)
    if found.new:
        stderr().print(f"A new entry's reason is what was observed. {_SAY_IT}", soft_wrap=True)
