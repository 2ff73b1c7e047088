"""The command line.

Exit codes: 0 conformant or nothing but known deviations, 1 not conformant, 2 usage or a
deviations file that is wrong, 3 the adapter could not start, 4 the suite itself failed, 130
interrupted; of several implementations, the worst. Nothing here imports torch: that is for the
processes that judge.
"""

import shlex
import tempfile
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Annotated, cast

import typer

from eqconform import contributed, options
from eqconform.console import complain, exits, leave, print_closing, stderr, stdout
from eqconform.deviations import commands as deviations_commands
from eqconform.deviations.entries import Deviation
from eqconform.deviations.matching import with_deviations
from eqconform.deviations.reading import shipped
from eqconform.engine.listing import about_all
from eqconform.engine.planning import NotStarted, Plan, SuiteFault
from eqconform.engine.running import (
    Finished,
    Interrupted,
    default_jobs,
    plan_all,
    require_writable,
)
from eqconform.progress import doing, plan_shown, run_shown
from eqconform.report import commands as report_commands
from eqconform.report import table
from eqconform.report.broken import out_of_time, where_the_rest_is
from eqconform.report.reproduced import Reproduced, print_reproduced
from eqconform.searches import SearchOptions, require_heeded, search_all
from eqconform.selection import Budget, Selection, UsageError, validated
from eqconform.spec import describe_clauses, specification
from eqconform.specs import registered
from eqconform.verdict import exit_code

app = typer.Typer(
    help="Conformance suite for input-weight equalization.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        stdout().print(f"eqconform {version('eqconform')}")
        raise typer.Exit


@app.callback()
def _main(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Conformance suite for input-weight equalization."""


@app.command()
def run(  # noqa: PLR0913  one argument per option
    implementations: options.Implementations,
    *,
    claim: options.Claims = None,
    clause: options.Clauses = None,
    device: options.Device = "cpu",
    budget: options.BudgetName = None,
    jobs: options.Jobs = None,
    case_timeout: options.CaseTimeout = None,
    memory: options.Memory = None,
    deviations: options.DeviationsFile = None,
    output: options.Output = Path("results"),
    verbose: options.Verbose = False,
    shard: options.Shard = None,
    search: options.Search = None,
    search_seed: options.SearchSeed = None,
    pin: options.Pin = False,
    pinned: options.Pinned = None,
) -> None:
    """Judge implementations, print the verdicts, and write a result file for each.

    Ends with 0 where each is conformant, or what keeps it from that is known, and with 1 where not;
    with 2 for what it cannot be asked, 3 where an implementation does not load, 4 where the suite
    failed, 130 where it was interrupted.
    """
    with exits():
        selection = Selection(
            claims=tuple(claim or ()),
            globs=tuple(clause or ()),
            budget=cast(Budget, budget or "quick"),
            device=device,
            case_timeout=options.number("--case-timeout", case_timeout),
            pinned=_absolute(pinned),
            memory=options.number("--memory", memory),
            shard=shard,
        )
        specs, workers = tuple(implementations), jobs or default_jobs()
        minutes = options.number("--search", search)
        if minutes is not None:
            unheeded = {"--budget": budget, "--deviations": deviations, "--verbose": verbose}
            require_heeded({"--clause": clause, "--shard": shard, **unheeded})
            how = SearchOptions(minutes, search_seed, workers, output, pin)
            leave(search_all(specs, selection, how))
        if pin or search_seed is not None:
            raise UsageError("--pin and --search-seed mean something with --search alone")
        validated(selection)
        require_writable(output)
        plans = plan_all(specs, selection, deviations, make=plan_shown)
        leave(_run_plans(plans, selection, workers, output, verbose))


def _absolute(file: Path | None) -> str | None:
    """The path as workers can use it, which run in folders of their own."""
    return None if file is None else str(file.resolve())


def _run_plans(
    plans: dict[str, Plan | NotStarted],
    selection: Selection,
    jobs: int,
    output: Path,
    verbose: bool,
) -> int:
    """Run what could start, print everything, and return the worst exit code."""
    codes, closing = [], []
    for plan in plans.values():
        try:
            if isinstance(plan, NotStarted):
                raise plan
            finished = run_shown(plan, selection, jobs, output)
        except (NotStarted, SuiteFault) as error:
            codes.append(complain(error))
            continue
        table.print_run(stdout(), finished.run, verbose=verbose)
        kept = " is as an earlier run left it" if finished.kept else ""
        stdout().print(f"\nResult file: {finished.path}{kept}", soft_wrap=True)
        rest = "" if verbose else where_the_rest_is(finished.run, finished.path)
        for line in filter(None, (rest, out_of_time(finished.run))):
            stdout().print(line, soft_wrap=True)
        closing.append(table.closing_line(finished.run))
        codes.append(exit_code(finished.run))
    print_closing(closing)
    return max(codes)


@app.command()
def reproduce(
    case: Annotated[str, typer.Argument(metavar="IMPL::CASE", help="As a result file names it.")],
    *,
    device: options.Device = "cpu",
    case_timeout: options.CaseTimeout = None,
    memory: options.Memory = None,
    pinned: options.Pinned = None,
) -> None:
    """Run one case again, and show all there is to know about it.

    Ends as `run` does: with 0 where it passed, with 1 where it is still broken.
    """
    spec, _, name = case.rpartition("::")
    with exits(), tempfile.TemporaryDirectory(prefix="eqconform-") as folder:
        selection = Selection(
            case=name,
            budget="full",
            device=device,
            case_timeout=options.number("--case-timeout", case_timeout),
            memory=options.number("--memory", memory),
            pinned=_absolute(pinned),
        )
        if not spec or not name:
            raise UsageError(f"{case!r} is not IMPL::CASE, as in torch_ao::scale.formula/float32")
        plan = plan_shown(spec, validated(selection))
        try:
            finished = run_shown(plan, selection, 1, Path(folder))
        except Interrupted as error:
            raise KeyboardInterrupt from error  # its file is nothing that anybody asked for
        print_reproduced(stdout(), _reproduced(spec, plan, finished))
        leave(exit_code(finished.run))


def _reproduced(spec: str, plan: Plan, finished: Finished) -> Reproduced:
    """What there is to show of the one case of a plan."""
    case = plan.cases[0]
    return Reproduced(
        finished.run,
        summary=case.summary,
        portrait=case.portrait,
        divergence=finished.divergences.get(case.id, ""),
        traceback=finished.tracebacks.get(case.id, ""),
        printed=finished.printed.get(case.id, ""),
        known=_known(spec, plan),
    )


def _known(spec: str, plan: Plan) -> Deviation | None:
    """The deviation that ships for the implementation and lists the one case of the plan."""
    listing = with_deviations(plan, shipped(spec))
    place = listing.cases[0].deviation
    if listing.deviations is None or place is None:
        return None
    return listing.deviations.entries[place]


@app.command()
def spec(
    clause: Annotated[
        str,
        typer.Argument(
            metavar="CLAUSE", help="Id or pattern; without it, all.", show_default=False
        ),
    ] = "",
) -> None:
    """Print the specification, or single clauses of it."""
    with exits():
        stdout().print(describe_clauses(clause) if clause else specification(), soft_wrap=True)


@app.command()
def implementations() -> None:
    """List the implementations that are installed, and what they claim."""
    with exits():
        names = list(registered())
        with doing("implementations", "importing all of them"):
            found = about_all(names)
        for name, about in zip(names, found, strict=True):
            if isinstance(about, NotStarted):
                lines = [name, str(about)]
            else:
                claims = ", ".join(about["claims"]) or "nothing"
                lines = [f"{name} {about['version']}", f"claims {claims}", about["homepage"]]
            # No line is broken: a script cuts it, and an address is copied whole.
            stdout().print("\n  ".join(filter(None, lines)), soft_wrap=True)


@app.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The adapter to write, *.py.")],
) -> None:
    """Write an adapter to fill in, which runs as it is."""
    with exits():
        if file.name == ".py":
            raise UsageError(f"{file} has no name before .py; give one, as in my_adapter.py")
        if file.suffix != ".py":
            raise UsageError(f"{file} does not end in .py, so `eqconform run` would not find it")
        command = f"eqconform run {shlex.quote(str(file))}"
        try:
            with file.open("x", encoding="utf-8") as stream:
                stream.write(_adapter(command))
        except FileExistsError as error:
            raise UsageError(f"{file} is there already; nothing was written") from error
        except OSError as error:
            raise UsageError(f"cannot write {file}: {error.strerror}") from error
        stderr().print(f"Wrote {file}. Judge it: {command}", soft_wrap=True)


def _adapter(command: str) -> str:
    """The template, with the command that judges it: in a docstring, where a backslash escapes."""
    text = (files("eqconform") / "adapters" / "template.py").read_text(encoding="utf-8")
    escaped = command.replace("\\", r"\\").replace('"', r"\"")
    return text.replace("eqconform run FILE", escaped)


report_commands.add_to(app)
app.add_typer(deviations_commands.app, name="deviations")
contributed.add_to(app)
