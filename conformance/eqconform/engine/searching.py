"""`eqconform run --search`: random networks until time is up, in processes that may die.

Each process (`eqconform.engine.seeking`) draws its share of the seeds. One that hangs or ends is
replaced, and the network on which it did is a find like any other. Knows nothing of torch.
"""

import json
import os
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from eqconform.engine.families import end_family, ended_as_by_ctrl_c
from eqconform.engine.planning import SuiteFault
from eqconform.engine.running import ENVIRONMENT
from eqconform.results import file_name
from eqconform.selection import LOAD_SECONDS

FILE_NAME = "THIS-FILE"
"""What a script calls itself, until its name is known."""

_SEEDS_PER_SEARCH = 1 << 24  # of one search, so that the next one's are others
_STILLBORN = 3  # processes in a row that end before their first network


@dataclass(frozen=True)
class Find:
    """A network that an implementation fails, as small as it could be made.

    Attributes:
        clause: which one.
        status: fail, error, crash or timeout.
        seed: of the network as it was drawn.
        expected: in words; None where the implementation gave no result.
        observed: in words, likewise.
        message: of the error, if it is one.
        network: the description as JSON has it.
        short: the network on one line.
        path: of the script.
    """

    clause: str
    status: str
    seed: int
    expected: str | None
    observed: str | None
    message: str | None
    network: Mapping[str, Any]
    short: str
    path: Path


@dataclass
class Tally:
    """What a search has come to.

    Attributes:
        seed: of the search, which repeats it.
        statuses: how many networks ended in each.
        finds: distinct ones.
        untold: seeds on which a process ended, and another one in telling what network that is.
        again: how many failures were of a kind that was found before.
        seconds: of the clock.
        cpu: seconds of the processor, judging and drawing.
    """

    seed: int
    statuses: Counter[str] = field(default_factory=Counter)
    finds: list[Find] = field(default_factory=list)
    untold: list[int] = field(default_factory=list)
    again: int = 0
    seconds: float = 0.0
    cpu: float = 0.0

    @property
    def networks(self) -> int:
        """How many networks were judged."""
        return sum(self.statuses.values())


@dataclass
class _Worker:
    """A process, and how far it has come."""

    process: "subprocess.Popen[str]"
    number: int
    first: int  # seed of its first network
    due: float  # when it has to have said something
    owes: frozenset[int]  # seeds on which others have ended, which it is to tell
    seed: int | None = None  # of the network that it is at
    warm: bool = False  # it has judged a network
    cpu: float = 0.0


class Search:
    """A search for networks that an implementation fails.

    Args:
        spec: of the implementation.
        name: of the implementation.
        clauses: by which to judge.
        seed: of the search.
        jobs: processes.
        device: where the implementation works.
        folder: for the scripts.
        limit: seconds that one network may take.
        first_limit: the same for a process's first: some implementations import what they need
            when they are called.
        memory: gigabytes that a process may take beyond what it begins with; None for no limit.
    """

    def __init__(  # noqa: PLR0913  each says one thing of the search
        self,
        spec: str,
        name: str,
        *,
        clauses: Sequence[str],
        seed: int,
        jobs: int,
        device: str,
        folder: Path,
        limit: float,
        first_limit: float,
        memory: float | None = None,
    ) -> None:
        self.tally = Tally(seed)
        self._spec, self._name, self._device = spec, name, device
        self._clauses = clauses
        self._jobs, self._folder, self._limit = jobs, folder, limit
        self._first_limit, self._memory = first_limit, memory
        self._queue: Queue[tuple[_Worker, str | None]] = Queue()
        self._workers: dict[int, _Worker] = {}
        self._known: set[str] = set()
        self._owed: set[int] = set()  # seeds on which a process has ended, still to be told
        self._stillborn = 0
        self._closing = False  # time is up

    def run(self, seconds: float, on_change: Callable[[Tally], None] = lambda _: None) -> Tally:
        """Search for so long, and until the last network on which a process ended is told.

        Raises:
            SuiteFault: the suite itself failed, or no process came to judge anything.
        """
        with ended_as_by_ctrl_c():
            self._search(seconds, on_change)
        return self.tally

    def _search(self, seconds: float, on_change: Callable[[Tally], None]) -> None:
        started = time.monotonic()
        first = self.tally.seed * _SEEDS_PER_SEARCH
        try:
            for number in range(self._jobs):
                self._start(number, first + number)
            while (elapsed := time.monotonic() - started) < seconds or self._owed:
                if elapsed >= seconds:
                    self._dismiss_the_free()
                self._listen()
                self._end_the_late()
                self.tally.seconds = elapsed
                on_change(self.tally)
        finally:
            for worker in self._workers.values():
                end_family(worker.process)

    def _dismiss_the_free(self) -> None:
        """Once time is up, none goes on but who is to tell what ended another: or it never ends."""
        self._closing = True
        for worker in [each for each in self._workers.values() if not each.owes & self._owed]:
            end_family(self._workers.pop(worker.number).process)

    def _start(self, number: int, first: int, ended: Mapping[int, str] | None = None) -> None:
        order = {
            "spec": self._spec,
            "first": first,
            "step": self._jobs,
            "clauses": self._clauses,
            "device": self._device,
            "memory": self._memory,
            "ended": ended or {},
        }
        # With the path of this process, as xdist's workers have it: not the working folder first.
        program = f"import sys; sys.path[:] = {sys.path!r}"
        program += "; from eqconform.engine.seeking import main; main()"
        process = subprocess.Popen(  # noqa: S603  our own module, by our own interpreter
            [sys.executable, "-c", program, json.dumps(order)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            encoding="utf-8",
            env={**os.environ, **ENVIRONMENT},
        )
        due = time.monotonic() + LOAD_SECONDS
        worker = _Worker(process, number, first, due, frozenset(ended or ()))
        self._workers[number] = worker
        threading.Thread(target=self._read, args=(worker,), daemon=True).start()

    def _read(self, worker: _Worker) -> None:
        assert worker.process.stdout is not None  # noqa: S101  for the type checker: a pipe
        for line in worker.process.stdout:
            self._queue.put((worker, line))
        self._queue.put((worker, None))

    def _listen(self) -> None:
        """Take in what was said."""
        try:
            worker, line = self._queue.get(timeout=0.2)
        except Empty:
            return
        if self._workers.get(worker.number) is not worker:
            return  # it was replaced, and these are its last words
        if line is None:
            self._replace(worker, f"crash: the process ended with {worker.process.wait()}")
        else:
            self._take(worker, json.loads(line))

    def _take(self, worker: _Worker, said: Mapping[str, Any]) -> None:
        limit = self._limit if worker.warm else self._first_limit
        worker.due = time.monotonic() + limit
        if worker.warm:  # what came before was importing
            self.tally.cpu += said["cpu"] - worker.cpu
        worker.cpu = said["cpu"]
        if "suite_fault" in said:
            raise SuiteFault(f"the search failed on {said['suite_fault']}")
        if "beat" in said:
            self._stillborn, worker.seed = 0, said["beat"]
        elif "judged" in said:
            worker.warm = True
            self.tally.statuses[said["status"]] += 1
        elif "again" in said:
            self.tally.again += 1
        elif "spent" in said:
            end_family(worker.process)
            self._start(worker.number, said["spent"])
        else:
            self._keep(said)

    def _end_the_late(self) -> None:
        for worker in list(self._workers.values()):
            if time.monotonic() > worker.due:
                limit = self._limit if worker.warm else self._first_limit
                self._replace(worker, f"timeout: no result within {limit:g} s")

    def _replace(self, worker: _Worker, how: str) -> None:
        """Start another process behind the network on which one has ended."""
        end_family(worker.process)
        lost = self._owed & worker.owes if worker.seed is None else set()  # ended in the telling
        self._owed -= lost
        self.tally.untold += sorted(lost)
        if self._closing:
            del self._workers[worker.number]
            return
        if worker.seed is None:
            self._stillborn += 1
            if self._stillborn >= _STILLBORN:
                raise SuiteFault(f"processes of the search end before their first network ({how})")
            self._start(worker.number, worker.first)
            return
        self.tally.statuses[how.partition(":")[0]] += 1
        self._owed.add(worker.seed)
        self._start(worker.number, worker.seed + self._jobs, {worker.seed: how})

    def _keep(self, said: Mapping[str, Any]) -> None:
        """Write a find down, unless there is one like it."""
        self._owed.discard(said["seed"])
        mark = f"{said['find']} {said['status']} {said['form']}"
        if mark in self._known:
            self.tally.again += 1
            return
        self._known.add(mark)
        clause = said["find"]
        name = Path(file_name(self._name)).stem
        path = self._folder / f"{name}-{clause}-{zlib.crc32(mark.encode()):08x}.py"
        self._folder.mkdir(parents=True, exist_ok=True)
        path.write_text(said["script"].replace(FILE_NAME, path.name), encoding="utf-8")
        words = {name: said[name] for name in ("expected", "observed", "message")}
        words |= {name: said[name] for name in ("status", "seed", "network", "short")}
        self.tally.finds.append(Find(clause=clause, path=path, **words))
