"""A likely cause for a scale that is wrong: what is seen is just what one common mistake gives.

A hint for the reader of a verdict, never a part of it. A mistake is named where the same judgement,
with the scale that it leads to, holds to the same tolerance.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import torch

from eqconform.contract import Batch
from eqconform.judge.expectation import ExpectedScale, expected_scales
from eqconform.judge.outcome import Evidence, Violation
from eqconform_models import Network


def with_cause(
    judge: Callable[[ExpectedScale], Evidence],
    right: ExpectedScale,
    wrong: Callable[[], Iterator[tuple[str, ExpectedScale]]],
) -> Evidence:
    """The evidence that the right scale is there.

    Args:
        judge: says whether a scale is.
        right: the scale that is due.
        wrong: mistakes in words, and the scales that they lead to.

    Raises:
        Violation: it is not; what was observed names the first mistake that explains it.
    """
    try:
        return judge(right)
    except Violation as found:
        for words, scale in wrong():
            if _holds(judge, scale):
                observed = f"{found.evidence.observed}, {words}"
                raise Violation(replace(found.evidence, observed=observed)) from None
        raise


def wrong_scales(
    network: Network, index: int, formula: str, right: ExpectedScale
) -> Iterator[tuple[str, ExpectedScale]]:
    """Common mistakes, and the scale of a layer call that each of them leads to."""
    s = right.value
    for words, value in (
        ("as if it were not scaled", torch.ones_like(s)),
        ("as if the scale were inverted", 1 / s),
        ("as if the scale were squared: without its root, or applied twice", s.square()),
    ):
        yield words, replace(right, value=value)
    for which, place in (("last", slice(-1, None)), ("first", slice(1))):
        part = replace(network, calibration=partial(_some_batches, network, place))
        scales = expected_scales(part, formula, measured=False)
        words = f"as if calibrated on the {which} batch alone"
        yield words, replace(right, value=scales[index].value)


def _some_batches(network: Network, place: slice) -> list[Batch]:
    return network.calibration()[place]


def _holds(judge: Callable[[ExpectedScale], Evidence], scale: ExpectedScale) -> bool:
    try:
        judge(scale)
    except Violation:
        return False
    return True
