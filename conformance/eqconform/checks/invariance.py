"""Claim "scale": what follows from the formula for two scales of one implementation.

Two scales that should be in a known proportion are each off by at most e, the tolerance of the
formula, so that their quotient is off by (1 + e)/(1 - e) - 1 and their product by (1 + e)² - 1.

Source: arXiv 1906.04721, section 4.1, for the ranges that meet.
"""

import torch
from hypothesis import strategies as st
from torch import Tensor

from eqconform.checks.examples import for_all
from eqconform.checks.formula import Ranges
from eqconform.checks.scale import pairs, scale_of
from eqconform.checks.verdicts import near
from eqconform.contract import ChannelRange, Unsupported
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded
from eqconform.judge.outcome import Evidence

_SCALE = ("equalization_scale",)
_Pair = tuple[ChannelRange, ChannelRange]
_MODERATE = 4  # decades, so that nothing overflows when it is multiplied


def _is_one(observed: Tensor, tolerance: Tensor, what: str) -> Evidence:
    return near(observed, torch.ones_like(observed), tolerance, what)


def _in_proportion(first: Tensor, second: Tensor, error: Tensor, what: str) -> Evidence:
    """The evidence that two scales, each within `error` relative, are equal; shapes (C,)."""
    return _is_one(first / second, (1 + error) / (1 - error) - 1, what)


def _times(bounds: ChannelRange, factor: float | Tensor) -> ChannelRange:
    return ChannelRange(bounds.min * factor, bounds.max * factor)


def _allowed(implementation: Guarded, pair: _Pair) -> Tensor:
    return Ranges(*pair, implementation.formula).tolerance(torch.float32)


@check("scale.ranges-meet", needs=_SCALE, needs_formula=True)
def ranges_meet(implementation: Guarded, _: None) -> Evidence:
    """Scaling the input up and the weight down leaves both equally wide."""

    def judge(ranges: _Pair) -> Evidence:
        scale = scale_of(implementation, *ranges)
        inputs, weights = Ranges(*ranges, implementation.formula).spreads
        error = (1 + _allowed(implementation, ranges)) ** 2 - 1
        return _is_one((inputs * scale) / (weights / scale), error, "width(X·s) / width(W/s)")

    return for_all(judge, ranges=pairs())


@check("scale.input-scaling", needs=_SCALE, needs_formula=True)
def input_scaling_shows_as_its_root(implementation: Guarded, _: None) -> Evidence:
    """s(a·X)·sqrt(a) = s(X), for powers of two a: they multiply without rounding."""

    def judge(ranges: _Pair, log2: int) -> Evidence:
        factor = 2.0**log2
        scaled = scale_of(implementation, _times(ranges[0], factor), ranges[1])
        plain = scale_of(implementation, *ranges)
        error = _allowed(implementation, ranges)
        return _in_proportion(scaled * factor**0.5, plain, error, "s(a·X)·sqrt(a) / s(X)")

    return for_all(judge, ranges=pairs(decades=_MODERATE), log2=st.integers(-20, 20))


@check("scale.weight-scaling", needs=_SCALE, needs_formula=True)
def weight_scaling_shows_as_its_root(implementation: Guarded, _: None) -> Evidence:
    """s(a·W)/sqrt(a) = s(W), for powers of two a: they multiply without rounding."""

    def judge(ranges: _Pair, log2: int) -> Evidence:
        factor = 2.0**log2
        scaled = scale_of(implementation, ranges[0], _times(ranges[1], factor))
        plain = scale_of(implementation, *ranges)
        error = _allowed(implementation, ranges)
        return _in_proportion(scaled / factor**0.5, plain, error, "s(a·W)/sqrt(a) / s(W)")

    return for_all(judge, ranges=pairs(decades=_MODERATE), log2=st.integers(-20, 20))


@check("scale.offset", needs=_SCALE, needs_formula=True)
def offset_does_not_matter(implementation: Guarded, _: None) -> Evidence:
    """s(X + k) = s(X), for whole numbers: they add without rounding."""
    if implementation.formula != "range":
        raise Unsupported(f"the formula {implementation.formula!r} depends on the offset")

    def judge(channels: list[tuple[int, int, int]]) -> Evidence:
        low, width, offset = torch.tensor(channels, dtype=torch.float32).T
        inputs = ChannelRange(low, low + width)
        weights = ChannelRange(-torch.ones_like(low), torch.ones_like(low))
        moved = ChannelRange(inputs.min + offset, inputs.max + offset)
        first, second = (scale_of(implementation, x, weights) for x in (moved, inputs))
        error = _allowed(implementation, (inputs, weights))
        return _in_proportion(first, second, error, "s(X + k) / s(X)")

    whole = st.integers(-1000, 1000)
    far = st.integers(-(2**23), 2**23)
    channel = st.tuples(whole, st.integers(1, 1000), whole | far)
    return for_all(judge, channels=st.lists(channel, min_size=1, max_size=4))


@check("scale.swap", needs=_SCALE, needs_formula=True)
def swapping_inverts(implementation: Guarded, _: None) -> Evidence:
    """s(X, W)·s(W, X) = 1."""

    def judge(ranges: _Pair) -> Evidence:
        product = scale_of(implementation, *ranges) * scale_of(implementation, *ranges[::-1])
        error = (1 + _allowed(implementation, ranges)) ** 2 - 1
        return _is_one(product, error, "s(X, W)·s(W, X)")

    return for_all(judge, ranges=pairs())


@check("scale.permutation", needs=_SCALE, needs_formula=True)
def permuting_channels_permutes(implementation: Guarded, _: None) -> Evidence:
    """The channels in another order have their scales in that order."""

    def judge(ranges: _Pair, key: int) -> Evidence:
        order = torch.randperm(len(ranges[0].min), generator=torch.Generator().manual_seed(key))
        moved = [ChannelRange(bounds.min[order], bounds.max[order]) for bounds in ranges]
        first = scale_of(implementation, *moved)
        second = scale_of(implementation, *ranges)[order]
        error = _allowed(implementation, ranges)[order]
        return _in_proportion(first, second, error, "s(permuted) / permuted s")

    return for_all(judge, ranges=pairs(), key=st.integers(0, 99))


@check("scale.idempotence", needs=_SCALE, needs_formula=True)
def second_pass_gives_one(implementation: Guarded, _: None) -> Evidence:
    """The scale of ranges that have met is 1.

    Either pass is off by the tolerance of the formula; between them every bound is rounded.
    """

    def judge(ranges: _Pair) -> Evidence:
        scale = scale_of(implementation, *ranges)
        factors = zip(ranges, (scale, 1 / scale), strict=True)
        met = [_times(bounds, factor) for bounds, factor in factors]
        again = scale_of(implementation, *(ChannelRange(b.min.float(), b.max.float()) for b in met))
        rounded = Ranges(*ranges, implementation.formula).rounded_bounds(torch.float32)
        error = (1 + _allowed(implementation, ranges)) ** 2 * (1 + rounded) - 1
        return _is_one(again, error, "s of the equalized layer")

    return for_all(judge, ranges=pairs(decades=_MODERATE))
