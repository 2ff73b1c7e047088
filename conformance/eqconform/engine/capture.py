"""What a case prints, at the level of file descriptors: the worker's half.

Descriptors 1 and 2 lead into a named pipe that the recording process reads, so that what C code
and child processes print is caught too, what a process printed before it died is not lost, and
what is printed without end fills neither memory nor disk. `eqconform.engine.watching` reads.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TextIO

_OUTPUTS = (1, 2)
_LIBRARY = ctypes.CDLL(None) if os.name == "posix" else None


def mark(secret: str, case_id: str) -> bytes:
    """What stands in the pipe where a case begins; with an empty id, where it has ended."""
    return f"\0{secret}:{case_id}\0".encode()


class Capture:
    """Leads the output of this process into a pipe.

    Args:
        pipe: where the recording process listens.
        secret: what the marks between cases are known by.
    """

    def __init__(self, pipe: Path, secret: str) -> None:
        self._secret = secret
        self._pipe = os.open(pipe, os.O_WRONLY)
        self._lead()

    @contextmanager
    def case(self, case_id: str) -> Iterator[None]:
        """Mark what is printed inside as the case's, through fresh `sys.stdout` and `sys.stderr`.

        What the case closes or redirects is led back afterwards.
        """
        os.write(self._pipe, mark(self._secret, case_id))
        before = sys.stdout, sys.stderr
        mine = [_text_on(each) for each in _OUTPUTS]
        sys.stdout, sys.stderr = mine
        try:
            yield
        finally:
            for each in mine:
                with suppress(OSError, ValueError):  # the case has closed it
                    each.close()
            sys.stdout, sys.stderr = before
            if _LIBRARY is not None:
                _LIBRARY.fflush(None)
            self._lead()
            os.write(self._pipe, mark(self._secret, ""))

    def _lead(self) -> None:
        for each in _OUTPUTS:
            os.dup2(self._pipe, each)


def _text_on(descriptor: int) -> TextIO:
    return os.fdopen(descriptor, "w", errors="backslashreplace", encoding="utf-8", closefd=False)


def captured(capture: Capture | None, case_id: str) -> AbstractContextManager[None]:
    """`capture.case`, or nothing where nothing is captured."""
    return nullcontext() if capture is None else capture.case(case_id)
