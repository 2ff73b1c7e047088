"""`eqconform bench`: what an implementation costs, and whether it became slower."""

from collections.abc import Collection
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from eqconform import Implementation
from eqconform.console import exits, leave, stderr, stdout
from eqconform.engine.describe import require_device
from eqconform.engine.families import ended_as_by_ctrl_c
from eqconform.engine.integrity import load_intact
from eqconform.selection import UsageError, near
from eqconform_benchmarks import between_record, noise_record
from eqconform_benchmarks.between import LAUNCHES, shifts
from eqconform_benchmarks.conditions import conditions
from eqconform_benchmarks.environments import Environment, require_uv
from eqconform_benchmarks.history import FEWEST, Point, Series, better, changes, read
from eqconform_benchmarks.noise import STUDIED, study
from eqconform_benchmarks.plots import (
    history_plot,
    observed,
    require_drawable,
    roofline,
    shift_plot,
)
from eqconform_benchmarks.running import run
from eqconform_benchmarks.session import Session
from eqconform_benchmarks.store import (
    folder_of_runs,
    require_addable,
    require_writable,
    saved_runs,
)
from eqconform_benchmarks.table import heading, line
from eqconform_benchmarks.workloads import SUITES, Workload, workloads

app = typer.Typer(add_completion=False)

_QUICK_SECONDS, _FULL_SECONDS = 1.0, 20.0

Only = Annotated[
    list[str] | None,
    typer.Option(metavar="ID", help="This benchmark, or those of a pattern; repeatable."),
]
Device = Annotated[str, typer.Option(help="Where to measure: cpu or cuda.")]
Store = Annotated[Path, typer.Option(metavar="DIR", help="Folder of the saved runs.")]


@app.callback(invoke_without_command=True)
def bench(  # noqa: PLR0913  one argument per option
    context: typer.Context,
    *,
    impl: Annotated[
        list[str] | None,
        typer.Option(metavar="IMPL", help="Name, module:Class or file.py:Class; repeatable."),
    ] = None,
    suite: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(SUITES)}; repeatable.")
    ] = None,
    only: Only = None,
    quick: Annotated[bool, typer.Option("--quick", help="A part of it, within minutes.")] = False,
    device: Device = "cpu",
    store: Store = Path(".benchmarks"),
) -> None:
    """Time implementations on what they do right, as multiples of a limit.

    On one thread, in CPU time, each in turn with its limit; pytest-benchmark saves the run.

    Exits with 1 where nothing of an implementation could be timed.
    """
    if context.invoked_subcommand is not None:
        return
    with exits():
        require_device(device)
        chosen = _selected(suite or [], only or [], quick=quick)
        loaded = _loaded(impl or ["reference"])
        seconds = _QUICK_SECONDS if quick else _FULL_SECONDS
        closing = noise_record.closing_line(store, device)
        require_writable(folder_of_runs(store))
        console, aside = stdout(), stderr()
        aside.print(_beginning(chosen, loaded), soft_wrap=True)
        console.print(heading(), soft_wrap=True)
        session = Session(
            loaded,
            chosen,
            device,
            seconds,
            on_row=lambda row: console.print(line(row), soft_wrap=True),
            on_step=lambda text: aside.print(text, soft_wrap=True),
        )
        before = saved_runs(store)
        run(session, store.resolve())
        for path in saved_runs(store) - before:
            stdout().print(f"saved as {path}", soft_wrap=True)
        stdout().print(closing, soft_wrap=True)
        timed = {row.implementation for row in session.rows if row.ratio}
        leave(0 if timed == loaded.keys() else 1)


@app.command()
def noise(  # noqa: PLR0913  one argument per option
    *,
    tries: Annotated[int, typer.Option(min=1, help="Comparisons of each benchmark.")] = 20,
    slowdown: Annotated[
        float,
        typer.Option(
            min=0.0, max=0.5, help="How much more one side does, as in 0.05; 0: the same."
        ),
    ] = 0.0,
    only: Only = None,
    impl: Annotated[str, typer.Option(metavar="IMPL", help="Whose work is timed.")] = "reference",
    device: Device = "cpu",
    store: Store = Path(".benchmarks"),
) -> None:
    """Measure how often this machine calls the same code a regression.

    Adds to the record of the device in the store; a line of it stands below every verdict.
    """
    with exits():
        require_device(device)
        path = noise_record.path_in(store, device)
        about = conditions(device)
        noise_record.recorded(path, about)
        names = _timed(only or [])
        require_addable(path)
        implementation, _ = load_intact(impl)
        wanted = tries * len(names)
        tried = study(implementation, names, tries=tries, slowdown=slowdown, device=device)
        for number, each in enumerate(tried, start=1):
            noise_record.add(path, each, about)
            if number % len(names) == 0:
                _tell(f"{number} of {wanted} comparisons")
        for summary in noise_record.summaries(noise_record.recorded(path, about)):
            stdout().print(str(summary), soft_wrap=True)


@app.command()
def compare(  # noqa: PLR0913  one argument per option
    *,
    between: Annotated[
        tuple[str, str],
        typer.Option(
            metavar="FIRST SECOND", help="Requirements, wheels, or git:REVISION of eqconform."
        ),
    ],
    only: Only = None,
    impl: Annotated[str, typer.Option(metavar="IMPL", help="Whose work is timed.")] = "reference",
    launches: Annotated[
        int, typer.Option(min=1, help="Of both workers; fewer err more.")
    ] = LAUNCHES,
    device: Device = "cpu",
    store: Store = Path(".benchmarks"),
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the ratios: *.svg or *.png.")
    ] = None,
) -> None:
    """Compare two environments, made by uv, sample by sample in turn.

    Exits with 1 where the second is slower by the rule, a median over the launches above 1.05,
    where a measurement failed, and where nothing could be timed.
    Adds to the record of the device in the store.
    """
    with exits():
        require_device(device)
        names = _timed(only or [])
        require_uv()
        record = between_record.path_in(store, device)
        between_record.read(record)
        require_addable(record)
        if plot is not None:
            require_drawable(plot)
        first, second = (partial(Environment, side, impl, device) for side in between)
        _tell(f"making an environment with {between[0]} and one with {between[1]}")
        with ended_as_by_ctrl_c():
            found = shifts(first, second, names, launches=launches, tell=_tell)
        times = f"time with {between[1]} / time with {between[0]}, {launches} launches"
        stdout().print(times, soft_wrap=True)
        for each in found.each:
            stdout().print(str(each), soft_wrap=True)
        between_record.add(record, between, found)
        stdout().print(between_record.closing_line(record, found.about[0]), soft_wrap=True)
        if plot is not None:
            shift_plot(found, between, plot)
        leave(0 if found.timed and not found.slower and not found.failed else 1)


@app.command()
def history(
    *,
    since: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="From this run on, to accept the change that it began."),
    ] = None,
    device: Device = "cpu",
    store: Store = Path(".benchmarks"),
    plot: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Draw history.svg and roofline.svg there.")
    ] = None,
) -> None:
    """Show each benchmark's ratio over the saved runs, and wherever it changed.

    Exits with 1 where a benchmark is slower now than it was at its best, by more than 3 %.
    """
    with exits():
        series = read(store, device, since=since)
        if plot is not None:
            require_writable(plot)
        for (workload, implementation), points in series.items():
            last = points[-1].ratio.median
            text = f"{workload:<34} {implementation:<14} {_count(points):>8}, last {last:.2f}"
            stdout().print(f"{text}: {_told(points)}", soft_wrap=True)
        if plot is not None:
            _draw(series, plot)
        leave(1 if any(better(points) for points in series.values()) else 0)


def _draw(series: Series, folder: Path) -> None:
    """The plots of a history, each where it has something to show."""
    history_plot(series, folder / "history.svg")
    if observed(series):
        roofline(series, folder / "roofline.svg")
    else:
        stdout().print("no roofline.svg: the store has no run of the suite observers")


def _count(points: list[Point]) -> str:
    return f"{len(points)} run{'s' if len(points) > 1 else ''}"


def _told(points: list[Point]) -> str:
    """What the runs of a benchmark say about changes, the last state against the best."""
    if len(points) < FEWEST:
        return f"too few runs for a change to be seen, {FEWEST} are needed"
    told = [str(change) for change in changes(points)] or ["no change"]
    if best := better(points):
        told.append(f"slower now than at its best, {best.ratio:.2f} from {best.run} on")
    return "; ".join(told)


def _beginning(chosen: Collection[Workload], loaded: Collection[str]) -> str:
    return (
        f"measuring {len(chosen)} benchmark{'s' if len(chosen) > 1 else ''} of "
        f"{' and '.join(loaded)}; each is first judged on what it relies on"
    )


def _tell(what: str) -> None:
    """What is being done, for those who wait."""
    stderr().print(what, soft_wrap=True)


def _loaded(specs: list[str]) -> dict[str, Implementation]:
    """The implementations by name, each of which stands for one."""
    found: dict[str, Implementation] = {}
    by_name: dict[str, str] = {}
    for spec in specs:
        each, _ = load_intact(spec)
        if each.name in found:
            raise UsageError(
                f"{by_name[each.name]} and {spec} are both called {each.name!r}, and the table "
                "could not tell them apart; leave one out, or give its adapter another name"
            )
        found[each.name], by_name[each.name] = each, spec
    return found


def _timed(ids: list[str]) -> list[str]:
    """The benchmarks that were asked for, or those of the study; all of them have a time."""
    chosen = _selected([], ids or list(STUDIED), quick=False)
    timed = [each.id for each in chosen if not each.weighed]
    for each in chosen:
        if each.weighed and (each.id in ids or not timed):
            raise UsageError(f"{each.id} counts bytes, and has no time to compare; leave it out")
    return timed


def _selected(suites: list[str], ids: list[str], *, quick: bool) -> list[Workload]:
    """The workloads that were asked for, by name or pattern, each of them known."""
    known = workloads()
    for name in suites:
        if name not in SUITES:
            raise UsageError(f"no suite is called {name!r}; there are {', '.join(SUITES)}")
    wanted = {each for name in ids for each in _named(name, known)}
    found = [each for each in known.values() if not suites or each.suite in suites]
    found = [each for each in found if (each.id in wanted if ids else each.quick or not quick)]
    if not found:
        raise UsageError("no benchmark is in both the suites and the benchmarks that were given.")
    return found


def _named(name: str, known: Collection[str]) -> list[str]:
    """The benchmarks of a name, or of a pattern such as `observers/*-float32`."""
    found = [each for each in known if fnmatchcase(each, name)]
    if not found:
        raise UsageError(f"no benchmark is called {name!r}.{_hint(name, known)}")
    return found


def _hint(name: str, known: Collection[str]) -> str:
    """What may have been meant, or where to see what there is."""
    suite, _, rest = name.partition("/")
    within = [each for each in known if each.startswith(f"{suite}/")]
    if within and not rest:
        return f" '{suite}/*' names those of it: {', '.join(within)}."
    return near(name, known) or f" `--only SUITE/` lists those of a suite: {', '.join(SUITES)}."
