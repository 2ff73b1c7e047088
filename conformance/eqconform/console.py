"""What the commands share: where they print, and how they end."""

import io
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, NoReturn, TextIO

import typer
from rich.console import Console
from rich.text import Text

from eqconform.engine.planning import NotStarted, SuiteFault
from eqconform.engine.running import Interrupted
from eqconform.results import ResultError
from eqconform.selection import UsageError
from eqconform.verdict import INTERRUPTED, NOT_STARTED, SUITE_FAULT, USAGE

_CODES: dict[type[Exception], int] = {
    UsageError: USAGE,
    ResultError: USAGE,
    NotStarted: NOT_STARTED,
    SuiteFault: SUITE_FAULT,
    Interrupted: INTERRUPTED,
}


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
