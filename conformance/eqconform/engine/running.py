"""`eqconform run`: judges one implementation by driving pytest with xdist in this process.

xdist is used for one job as well: an implementation that ends its process ends a worker, and
the next one goes on. What lies in the working folder (configuration, conftest, other plugins)
takes no part. Knows nothing of torch; the workers import it.
"""

import io
import os
import shlex
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from eqconform.deviations.matching import with_deviations
from eqconform.deviations.reading import NONE, listed_for
from eqconform.engine.course import Course
from eqconform.engine.families import ended_as_by_ctrl_c
from eqconform.engine.planning import NotStarted, Plan, SuiteFault, header, make_plan
from eqconform.engine.recording import Recorder
from eqconform.engine.watching import Watch, Workplace, can_watch, end_groups
from eqconform.results import Run, Writer, counted, file_name
from eqconform.selection import Selection, UsageError

_MOST_JOBS = 8  # each holds a torch of its own, some 400 MB

_HERE = Path(__file__).parent
_OVERSTAY_SECONDS = 15.0  # after the time limit: a worker has been ended by itself long before
_PLUGINS = ("xdist.plugin", "xdist.looponfail", "pytest_timeout", "eqconform.plugin")
ENVIRONMENT = {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTHONSAFEPATH": "1",  # no module of the working folder hides an installed one
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
_NOT_OURS = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_TIMEOUT", "PYTEST_DEBUG")


class Interrupted(Exception):  # noqa: N818  an outcome: the run was stopped from outside
    """The run was stopped; the message says what became of the file."""


@dataclass(frozen=True)
class Finished:
    """A run that reached its end.

    Attributes:
        run: what the file holds.
        path: the file.
        tracebacks: of the implementation's errors, by case id.
        divergences: of a case that was run alone, by its id; see `eqconform.judge.divergence`.
        printed: what cases printed, shortened, by case id.
        kept: whether the file is that of an earlier run, for this one had nothing to judge.
    """

    run: Run
    path: Path
    tracebacks: dict[str, str]
    divergences: dict[str, str]
    printed: dict[str, str]
    kept: bool = False


def usable_cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_jobs() -> int:
    """Worker processes where nothing else was asked for."""
    return min(usable_cores(), _MOST_JOBS)


def require_writable(folder: Path) -> None:
    """Make the output folder.

    Raises:
        UsageError: nothing can be written there.
    """
    if folder.is_file():
        raise UsageError(f"{folder} is a file; --output takes the folder for NAME.jsonl")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"cannot write into {folder}: {error.strerror or error}") from error


def plan_all(
    specs: tuple[str, ...],
    selection: Selection,
    deviations: str | None = None,
    *,
    make: Callable[[str, Selection], Plan] = make_plan,
) -> dict[str, Plan | NotStarted]:
    """What each implementation will be judged on, or why it could not start.

    Args:
        specs: the implementations, as on the command line.
        selection: what of the suite.
        deviations: the file of the one implementation, "none", or None for what ships.
        make: makes a plan, and may show that it does.

    Raises:
        UsageError: the device or case does not exist, two result files would be one, or a
            deviations file is wrong.
        SuiteFault: the checks could not be listed.
    """
    if deviations not in (None, NONE) and len(specs) > 1:
        raise UsageError(f"{deviations} is of one implementation, and {len(specs)} were named")
    listed = {spec: listed_for(spec, deviations) for spec in specs}
    plans: dict[str, Plan | NotStarted] = {}
    files: dict[str, str] = {}
    for spec in specs:
        try:
            plan = with_deviations(make(spec, selection), listed[spec])
        except NotStarted as error:
            plans[spec] = error
            continue
        name = file_name(plan.implementation["name"], selection.shard)
        if other := files.get(name):
            raise UsageError(f"{other} and {spec} would both be written to {name}")
        files[name], plans[spec] = spec, plan
    return plans


def run_plan(
    plan: Plan,
    selection: Selection,
    *,
    jobs: int,
    output: Path,
    course: Course | None = None,
) -> Finished:
    """Judge an implementation and write its result file.

    Where there is nothing to judge, a file that is there already is worth more, and stays.

    Args:
        plan: whom, and on what.
        selection: what was asked for.
        jobs: worker processes.
        output: folder of the file.
        course: to tell how far it has come.

    Raises:
        Interrupted: by Ctrl-C or SIGTERM; the file has no footer.
        SuiteFault: pytest could not do its work.
        UsageError: another run is writing the file.
    """
    path = output / file_name(plan.implementation["name"], selection.shard)
    if not plan.selected and path.exists():
        run = Run(header(plan, selection), (), 0.0, counted(()))
        return Finished(run, path, {}, {}, {}, kept=True)
    writer = Writer(path, header(plan, selection))
    try:
        with _workplace(selection) as workplace:
            recorder = Recorder(plan, selection, writer, workplace, course)
            if plan.cases:
                jobs = min(jobs, len(plan.cases))
                _drive(_arguments(plan, selection, jobs, workplace.scratch), recorder, path)
            run = recorder.finish()
            return Finished(run, path, recorder.tracebacks, recorder.divergences, recorder.printed)
    except KeyboardInterrupt as error:  # between pytest's end and ours
        raise _interrupted(path) from error
    finally:
        writer.close()


@contextmanager
def _workplace(selection: Selection) -> Iterator[Workplace]:
    """A folder for the workers and a watch over them; of neither anything is left."""
    with tempfile.TemporaryDirectory(prefix="eqconform-", ignore_cleanup_errors=True) as folder:
        scratch = Path(folder)
        watch = Watch(scratch, selection.timeout + _OVERSTAY_SECONDS) if can_watch() else None
        try:
            yield Workplace(scratch, watch)
        finally:
            end_groups(scratch)
            if watch is not None:
                watch.stop()


def _arguments(plan: Plan, selection: Selection, jobs: int, scratch: Path) -> list[str]:
    """The command line of pytest; workers are given the same."""
    arguments = [str(_HERE.parent / "test_clauses.py"), "-c", str(_HERE / "engine.ini")]
    arguments += [f"--rootdir={_HERE.parent}", "--noconftest", "--assert=plain"]
    arguments += [f"--basetemp={scratch / 'pytest'}", "-p", "no:cacheprovider"]
    arguments += ["-p", "no:faulthandler"]  # the judge keeps the last words, see recording
    if can_watch():
        arguments += ["--capture=no"]  # pytest's does not survive what cases do to descriptors
    for plugin in _PLUGINS:
        arguments += ["-p", plugin]
    restarts = f"--max-worker-restart={_most_restarts(len(plan.cases), jobs)}"
    arguments += [f"--numprocesses={jobs}", "--maxschedchunk=1", restarts]
    arguments += [f"--impl={plan.implementation['spec']}", f"--case-timeout={selection.timeout}"]
    arguments += [f"--eqconform-budget={selection.budget}"]
    arguments += [f"--eqconform-device={selection.device}"]
    arguments += [f"--eqconform-deviations={NONE}"]  # the recorder knows what is listed
    if selection.memory is not None:
        arguments += [f"--eqconform-memory={selection.memory}"]
    arguments += [f"--claim={claim}" for claim in selection.claims]
    arguments += [f"--clause={glob}" for glob in selection.globs]
    if selection.pinned is not None:
        arguments += [f"--eqconform-pinned={selection.pinned}"]
    if selection.shard is not None:
        arguments += [f"--eqconform-shard={selection.shard}"]
    if selection.case is not None:
        arguments += [f"--eqconform-case={selection.case}"]
    return arguments


def _most_restarts(cases: int, jobs: int) -> int:
    """How often a worker may be replaced: each case may cost one, and each job one that is idle.

    The bound is never reached: workers that die before their first case, or claims of which the
    greater part crashes, end sooner, see `eqconform.engine.recording`.
    """
    return cases + jobs


def _drive(arguments: list[str], recorder: Recorder, path: Path) -> None:
    """Run pytest to its end.

    Raises:
        Interrupted: it was stopped.
        SuiteFault: it could not do its work; the message holds what it printed.
    """
    said = io.StringIO()
    with _environment(), ended_as_by_ctrl_c(), redirect_stdout(said), redirect_stderr(said):
        code = pytest.main(arguments, plugins=[recorder])
    if recorder.failure:
        raise SuiteFault(recorder.failure)
    if code == pytest.ExitCode.INTERRUPTED:
        raise _interrupted(path, f", {recorder.progress}")
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise SuiteFault(f"pytest ended with {code!r}:\n{said.getvalue()}")


def _interrupted(path: Path, how_far: str = "") -> Interrupted:
    """What became of the file, and how to look at it."""
    look = f"eqconform report --partial {shlex.quote(str(path))}"
    return Interrupted(f"interrupted: {path} is incomplete{how_far}; see {look}")


@contextmanager
def _environment() -> Iterator[None]:
    """The environment that pytest and the workers see."""
    before = dict(os.environ)
    for name in _NOT_OURS:
        os.environ.pop(name, None)
    os.environ.update(ENVIRONMENT)
    try:
        yield
    finally:
        for name in (*_NOT_OURS, *ENVIRONMENT):
            os.environ.pop(name, None)
        os.environ.update({name: before[name] for name in before})
