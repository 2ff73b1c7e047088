"""Pairs: two pieces of work timed in turn, in one process, on the same tensors.

An absolute time says little on a busy machine; a ratio of neighbours does. The order alternates,
AB then BA, so that neither side always has the warmer cache or the later clock. Give both sides the
*same* tensors: inputs that are allocated apart were seen to shift the ratio by 1.5 to 7 %.
"""

import gc
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from eqconform_benchmarks.clocks import Clock

SAMPLE_SECONDS = 0.010
"""Shortest sample: process time moves in steps of up to 4 ms on some kernels."""

UNLIKE = 4
"""By how many times two pieces of work differ before each is repeated as often as it needs itself:
as often as the other, a slow one would take for ever, and a quick one too little for the clock."""

WARMUP = 2
"""Pairs that are thrown away: caches, lazy initialization, the allocator."""


def _nothing() -> None:
    """What work that needs nothing fresh is given."""


@dataclass(frozen=True)
class Work:
    """What is timed.

    Attributes:
        run: takes what `fresh` made.
        fresh: makes the argument, untimed: a copy for work that changes what it is given.
        most: repetitions in one sample, whose arguments are all there at once.
    """

    run: Callable[[Any], object]
    fresh: Callable[[], Any] = _nothing
    most: int = sys.maxsize

    def items(self, repeats: int) -> list[Any]:
        """An argument for each repetition."""
        return [self.fresh() for _ in range(repeats)]

    def all(self, items: list[Any]) -> object:
        """Run once for each item; the last result, so that it is freed after the clock stops."""
        result: object = None
        for item in items:
            result = self.run(item)
        return result


def work(function: Callable[[], object]) -> Work:
    """Work that needs no argument."""
    return Work(lambda _: function())


def sample(each: Work, repeats: int, clock: Clock) -> float:
    """Seconds of one repetition, over `repeats` in a row."""
    items = each.items(repeats)
    gc.collect()  # a graph is full of cycles, and would keep its weights for as long as it lies
    start = clock()
    result = each.all(items)
    seconds = clock() - start
    del result
    return seconds / repeats


def repeats_for(each: Work, clock: Clock, *, seconds: float = SAMPLE_SECONDS) -> int:
    """How often to repeat the work for a sample of at least `seconds`, warming it up.

    No more often than its arguments allow.
    """
    return _sized(each, clock, seconds)[0]


def repeats_for_both(candidate: Work, baseline: Work, clock: Clock) -> tuple[int, int]:
    """How often to repeat each: as often as each needs, and if they are alike, equally often.

    The loop's own cost is the same share of both then.
    """
    own, own_seconds = _sized(candidate, clock, SAMPLE_SECONDS)
    other, other_seconds = _sized(baseline, clock, SAMPLE_SECONDS)
    if not alike(own_seconds, other_seconds):
        return own, other
    same = min(max(own, other), candidate.most, baseline.most)
    return same, same


def alike(one: float, other: float) -> bool:
    """Whether two pieces of work are to be repeated equally often.

    Args:
        one: seconds of one repetition, or repetitions in a sample.
        other: likewise, of the other.
    """
    return max(one, other) <= UNLIKE * min(one, other)


def _sized(each: Work, clock: Clock, seconds: float) -> tuple[int, float]:
    """Repetitions in a sample of at least `seconds`, and the seconds of one."""
    with quiet():
        sample(each, 1, clock)  # the first may import, compile or ask for memory
        repeats, taken = 1, sample(each, 1, clock)
        while taken * repeats < seconds and repeats < each.most:
            # A tenth more than it takes; where the clock has not moved yet, twice as often.
            wanted = math.ceil(1.1 * seconds / taken) if taken > 0 else 2 * repeats
            repeats = min(max(repeats + 1, min(wanted, 10 * repeats)), each.most)
            taken = sample(each, repeats, clock)
    return repeats, taken


class TooQuickError(ValueError):
    """Work took no time that the clock can show."""


def ratio(candidate: float, baseline: float) -> float:
    """Candidate over baseline, in seconds.

    Raises:
        TooQuickError: one of them is none.
    """
    if not (candidate > 0 and baseline > 0):
        raise TooQuickError(
            f"samples took {candidate:.3g} s and {baseline:.3g} s, and no ratio can be taken: "
            "let each repetition do more work, or allow more of them (`Work.most`)"
        )
    return candidate / baseline


@dataclass(frozen=True)
class Pairs:
    """Neighbouring samples, in seconds for one repetition; `candidate[i]` met `baseline[i]`."""

    candidate: tuple[float, ...]
    baseline: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        """Candidate over baseline, pair by pair."""
        return [ratio(a, b) for a, b in zip(self.candidate, self.baseline, strict=True)]


@dataclass
class Turns:
    """Samples of the baseline: before the candidate in one round, after it in the next.

    Call `before` and `after` around each sample of the candidate.
    """

    baseline: Work
    repeats: int
    clock: Clock
    samples: list[float] = field(default_factory=list)
    _rounds: int = 0

    def before(self) -> None:
        """Take a sample in every second round, from the first on."""
        gc.collect()  # as in `sample`, for candidates that are timed by other means
        if self._rounds % 2 == 0:
            self._take()

    def after(self) -> None:
        """Take a sample in the other rounds."""
        if self._rounds % 2 == 1:
            self._take()
        self._rounds += 1

    def _take(self) -> None:
        self.samples.append(sample(self.baseline, self.repeats, self.clock))


def interleaved(
    candidate: Work, baseline: Work, *, pairs: int, clock: Clock, repeats: tuple[int, int]
) -> Pairs:
    """Time both in turn, after two pairs that are thrown away.

    Args:
        candidate: what the ratio is of.
        baseline: what it is held against.
        pairs: how many.
        clock: of the device that does the work.
        repeats: of the candidate and of the baseline, in one sample.
    """
    turns = Turns(baseline, repeats[1], clock)
    own: list[float] = []
    with quiet():
        for _ in range(pairs + WARMUP):
            turns.before()
            own.append(sample(candidate, repeats[0], clock))
            turns.after()
    return Pairs(tuple(own[WARMUP:]), tuple(turns.samples[WARMUP:]))


@contextmanager
def quiet() -> Iterator[None]:
    """No garbage collection inside, but for what asks for it; and that is quick."""
    enabled, outermost = gc.isenabled(), gc.get_freeze_count() == 0
    # Ctrl-C in a collection is raised in what is called at its end, where Python drops it.
    called, gc.callbacks[:] = gc.callbacks[:], []
    gc.collect()
    if outermost:
        gc.freeze()  # what is there already, torch's modules above all, is not looked at again
    gc.disable()
    try:
        yield
    finally:
        if outermost:
            gc.unfreeze()
        gc.callbacks[:] = called
        if enabled:
            gc.enable()
