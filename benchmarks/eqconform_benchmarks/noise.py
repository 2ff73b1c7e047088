"""The A/A study: how often this machine calls the same code a regression, and what it does see.

Each comparison holds a benchmark against itself, as `paired` would hold two versions, and then
against itself with a known share more to do. What comes out is printed with every verdict: a
threshold from another machine says nothing about this one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import torch

from eqconform import Implementation
from eqconform.selection import UsageError
from eqconform_benchmarks.clocks import clock_of, one_thread
from eqconform_benchmarks.pairing import Work, interleaved, repeats_for
from eqconform_benchmarks.ruling import PAIRS, Comparison, compared, judged
from eqconform_benchmarks.workloads import Timed, workloads

STUDIED = (
    "observers/nchw-float32",
    "observers/tokens-float32",
    "observers/tiny-float32",
    "scale/4096-channels",
    "weights/convolution",
    "convert/chain-of-10",
)
"""Bound by memory, by arithmetic, by Python and by torch's dispatch; each call within some ms."""

COMPUTE_BOUND = ("observers/tiny-float32", "scale/4096-channels", "convert/chain-of-10")
"""Those of `STUDIED` that do not wait for memory."""


@dataclass(frozen=True)
class Try:
    """One comparison of the study.

    Attributes:
        workload: its id.
        slowdown: share that the candidate had more to do; 0 for A/A.
        ratio: median of the pairs.
        p: of the signed-rank test.
        alarm: the rule saw a slowdown.
        regression: the rerun saw it too.
    """

    workload: str
    slowdown: float
    ratio: float
    p: float
    alarm: bool
    regression: bool


def study(
    implementation: Implementation,
    names: list[str],
    *,
    tries: int,
    slowdown: float = 0.0,
    device: str = "cpu",
) -> Iterator[Try]:
    """The tries, in turn over the workloads, so that a busy minute does not hit one alone.

    Args:
        implementation: whose work is timed.
        names: ids of workloads, of `STUDIED`.
        tries: for each workload.
        slowdown: share more to do; 0 for A/A.
        device: "cpu" or "cuda".

    Raises:
        UsageError: a network is so large that no sample can hold as many as the share asks for.
    """
    with one_thread():
        measures = {name: _comparison(implementation, name, slowdown, device) for name in names}
        for _ in range(tries):
            for name, series in measures.items():
                first = series(PAIRS)
                verdict = judged(first, series).verdict
                yield Try(
                    name,
                    slowdown,
                    first.ratio.median,
                    first.p,
                    alarm=first.alarm,
                    regression=verdict == "regression",
                )


def _comparison(
    implementation: Implementation, name: str, slowdown: float, device: str
) -> Callable[[int], Comparison]:
    made = workloads()[name].make(implementation, torch.device(device))
    assert isinstance(made, Timed)  # noqa: S101  for the type checker: `STUDIED` holds no other
    clock, same = clock_of(device), made.candidate
    # As many repetitions as it takes for the share to be a whole number of them.
    every = round(1 / slowdown) if slowdown else 0
    candidate, baseline = _extended(same, every), _extended(same, 0)
    repeats = repeats_for(baseline, clock)
    if every:
        repeats = -(-repeats // every) * every
    if repeats > candidate.most:
        raise UsageError(
            f"a slowdown of {slowdown:g} is one repetition in {every}, and a sample of {name} may "
            f"hold {candidate.most} copies of its network at once; leave it out, or give a larger "
            "slowdown"
        )

    def series(pairs: int) -> Comparison:
        both = (repeats, repeats)
        return compared(interleaved(candidate, baseline, pairs=pairs, clock=clock, repeats=both))

    return series


def _extended(same: Work, every: int) -> Work:
    """The same work, of which every so many repetitions is done twice; 0 for none."""
    turn = count(1)

    def run(items: tuple[object, object]) -> object:
        number = next(turn)
        if every and number % every == 0:
            same.run(items[1])
        return same.run(items[0])

    return Work(run, lambda: (same.fresh(), same.fresh()), most=max(1, same.most // 2))
