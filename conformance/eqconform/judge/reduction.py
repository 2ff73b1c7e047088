"""One of several processes that observe, and reduce what they saw: `eqconform.judge.processes`.

The command line is SPEC FOLDER SECONDS; the cases are in the file "cases" of the folder, and the
answer goes into the file that is called as the process's rank.
"""

import faulthandler
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from eqconform.contract import Implementation
from eqconform.loading import load


def main() -> None:
    """Take part, and leave an answer."""
    spec, folder, seconds = sys.argv[1:]
    faulthandler.dump_traceback_later(float(seconds), exit=True)  # even out of a hang in C
    torch.set_num_threads(1)
    rank = int(os.environ["RANK"])
    cases = torch.load(Path(folder, "cases"), weights_only=True)
    try:
        answer: dict[str, Any] = {"ranges": _ranges(load(spec), cases, rank, float(seconds))}
    except Exception as error:  # noqa: BLE001  theirs, whatever it is
        answer = {"error": f"{type(error).__name__}: {error}"}
    partial = Path(folder, f"{rank}.part")
    torch.save(answer, partial)
    partial.rename(Path(folder, str(rank)))
    if "error" in answer:
        os._exit(1)  # the others may wait for this one: the launcher ends them now
    with suppress(RuntimeError):  # of one that left already; the answer is written
        dist.barrier()  # a process that leaves early would take the others' connection with it
    os._exit(0)  # destroy_process_group of PyTorch 2.1 may wait for a process that is gone


def _ranges(
    implementation: Implementation, cases: Mapping[str, Any], rank: int, seconds: float
) -> dict[str, tuple[Any, Any]]:
    """The ranges of this process by case, reduced once and then once more.

    All observers are at work before the first reduction.
    """
    dist.init_process_group("gloo", timeout=timedelta(seconds=seconds))
    observers = {name: implementation.input_observer(channel_axis=1) for name in cases}
    for name, batches in cases.items():
        for batch in batches[rank]:
            observers[name](batch)
    once, twice = (_reduced(implementation, observers) for _ in range(2))
    return {name: (once[name], twice[name]) for name in cases}


def _reduced(implementation: Implementation, observers: Mapping[str, Any]) -> dict[str, Any]:
    """The range of each observer after another reduction."""
    for observer in observers.values():
        implementation.reduce_ranges(observer)
    return {name: _plain(implementation.observed_range(each)) for name, each in observers.items()}


def _plain(returned: Any) -> Any:
    """What can be sent: the bounds in a tuple of tensors, and all else as a text."""
    if isinstance(returned, (tuple, list)) and all(isinstance(b, Tensor) for b in returned):
        return tuple(bound.detach().cpu().clone() for bound in returned)
    return f"{returned!r}"
