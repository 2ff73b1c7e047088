"""One side of a comparison between environments: a process that takes samples when it is asked.

The command line is IMPL DEVICE; requests and answers are JSON, one object a line. What the
implementation prints goes to standard error, for standard output holds the answers; and it finds
nothing to read, for standard input holds the requests.
"""

import json
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import torch

from eqconform.engine.integrity import load_intact
from eqconform.judge.outcome import said
from eqconform_benchmarks.clocks import clock_of, one_thread
from eqconform_benchmarks.conditions import conditions
from eqconform_benchmarks.pairing import quiet, repeats_for, sample
from eqconform_benchmarks.qualify import Gate
from eqconform_benchmarks.workloads import Timed, workloads


class Worker:
    """Answers requests.

    Args:
        spec: of the implementation.
        device: "cpu" or "cuda".
    """

    def __init__(self, spec: str, device: str) -> None:
        self._implementation, _ = load_intact(spec)
        self._device = device
        self._gate = Gate(self._implementation, device)
        self._clock = clock_of(device)
        self._made: Timed | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request; `{"error": why}` where the implementation raised.

        The requests are `{"about": true}`, `{"set_up": id}`, then any number of
        `{"sample": repeats}`, and `{"recheck": true}` for what was sampled.
        """
        try:
            return self._answer(request)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  theirs, whatever it is; SystemExit, too
            return {"error": f"{type(error).__name__}: {said(error)}".split("\n")[0]}

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if "set_up" in request:
            return self._set_up(request["set_up"])
        if "sample" in request and self._made is not None:
            return {"seconds": sample(self._made.candidate, request["sample"], self._clock)}
        if "recheck" in request and self._made is not None:
            return {"objection": self._made.objection_after()}
        return {**conditions(self._device), "implementation": self._implementation.version}

    def _set_up(self, name: str) -> dict[str, Any]:
        workload = workloads().get(name)
        if workload is None:
            return {"objection": f"eqconform has no benchmark {name!r} here"}
        if objection := self._gate.objection(workload):
            return {"objection": objection}
        made = workload.make(self._implementation, torch.device(self._device))
        assert isinstance(made, Timed)  # noqa: S101  for the type checker: bytes are not compared
        if objection := made.objection():
            return {"objection": objection}
        self._made = made
        return {"repeats": repeats_for(made.candidate, self._clock)}


def main() -> None:
    """Answer until standard input ends."""
    spec, device = sys.argv[1:]
    warnings.simplefilter("ignore")  # theirs; what they raise is reported
    with _own_channels() as (requests, output), one_thread(), quiet():
        worker, own = Worker(spec, device), os.getpid()
        for line in requests:
            answer = worker.answer(json.loads(line))
            if os.getpid() != own:  # a child that the implementation forked, and that came back
                os._exit(0)
            output.write(json.dumps(answer) + "\n")
            output.flush()


@contextmanager
def _own_channels() -> Iterator[tuple[TextIO, TextIO]]:
    """Standard input for the requests alone, and standard output for the answers."""
    with (
        os.fdopen(os.dup(0), encoding="utf-8") as requests,
        os.fdopen(os.dup(1), "w", encoding="utf-8") as output,
        Path(os.devnull).open(encoding="utf-8") as nothing,
    ):
        os.dup2(nothing.fileno(), 0)
        os.dup2(2, 1)
        yield requests, output


if __name__ == "__main__":
    main()
