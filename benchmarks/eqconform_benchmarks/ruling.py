"""The rule: what pairs of samples say about a slowdown.

A slowdown is called when the median ratio is above 1.03 *and* a one-sided Wilcoxon signed-rank test
on the logarithms of the ratios gives p < 0.005, and when an independent rerun, of twice as many
pairs, says so too. Each half alone fails on a busy machine: a median wanders by some per cent, and
a rank test finds differences of a fraction of one. How often the rule errs is measured, not
assumed: see `eqconform_benchmarks.noise` and docs/benchmarks.md.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from scipy import stats

from eqconform_benchmarks.pairing import Pairs

SLOWER = 1.03
"""Median ratio above which a slowdown is considered."""
LEVEL = 0.005
"""Of the signed-rank test."""
TELLING = 1.10
"""A comparison that cannot exclude a slowdown of this size has decided nothing."""
PAIRS = 50
FEWEST = math.ceil(-math.log2(LEVEL))
"""Pairs with which the rule can see anything: the test's p is 2 ** -pairs at best."""
RERUN = 2
"""Series of the first's length in a rerun: it is rare, and what it says is the verdict."""

Verdict = Literal["pass", "regression", "inconclusive"]


@dataclass(frozen=True)
class Estimate:
    """A median with its 95 % confidence interval, from the order statistics: no shape assumed."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True)
class Comparison:
    """What one series of pairs says.

    Attributes:
        ratio: candidate over baseline.
        p: of the one-sided signed-rank test that the candidate is slower.
        pairs: how many there were.
    """

    ratio: Estimate
    p: float
    pairs: int

    @property
    def alarm(self) -> bool:
        """Whether the rule sees a slowdown."""
        return self.ratio.median > SLOWER and self.p < LEVEL


@dataclass(frozen=True, repr=False)
class Judgement:
    """A verdict, and the comparisons that it rests on."""

    verdict: Verdict
    first: Comparison
    rerun: Comparison | None = None

    def as_json(self) -> dict[str, Any]:
        """The judgement as JSON has it."""
        return asdict(self)

    def __str__(self) -> str:
        again = "" if self.rerun is None else f", again {self.rerun.ratio}"
        return f"{self.verdict}: ratio {self.first.ratio}, p = {self.first.p:.2g}{again}"

    def __repr__(self) -> str:  # what pytest shows of an assertion on the verdict
        return f"<Judgement {self}>"


def estimate(values: Sequence[float]) -> Estimate:
    """The median of the values and its 95 % confidence interval."""
    test = stats.quantile_test(values, q=float(np.median(values)), p=0.5)
    low, high = test.confidence_interval(0.95)
    # Fewer than six values bound nothing at 95 %: the interval is open.
    low, high = (-math.inf if math.isnan(low) else low), (math.inf if math.isnan(high) else high)
    return Estimate(float(np.median(values)), float(low), float(high))


def require_enough(pairs: int) -> None:
    """Refuse a number of pairs with which nothing could be called a regression.

    Raises:
        ValueError: there are fewer than `FEWEST`.
    """
    if pairs < FEWEST:
        raise ValueError(
            f"{pairs} pairs can show no slowdown, however large: p is 2 ** -{pairs} = "
            f"{2.0**-pairs:.2g} at best, and the rule asks for less than {LEVEL}; "
            f"give {FEWEST} or more"
        )


def compared(pairs: Pairs) -> Comparison:
    """What the pairs say."""
    logarithms = np.log(pairs.ratios)
    p = float(stats.wilcoxon(logarithms, alternative="greater").pvalue) if logarithms.any() else 1.0
    return Comparison(estimate(pairs.ratios), p, len(logarithms))


def judged(first: Comparison, again: Callable[[int], Comparison]) -> Judgement:
    """The verdict.

    Args:
        first: what the first series of pairs says.
        again: measures as many pairs as it is told; called only if the first raised an alarm.
    """
    if not first.alarm:
        return Judgement("inconclusive" if first.ratio.high > TELLING else "pass", first)
    rerun = again(RERUN * first.pairs)
    return Judgement("regression" if rerun.alarm else "inconclusive", first, rerun)
