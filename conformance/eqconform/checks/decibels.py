"""Signal-to-noise ratios of int8 models: how the checks of "quantize" take and compare them.

Ratios are centred (`eqconform.judge.sqnr`) and taken on a batch that was never calibrated on,
against the float model. Two quantizations of equally fine steps differ by chance alone, and how far
that may be is derived in `eqconform.judge.noise`; an implementation is compared with itself, so
that one with 7 bits, or with a quantizer at the output too, meets the same bounds.
"""

import math
from collections.abc import Callable, Iterable
from copy import deepcopy

import torch
from torch import Tensor, nn

from eqconform.checks.sequences import Tried
from eqconform.contract import Batch
from eqconform.judge.guard import Guarded, run
from eqconform.judge.judgement import a_module
from eqconform.judge.outcome import Evidence, Violation, require, within
from eqconform.judge.sqnr import sqnr

Quantize = Callable[[nn.Module, list[Batch], bool], object]
"""(model, batches, equalize) to what should be an int8 model."""


def plainly(implementation: Guarded) -> Quantize:
    """`quantize`, of every layer."""

    def quantize(model: nn.Module, batches: list[Batch], equalize: bool) -> object:
        return implementation.quantize(model, batches, equalize=equalize)

    return quantize


def ratio(quantize: Quantize, tried: Tried, *, equalize: bool) -> float:
    """The centred ratio, in dB, of the int8 model on the fresh batch.

    Raises:
        Raised, Unsupported: the implementation did.
        Violation: what it returned is no module, or its output no tensor of the right shape.
    """
    with torch.no_grad():
        exact = tried.model(tried.fresh)
    # A copy, for whether the caller's model stays as it was is another clause's question.
    batches: list[Batch] = list(tried.calibration)
    int8 = a_module(quantize(deepcopy(tried.model), batches, equalize), "quantize()")
    return sqnr(exact, like(exact, run(int8, tried.fresh, who="the int8 model")), centred=True)


def like(exact: Tensor, returned: object) -> Tensor:
    """What was returned, if it is a tensor of the shape of the exact one.

    Raises:
        Violation: it is not.
    """
    expected = f"a floating-point tensor of shape {tuple(exact.shape)}"
    if not isinstance(returned, Tensor):
        raise Violation(Evidence(expected, type(returned).__name__))
    fits = returned.shape == exact.shape and returned.is_floating_point()
    require(fits, Evidence(expected, f"{returned.dtype} of shape {tuple(returned.shape)}"))
    return returned


def at_least(observed: float, expected: float, allowed: float, words: str) -> Evidence:
    """The evidence that a ratio, in dB, falls short of the expected one by no more than is allowed.

    Raises:
        Violation: it falls short by more, or is no number.
    """
    wanted = f"at least {expected:.2f} dB, {words}"
    return within(
        _excess(expected - observed), allowed, expected=wanted, observed=f"{observed:.2f} dB"
    )


def at_most(observed: float, expected: float, allowed: float, words: str) -> Evidence:
    """The evidence that a ratio, in dB, goes beyond the expected one by no more than is allowed.

    Raises:
        Violation: it goes further beyond, or is no number.
    """
    wanted = f"at most {expected:.2f} dB, {words}"
    return within(
        _excess(observed - expected), allowed, expected=wanted, observed=f"{observed:.2f} dB"
    )


def amplified(quotients: Iterable[float]) -> float:
    """By how much, in dB, uneven scales can amplify roundings.

    Channels that are scaled unevenly share a quantizer. With scales s of a layer and s' of a layer
    behind it, no channel of a tensor gains more on another than max s / min s (the input),
    max s' / min s' (what is folded), or the product of both (the weight): so no rounding counts for
    more than the product of all layers' quotients.

    Args:
        quotients: the largest over the smallest scale of each layer.
    """
    return 20 * math.log10(math.prod(quotients))


def _excess(difference: float) -> float:
    """What of a difference counts: nothing below 0, and NaN as NaN."""
    return 0.0 if difference <= 0 else difference
