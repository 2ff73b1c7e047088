"""Environments to compare between: made by uv, each with a worker of its own.

A side is any requirement that uv takes (`torch==2.8.0`, a wheel, `mypass @ git+https://...`), or
`git:REVISION` of the checkout that eqconform is installed from. uv resolves and builds; the worker
is `eqconform_benchmarks.worker`, of the eqconform at hand unless the side brings its own.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import IO, Any
from urllib.parse import unquote, urlparse

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from eqconform.engine.families import end_family
from eqconform.engine.planning import NotStarted
from eqconform.selection import UsageError

_GIT = "git:"
_SUITE = "eqconform"
_LAST_WORDS = 2000  # bytes of what a worker said before it died
_FIRST_PATIENCE = 3600.0  # seconds until the first answer: uv may have torch to download
_PATIENCE = 900.0  # seconds until any other: an implementation may wait for ever
_LOOK = 1.0  # seconds from one look at whether it lives to the next


class WorkerError(Exception):
    """An implementation raised in a worker, which goes on; the message says what."""


class Environment:
    """A worker in an environment of its own, running until it is closed.

    Args:
        side: what is installed there beside the suite.
        spec: of the implementation to time.
        device: "cpu" or "cuda".

    Raises:
        UsageError: there is no uv, or no checkout where one is needed.
    """

    def __init__(self, side: str, spec: str, device: str) -> None:
        self.side = side
        self._patience = _FIRST_PATIENCE
        # A file: a pipe that nobody reads fills up, and its writer waits for ever.
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  `close` closes it
        self._process = subprocess.Popen(  # noqa: S603  what the user asked for
            [*_uv(side), "python", "-m", f"{__package__}.worker", spec, device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            encoding="utf-8",
            start_new_session=True,  # uv has the worker for a child, and ends with it
        )
        self._lines: Queue[str] = Queue()
        # The pipe is read aside: it outlives the worker where a process that it forked holds it.
        Thread(target=self._read, daemon=True).start()

    def close(self) -> None:
        """End the worker."""
        end_family(self._process)
        assert self._process.stdin is not None  # noqa: S101  for the type checker: a pipe
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._said.close()

    def ask(self, **request: Any) -> dict[str, Any]:
        """The worker's answer.

        Raises:
            NotStarted: it died, or gave no answer and was ended; the message holds its last words.
            WorkerError: the implementation raised, and the worker lives.
        """
        asked = time.monotonic()
        answer = self._answer(json.dumps(request))
        if not answer:
            late = time.monotonic() - asked >= self._patience
            raise NotStarted(self._obituary(late=late))
        self._patience = _PATIENCE
        found: dict[str, Any] = json.loads(answer)
        if "error" in found:
            raise WorkerError(f"{found['error']} ({self.side})")
        return found

    def _answer(self, request: str) -> str:
        """A line, or "" of a worker that is no more, or says nothing."""
        assert self._process.stdin is not None  # noqa: S101  for the type checker: a pipe
        with suppress(BrokenPipeError):
            self._process.stdin.write(request + "\n")
            self._process.stdin.flush()
        due = time.monotonic() + self._patience
        alive = True
        while alive and time.monotonic() < due:
            alive = self._process.poll() is None  # looked at first: it may end with an answer
            with suppress(Empty):
                return self._lines.get(timeout=_LOOK)
        return ""

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101  for the type checker: a pipe
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put("")

    def _obituary(self, *, late: bool) -> str:
        """What became of a worker without an answer, and its last words."""
        if not late:  # its pipe may end before it does
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_LOOK)
        end_family(self._process)
        size = self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, size - _LAST_WORDS))
        said = self._said.read().decode(errors="replace").strip() or "without a word"
        code = self._process.returncode
        what = f"gave no answer for {self._patience:.0f} s" if late else f"ended with {code}"
        return f"the worker with {self.side} {what}: {said}"


def _uv(side: str) -> list[str]:
    """The command that runs something in an environment with `side` and the suite."""
    command = [_uv_binary(), "run", "--quiet", "--isolated", "--no-project"]
    command += ["--python", sys.executable]
    if side.startswith(_GIT):
        checkout = _checkout()
        if checkout is None:
            raise UsageError(f"{side} needs eqconform to be installed from a checkout (pip -e)")
        commit = _commit(checkout, side[len(_GIT) :])
        return [*command, "--with", f"eqconform @ git+{checkout.as_uri()}@{commit}"]
    command += ["--with", side]
    return command if _distribution_of(side) == _SUITE else [*command, *_this_suite()]


def _distribution_of(side: str) -> str:
    """The name of what a side installs: of a requirement, a wheel, an archive or a folder."""
    file = Path(side).name
    for named in (parse_wheel_filename, parse_sdist_filename):
        with suppress(InvalidWheelFilename, InvalidSdistFilename):
            return str(named(file)[0])
    try:
        return str(canonicalize_name(Requirement(side).name))
    except InvalidRequirement:
        return str(canonicalize_name(file))


def _commit(checkout: Path, revision: str) -> str:
    """The full hash of a revision, whatever git lets it be called by."""
    command = ["git", "-C", str(checkout), "rev-parse", "--verify", f"{revision}^{{commit}}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  what the user asked for
    if done.returncode:
        raise UsageError(f"{checkout} has no revision {revision!r}: {done.stderr.strip()}")
    return done.stdout.strip()


def require_uv() -> None:
    """See that there is a uv, before anything else is done.

    Raises:
        UsageError: there is none.
    """
    _uv_binary()


def _uv_binary() -> str:
    if find_spec("uv") is not None:
        from uv import find_uv_bin  # noqa: PLC0415  an extra

        return str(find_uv_bin())
    found = shutil.which("uv")
    if found is None:
        raise UsageError(
            "there is no uv to make environments with: pip install '.[compare]' in a checkout"
        )
    return found


def _this_suite() -> list[str]:
    checkout = _checkout()
    if checkout is not None:
        return ["--with-editable", str(checkout)]
    return ["--with", f"eqconform=={distribution('eqconform').version}"]


def _checkout() -> Path | None:
    """The folder that eqconform is installed from, if it is one."""
    text = distribution("eqconform").read_text("direct_url.json")
    if text is None:
        return None
    path = Path(unquote(urlparse(json.loads(text)["url"]).path))
    return path if path.is_dir() else None
