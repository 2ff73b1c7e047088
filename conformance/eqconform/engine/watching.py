"""Watches workers from outside: what they print, and that none stays in a case for ever.

Each worker writes into a named pipe of its own, where `eqconform.engine.capture` marks the cases.
A thread reads it at once, so that no worker waits, and keeps the beginning and the end of what
each case prints. Knows nothing of torch.
"""

import os
import re
import secrets
import selectors
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread

_KEPT = 8000  # bytes at each end of what a case prints
_CHUNK = 1 << 16  # bytes; what a pipe holds on Linux
_MOST_CHUNKS = 1000  # read for the end of one case, which is in the pipe when it is asked for
_LONGEST_MARK = 2000  # bytes
_PAUSE_SECONDS = 0.2  # between looks at new pipes and at the clock

PIPE, SECRET = "eqconform-pipe", "eqconform-secret"  # of a worker's input


def can_watch() -> bool:
    """Whether the platform has named pipes; where not, what workers print is lost."""
    return hasattr(os, "mkfifo")


class Excerpt:
    """The beginning and the end of a stream of bytes."""

    def __init__(self) -> None:
        self._head = self._tail = b""
        self._size = 0

    def add(self, data: bytes) -> None:
        """Go on with these bytes."""
        self._size += len(data)
        room = _KEPT - len(self._head)
        self._head += data[:room]
        self._tail = (self._tail + data[room:])[-_KEPT:]

    def __str__(self) -> str:
        left_out = self._size - len(self._head) - len(self._tail)
        gap = f"\n… {left_out} bytes left out …\n".encode() if left_out else b""
        return (self._head + gap + self._tail).decode(errors="backslashreplace")


class Transcript:
    """Splits what one worker writes into what its cases print.

    Args:
        secret: what the marks between cases are known by.

    Attributes:
        case: the id of the case that the worker is in, or empty.
        since: when that began, by `time.monotonic`.
    """

    def __init__(self, secret: str) -> None:
        self.case = ""
        self.since = 0.0
        self._mark = re.compile(b"\0" + secret.encode() + b":([^\0]*)\0")
        self._unread = b""
        self._printed: dict[str, Excerpt] = {}

    def feed(self, data: bytes) -> None:
        """Go on with these bytes."""
        *whole, rest = self._mark.split(self._unread + data)
        for text, case in zip(whole[::2], whole[1::2], strict=True):
            self._add(text)
            self._enter(case.decode())
        # A zero byte may be the beginning of a mark; what follows will tell.
        begin = rest.rfind(b"\0", max(0, len(rest) - _LONGEST_MARK))
        end = len(rest) if begin < 0 else begin
        self._add(rest[:end])
        self._unread = rest[end:]

    def end(self) -> None:
        """The worker has ended: nothing follows."""
        self._add(self._unread)
        self.case, self._unread = "", b""

    def has_ended(self, case: str) -> bool:
        """Whether the end of what the case prints has been read."""
        return case in self._printed and case != self.case

    def take(self, case: str) -> str:
        """What the case printed, once."""
        return str(self._printed.pop(case, ""))

    def _enter(self, case: str) -> None:
        self.case, self.since = case, time.monotonic()
        if case:
            self._printed[case] = Excerpt()

    def _add(self, text: bytes) -> None:
        if self.case in self._printed:
            self._printed[self.case].add(text)


class Watch:
    """Reads the pipes of all workers, and ends a worker that stays in a case for too long.

    Args:
        scratch: folder to share with the workers.
        limit: seconds; longer than the time limit that a worker keeps by itself.
    """

    def __init__(self, scratch: Path, limit: float) -> None:
        self._scratch = scratch
        self._limit = limit
        self._lock = Lock()
        self._selector = selectors.DefaultSelector()
        self._transcripts: dict[str, Transcript] = {}
        self._pipes: dict[str, int] = {}
        self._open = True
        self._thread = Thread(target=self._read, name="eqconform-watch", daemon=True)
        self._thread.start()

    def admit(self, worker: str) -> dict[str, str]:
        """Make the pipe of a new worker; what to tell it."""
        path, secret = self._scratch / f"{worker}.output", secrets.token_hex(16)
        os.mkfifo(path, 0o600)
        # For writing too: a pipe whose only writer has died would be readable for ever.
        pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        with self._lock:
            self._transcripts[worker], self._pipes[worker] = Transcript(secret), pipe
            self._selector.register(pipe, selectors.EVENT_READ, worker)
        return {PIPE: str(path), SECRET: secret}

    def dismiss(self, worker: str) -> None:
        """Read what a worker that has ended left in its pipe, and close that."""
        with self._lock:
            if worker not in self._pipes:
                return
            self._drain(worker)
            pipe = self._pipes.pop(worker)
            self._transcripts[worker].end()
            self._selector.unregister(pipe)
            os.close(pipe)

    def take(self, worker: str, case: str) -> str:
        """What the case printed, now that it has ended or its worker has."""
        with self._lock:
            transcript = self._transcripts.get(worker)
            if transcript is None:
                return ""
            if worker in self._pipes and not transcript.has_ended(case):
                self._drain(worker)
            return transcript.take(case)

    def stop(self) -> None:
        """Close everything."""
        self._open = False
        self._thread.join()
        for worker in list(self._pipes):
            self.dismiss(worker)
        self._selector.close()

    def _read(self) -> None:
        while self._open:
            for key, _ in self._selector.select(_PAUSE_SECONDS):
                with self._lock:
                    self._read_some(key.data)
            self._end_overdue()

    def _drain(self, worker: str) -> None:
        """Read all that is there: bounded, for a child process may go on printing."""
        for _ in range(_MOST_CHUNKS):
            if not self._read_some(worker):
                return

    def _read_some(self, worker: str) -> bool:
        """Whether there was something to read."""
        if worker not in self._pipes:
            return False
        try:
            data = os.read(self._pipes[worker], _CHUNK)
        except BlockingIOError:
            return False
        self._transcripts[worker].feed(data)
        return True

    def _end_overdue(self) -> None:
        now = time.monotonic()
        with self._lock:
            for worker, transcript in self._transcripts.items():
                if transcript.case and now - transcript.since > self._limit:
                    end_group(self._scratch, worker)


@dataclass(frozen=True)
class Workplace:
    """What workers and the recorder share.

    Attributes:
        scratch: folder of the notes that they leave each other.
        watch: reads what workers print; None where pytest's own capture is at work.
    """

    scratch: Path
    watch: Watch | None = None


def lead_group(scratch: Path, worker: str) -> None:
    """Put this worker at the head of a process group of its own, with its children to come."""
    if hasattr(os, "setpgid"):
        with suppress(PermissionError):  # it leads one already
            os.setpgid(0, 0)
        (scratch / f"{worker}.pid").write_text(str(os.getpid()), encoding="utf-8")


def end_group(scratch: Path, worker: str) -> None:
    """End what is left of a worker and its children, once."""
    note = scratch / f"{worker}.pid"
    with suppress(OSError, ValueError):  # it has never begun, or nothing is left
        group = int(note.read_text(encoding="utf-8"))
        note.unlink()
        os.killpg(group, signal.SIGKILL)


def end_groups(scratch: Path) -> None:
    """End what is left of every worker."""
    for note in scratch.glob("*.pid"):
        end_group(scratch, note.stem)
