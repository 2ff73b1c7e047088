"""Interleaved ratios: two pieces of work timed in turn, in one process, on the same tensors.

An absolute time says little on a busy machine; a ratio of neighbours does. CPU time is used for
work on the CPU: it leaves out what other processes take.
"""

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Ratio:
    """Candidate over baseline: the median pair, and the quartiles of all pairs.

    Attributes:
        seconds: median CPU time of the candidate.
        baseline_seconds: median CPU time of the baseline.
        pairs: how many were timed.
    """

    median: float
    lower: float
    upper: float
    seconds: float
    baseline_seconds: float
    pairs: int


def interleaved(
    candidate: Callable[[T], object],
    baseline: Callable[[], object],
    *,
    pairs: int,
    setup: Callable[[], T],
) -> Ratio:
    """Time both in turn, in alternating order, after one pair that is thrown away.

    Args:
        candidate: called with what `setup` made for it.
        baseline: called with nothing.
        pairs: number of ratios, 2 at least.
        setup: runs before each candidate, untimed.
    """
    timed: list[tuple[float, float]] = []
    for index in range(pairs + 1):
        prepared = setup()
        gc.collect()  # a graph is full of cycles; its memory would otherwise be gone for a while
        if index % 2:
            base = _cpu_seconds(baseline)
            own = _cpu_seconds(partial(candidate, prepared))
        else:
            own = _cpu_seconds(partial(candidate, prepared))
            base = _cpu_seconds(baseline)
        timed.append((own, base))
    own_seconds, base_seconds = zip(*timed[1:], strict=True)
    lower, median, upper = statistics.quantiles([a / b for a, b in timed[1:]], n=4)
    return Ratio(
        median,
        lower,
        upper,
        statistics.median(own_seconds),
        statistics.median(base_seconds),
        pairs,
    )


def _cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    result = work()
    elapsed = time.process_time() - start
    del result  # freed outside the timed span
    return elapsed
