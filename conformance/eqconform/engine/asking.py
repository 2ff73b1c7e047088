"""Asks a process of its own about implementations, and waits for no longer than is fair.

An adapter that exits, crashes or hangs when it is imported takes nothing else down. This side knows
nothing of torch; `eqconform.engine.describe` is the other, and writes its answer into a file.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import IO

from eqconform.engine.watching import Excerpt

_LAST_WORDS_SECONDS = 2.0  # for what the process printed to arrive, once it has ended
_CHUNK = 1 << 16  # bytes
# Of its time limit, that a process is at work which is not done: one that waits for ever uses less,
# once it has imported torch, and one on a starved machine gets more.
_LEAST_SHARE = 0.05


def ask(function: str, question: Sequence[str], limit: float) -> str | None:
    """Have a function of `eqconform.engine.describe` answer, in another process.

    The limit is of time at work: where others take the processor (and the platform tells), the
    process has more of the clock's, but never waits for ever.

    Args:
        function: its name.
        question: the command line of the process.
        limit: seconds.

    Returns:
        How the process ended, in words with the last line that it printed to standard error; None
        where time was up.
    """
    # With the path of this process, as xdist's workers have it: not the working folder first.
    path = f"import sys; sys.path[:] = {sys.path!r}"
    program = f"{path}; from eqconform.engine.describe import {function}; {function}()"
    process = subprocess.Popen(  # noqa: S603  our own module, by our own interpreter
        [sys.executable, "-c", program, *question],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        bufsize=0,  # what there is, at once
    )
    said = Excerpt()  # of both ends: an adapter may print without end
    # Its end is not waited for long: a child process may hold the pipe open.
    reader = Thread(target=_read, args=(process.stderr, said), daemon=True)
    reader.start()
    try:
        code = _exit_code(process, limit)
    finally:
        process.kill()
        reader.join(_LAST_WORDS_SECONDS)
    return None if code is None else _ended(code, str(said))


def _exit_code(process: "subprocess.Popen[bytes]", limit: float) -> int | None:
    """That of the process at its end; None where its time is up."""
    before, used = -limit, 0.0
    while used < limit and used - before >= _LEAST_SHARE * limit:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(limit)
        before, used = used, _seconds_at_work(process.pid)
    return None


def _seconds_at_work(process: int) -> float:
    """Processor time that a process has used; infinite where the platform does not tell."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return float("inf")
    # Source: man 5 proc_pid_stat, utime and stime: fields 14 and 15, of which the second is a name
    # in parentheses that may hold any character.
    user, system = text.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _read(stream: IO[bytes], said: Excerpt) -> None:
    with stream:
        while data := stream.read(_CHUNK):
            said.add(data)


def _ended(code: int, said: str) -> str:
    """How the process ended, and its last words."""
    end = f"was killed by signal {-code}" if code < 0 else f"ended with exit status {code}"
    lines = said.strip().splitlines()
    return f"the process that imported it {end}" + (f" ({lines[-1]})" if lines else "")
