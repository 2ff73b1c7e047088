"""What the commands share: where they print, how they end, and the bar that moves meanwhile."""

import io
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import IO, NoReturn, TextIO

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

_SECONDS_BETWEEN_LINES = 20.0


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


def write(text: str) -> None:
    """Print a text as it is: no line of it is broken, no tab made into blanks."""
    _show_everything(sys.stdout)
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _lead_nowhere(sys.stdout)


class _Console(Console):
    """A console of which the reader may go before the end, as `head` does.

    What a command found is the same whoever listens, and so are its files and its exit code.
    """

    def on_broken_pipe(self) -> None:
        """Go on, unheard."""
        _lead_nowhere(self.file)


def _console(stream: TextIO) -> Console:
    _show_everything(stream)
    return _Console(file=stream, markup=False, highlight=False, emoji=False)


def _show_everything(stream: TextIO) -> None:
    """Escape what the encoding has no sign for: whatever an implementation says is shown."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def _lead_nowhere(stream: IO[str]) -> None:
    """Let a stream that nobody reads take what is still to come, at the end of Python, too."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


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
    except (typer.Exit, typer.Abort):
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


@contextmanager
def _lines(console: Console, title: str, total: int) -> Iterator[Callable[[CaseResult], None]]:
    """Signs of life for a log: how far the run has come, three times a minute, whatever ends."""
    done, over = 0, Event()

    def advance(_: CaseResult) -> None:
        nonlocal done
        done += 1

    def tell() -> None:
        while not over.wait(_SECONDS_BETWEEN_LINES):
            console.print(f"{title}: {done} of {total} cases", soft_wrap=True)

    teller = Thread(target=tell, name="eqconform-progress", daemon=True)
    teller.start()
    try:
        yield advance
    finally:
        over.set()
        teller.join()


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[CaseResult], None]]:
    """To be called with each result: a bar on the terminal, elsewhere a line now and then."""
    console = stderr()
    if not console.is_terminal:
        with _lines(console, title, total) as advance_lines:
            yield advance_lines
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
