"""Observers in several processes: started as torchrun starts them, and ended whatever happens.

Each process loads the implementation anew, shows its own batches to its own observers, and reduces
their ranges; `eqconform.judge.reduction` is what runs there. The processes end by themselves when
their time is up, even if this one should be gone by then.

Source: torch.distributed.run ("torchrun"), PyTorch 2.15.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from eqconform.judge.outcome import Raised

Batches = Sequence[Sequence[Tensor]]
"""What each process sees: a sequence of batches for each of them."""

SECONDS = 50.0  # below a case's time limit; importing torch, 3 s of computing each, is most of it
_GRACE_SECONDS = 2.0  # for torchrun to end what it started


class Reduced(NamedTuple):
    """What `observed_range` gave in one process: after a reduction, and after another one."""

    once: Any
    twice: Any


def reduced(spec: str, cases: Mapping[str, Batches], *, processes: int) -> dict[str, list[Reduced]]:
    """The range that each process has after the reductions, for every case.

    Args:
        spec: of the implementation, see `eqconform.loading.load`.
        cases: what each process sees, by name; each case has an observer of its own.
        processes: how many.

    Returns:
        The ranges in the order of the processes.

    Raises:
        Raised: the implementation raised in some process, or one did not come to an end.
    """
    with tempfile.TemporaryDirectory(prefix="eqconform-") as folder:
        torch.save(dict(cases), Path(folder, "cases"))
        _run(spec, folder, processes)
        answers = _answers([Path(folder, str(rank)) for rank in range(processes)])
    return {name: [Reduced(*answer[name]) for answer in answers] for name in cases}


def _run(spec: str, folder: str, processes: int) -> None:
    """Start the processes, and wait until all have ended."""
    # With the path of this process, as xdist's workers have it: not the working folder first.
    path = f"import sys; sys.path[:] = {sys.path!r}"
    worker = f"{path}; from eqconform.judge.reduction import main; main()"
    launcher = f"{path}; from torch.distributed.run import main; main()"
    options = ["--standalone", "--nproc-per-node", str(processes), "--no-python"]
    started = [sys.executable, "-c", worker, spec, folder, str(SECONDS)]
    with _ended(
        subprocess.Popen(  # noqa: S603  our own module, by our own interpreter
            [sys.executable, "-c", launcher, *options, *started],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    ) as process:
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            late = TimeoutError(f"no result from {processes} processes within {SECONDS:g} s")
            raise Raised("reducing ranges", late) from None


@contextmanager
def _ended(process: "subprocess.Popen[bytes]") -> Iterator["subprocess.Popen[bytes]"]:
    """A launcher that is gone afterwards, its processes too."""
    try:
        yield process
    finally:
        process.terminate()  # it ends what it started
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(files: Sequence[Path]) -> list[Mapping[str, Any]]:
    """The ranges by case that each process wrote before it ended.

    Raises:
        Raised: one could not go on (the others wait for it in vain), or wrote nothing.
    """
    found = {
        rank: torch.load(file, weights_only=True)
        for rank, file in enumerate(files)
        if file.exists()
    }
    for rank, answer in found.items():
        if "error" in answer:
            raise Raised(f"reducing ranges in process {rank}", RuntimeError(answer["error"]))
    if missing := sorted(set(range(len(files))) - set(found)):
        silent = RuntimeError("the process ended without an answer")
        raise Raised(f"reducing ranges in process {missing[0]}", silent)
    return [found[rank]["ranges"] for rank in range(len(files))]
