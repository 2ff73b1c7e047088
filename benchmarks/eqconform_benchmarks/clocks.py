"""Clocks: what a second is, on the CPU and on a GPU.

CPU time leaves out what other processes take, so it is what a busy machine can measure; it counts
every thread, so that work must run on one. A GPU is measured by CUDA events on the current stream.
Both are plain functions without arguments, as pytest-benchmark wants its timer.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

Clock = Callable[[], float]
"""Seconds since some moment; only differences mean anything."""


class CudaClock:
    """Seconds that the current CUDA stream has taken, waiting for all that was launched."""

    __name__ = "cuda_time"

    def __init__(self) -> None:
        self._last: torch.cuda.Event | None = None
        self._seconds = 0.0

    def __call__(self) -> float:
        """Seconds until the work that was launched before this call is done."""
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        event.synchronize()
        if self._last is not None:
            # From the last event, not from the first: it is a float32 of milliseconds.
            self._seconds += self._last.elapsed_time(event) / 1e3
        self._last = event
        return self._seconds


cpu_time: Clock = time.process_time
cuda_time = CudaClock()

NAMES = {"cpu": "time.process_time", "cuda": f"{__name__}.cuda_time"}
"""Device to the name under which `--benchmark-timer` finds its clock."""


def clock_of(device: str) -> Clock:
    """The clock of "cpu" or "cuda"."""
    return cuda_time if device == "cuda" else cpu_time


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch computes on one thread: CPU time counts those of all."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
