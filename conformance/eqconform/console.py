"""What the commands share: where they print, how they end, and the bar that moves meanwhile."""

import io
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TextIO

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from eqconform.engine.planning import NotStarted, Plan, SuiteFault
from eqconform.engine.running import Finished, Interrupted, run_plan
from eqconform.results import CaseResult, ResultError
from eqconform.selection import Selection, UsageError
from eqconform.verdict import BROKEN, INTERRUPTED, NOT_STARTED, SUITE_FAULT, USAGE

_CODES: dict[type[Exception], int] = {
    UsageError: USAGE,
    ResultError: USAGE,
    NotStarted: NOT_STARTED,
    SuiteFault: SUITE_FAULT,
    Interrupted: INTERRUPTED,
}


_SECONDS_BETWEEN_LINES = 30.0


def stdout() -> Console:
    """For what was asked for. No markup and no colour of numbers: node names hold brackets."""
    return _console(sys.stdout)


def stderr() -> Console:
    """For errors and progress."""
    return _console(sys.stderr)


def print_closing(lines: Iterable[str]) -> None:
    """Print the verdicts, a line for each run."""
    console = stdout()
    for place, line in enumerate(lines):
        console.print(f"\n{line}" if place == 0 else line, style="bold", soft_wrap=True)


def _console(stream: TextIO) -> Console:
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")  # whatever an implementation says is shown
    return Console(file=stream, markup=False, highlight=False, emoji=False)


def complain(error: Exception) -> int:
    """Say what went wrong; the exit code that stands for it."""
    stderr().print(Text(f"eqconform: {error}"), soft_wrap=True)
    return next(code for kind, code in _CODES.items() if isinstance(error, kind))


@contextmanager
def exits() -> Iterator[None]:
    """End the command with the documented exit code for what is raised inside.

    Anything that is not foreseen is the suite's own failure, and is shown with its traceback.
    """
    try:
        yield
    except tuple(_CODES) as error:
        leave(complain(error))
    except KeyboardInterrupt:
        stderr().print("eqconform: interrupted")
        leave(INTERRUPTED)
    except (typer.Exit, typer.Abort, BrokenPipeError):
        raise
    except Exception:  # noqa: BLE001  exit code 1 would say "not conformant"
        traceback.print_exc()
        leave(SUITE_FAULT)


def leave(code: int) -> NoReturn:
    """End the command."""
    raise typer.Exit(code)


def run_shown(plan: Plan, selection: Selection, jobs: int, output: Path) -> Finished:
    """Run a plan under a bar.

    Raises:
        Interrupted, SuiteFault: see `run_plan`.
    """
    with progress(plan.implementation["name"], len(plan.cases)) as advance:
        return run_plan(plan, selection, jobs=jobs, output=output, on_case=advance)


class _Lines:
    """Signs of life for a log: how far the run has come, twice a minute."""

    def __init__(self, console: Console, title: str, total: int) -> None:
        self._console, self._title, self._total = console, title, total
        self._done, self._told = 0, time.monotonic()

    def __call__(self, _: CaseResult) -> None:
        self._done += 1
        if time.monotonic() - self._told < _SECONDS_BETWEEN_LINES:
            return
        self._told = time.monotonic()
        self._console.print(f"{self._title}: {self._done} of {self._total} cases", soft_wrap=True)


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[CaseResult], None]]:
    """To be called with each result: a bar on the terminal, elsewhere a line now and then."""
    console = stderr()
    if not console.is_terminal:
        yield _Lines(console, title, total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    broken = TextColumn("{task.fields[broken]} broken")
    with Progress(*columns, broken, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task(title, total=total, broken=0)
        found = 0

        def advance(result: CaseResult) -> None:
            nonlocal found
            found += result.status in BROKEN
            bar.update(task, advance=1, broken=found)

        yield advance
