"""`paired`: whether a candidate is slower than a baseline, decided in one process."""

from collections.abc import Callable

from eqconform_benchmarks.clocks import clock_of, one_thread
from eqconform_benchmarks.pairing import Work, interleaved, repeats_for_both, work
from eqconform_benchmarks.ruling import (
    PAIRS,
    Comparison,
    Judgement,
    compared,
    judged,
    require_enough,
)

Timed = Work | Callable[[], object]


def paired(
    candidate: Timed, baseline: Timed, *, pairs: int = PAIRS, device: str = "cpu"
) -> Judgement:
    """Whether the candidate is slower than the baseline.

    Both should do the same work on the *same* tensors; torch is held to one thread meanwhile.

    Args:
        candidate: a function without arguments, or `Work`.
        baseline: likewise.
        pairs: how many; fewer than 50 are quicker, and tell less.
        device: "cpu" or "cuda": whose time counts.

    Raises:
        ValueError: fewer than 8 pairs, with which nothing is ever a regression; work that took no
            time that the clock can show.
    """
    require_enough(pairs)
    own, base = as_work(candidate), as_work(baseline)
    clock = clock_of(device)

    def series(count: int) -> Comparison:
        return compared(interleaved(own, base, pairs=count, clock=clock, repeats=repeats))

    with one_thread():
        repeats = repeats_for_both(own, base, clock)
        return judged(series(pairs), series)


def as_work(timed: Timed) -> Work:
    """A plain function as `Work`."""
    return timed if isinstance(timed, Work) else work(timed)
