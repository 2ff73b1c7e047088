"""Claim "qparams": the range that the scaled input's quantizer is given, and its parameters.

The convention is that of PyTorch's MinMaxObserver, whose documentation says, with 0 swept into
[min, max] and q_min, q_max the ends of the dtype:

    affine     scale = (max - min) / (q_max - q_min)           zero point = q_min - round(min/scale)
    symmetric  scale = max(|min|, |max|) / ((q_max - q_min)/2) zero point = 0 or 128

Roundings: the affine scale commits two (difference, quotient) and one more where the quotient is a
product with a rounded reciprocal: 3; the symmetric one 1 or 2. PyTorch raises a scale below `eps`
of float32 to that: narrower ranges have a clause of their own.

Sources: PyTorch 2.15, torch/ao/quantization/observer.py, MinMaxObserver, and
torch/ao/quantization/fx/_equalize.py, calculate_scaled_minmax; Jacob et al. 2017
(arXiv 1712.05877), section 2.1, for the zero that is represented exactly.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from eqconform.checks.examples import for_all, ranges, tensors
from eqconform.checks.verdicts import as_range, copies, near, refused, roundings, unchanged
from eqconform.contract import ChannelRange
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded, attempt
from eqconform.judge.outcome import Evidence, Violation, require

_SCALED = ("scaled_input_range",)
_PARAMETERS = ("quantization_parameters",)
_FLOAT32 = torch.finfo(torch.float32)


class Quantizer(NamedTuple):
    """A per-tensor quantizer of eight bits."""

    dtype: torch.dtype
    lowest: int
    highest: int
    qscheme: torch.qscheme

    @property
    def steps(self) -> int:
        """From the lowest to the highest level."""
        return self.highest - self.lowest


_INT8, _UINT8 = (torch.qint8, -128, 127), (torch.quint8, 0, 255)
_AFFINE = {
    "affine-int8": Quantizer(*_INT8, torch.per_tensor_affine),
    "affine-uint8": Quantizer(*_UINT8, torch.per_tensor_affine),
}
_SYMMETRIC = {
    "symmetric-int8": Quantizer(*_INT8, torch.per_tensor_symmetric),
    "symmetric-uint8": Quantizer(*_UINT8, torch.per_tensor_symmetric),
}
_ALL = {**_AFFINE, **_SYMMETRIC}


def _scalars(returned: object, names: tuple[str, str]) -> tuple[float, float]:
    """The two numbers that were returned; PyTorch gives tensors of one element.

    Raises:
        Violation: they are not two tensors of one element.
    """
    expected = f"({', '.join(names)}), two tensors of one element"
    if not isinstance(returned, (tuple, list)):
        raise Violation(Evidence(expected, type(returned).__name__))
    single = [isinstance(each, Tensor) and each.numel() == 1 for each in returned]
    require(single == [True, True], Evidence(expected, f"{tuple(returned)}"))
    first, second = attempt("reading the numbers", lambda: [float(each) for each in returned])
    return first, second


def _scales(count: int) -> SearchStrategy[Tensor]:
    """Scales of `count` channels; 1, which is a scale like any other, is among them."""
    one = st.just(1.0) | st.floats(2.0**-10, 2.0**10, width=32)
    values = st.lists(one, min_size=count, max_size=count)
    return values.map(lambda listed: torch.tensor(listed, dtype=torch.float32))


def _scaled(implementation: Guarded, inputs: ChannelRange, scale: Tensor) -> Tensor:
    """The scaled range, shape (2,), float64."""
    returned = implementation.scaled_input_range(inputs, scale)
    return torch.tensor(_scalars(returned, ("min", "max")), dtype=torch.float64)


_COUNTS = {"1-channel": 1, "3-channels": 3}


@check("qparams.scaled-range", needs=_SCALED, over=_COUNTS)
def scaled_range_is_that_of_the_formula(implementation: Guarded, channels: int) -> Evidence:
    """Smallest and largest scaled bound, each to the one rounding of its product."""

    def judge(inputs: ChannelRange, scale: Tensor) -> Evidence:
        low, high = (bound.double() * scale.double() for bound in inputs)
        expected = torch.stack([low.min(), high.max()])
        tolerance = roundings(1, torch.float32) * expected.abs()
        return near(_scaled(implementation, inputs, scale), expected, tolerance, "(min, max)")

    return for_all(judge, inputs=ranges(channels, decades=4), scale=_scales(channels))


@check("qparams.scaled-range-covers", needs=_SCALED, over=_COUNTS)
def scaled_range_covers_the_data(implementation: Guarded, channels: int) -> Evidence:
    """No element of s·X lies outside by more than the rounding of a product."""

    def judge(x: Tensor, scale: Tensor) -> Evidence:
        low, high = _scaled(implementation, ChannelRange(x.amin(0), x.amax(0)), scale)
        data = (x * scale).double()  # (N, C)
        outside = torch.stack([low - data.min(), data.max() - high]).clamp(min=0)
        tolerance = roundings(1, torch.float32) * torch.stack([data.min(), data.max()]).abs()
        return near(outside, torch.zeros_like(outside), tolerance, "how far s·X is outside")

    return for_all(judge, x=tensors((4, channels)), scale=_scales(channels))


_MISMATCHES = {"more": (3, 5), "fewer": (5, 3), "one-channel": (1, 4), "one-scale": (4, 1)}


@check("qparams.scaled-range-mismatch", needs=_SCALED, over=_MISMATCHES)
def scale_of_other_channels_is_refused(
    implementation: Guarded, counts: tuple[int, int]
) -> Evidence:
    """No scaled range comes of a scale that disagrees on C."""
    channels, scales = counts
    inputs = as_range([-1.0] * channels, [2.0] * channels)
    scale = torch.full((scales,), 2.0, dtype=torch.float32)
    because = f"the number of channels is {channels} in the range and {scales} in the scale"
    return refused(lambda: implementation.scaled_input_range(inputs, scale), because=because)


def _parameters(
    implementation: Guarded, quantizer: Quantizer, bounds: tuple[float, float]
) -> tuple[float, float]:
    """Scale and zero point, as numbers."""
    returned = _returned(implementation, quantizer, bounds)
    return _scalars(returned, ("scale", "zero point"))


def _returned(implementation: Guarded, quantizer: Quantizer, bounds: tuple[float, float]) -> Any:
    minimum, maximum = torch.tensor(bounds, dtype=torch.float32)
    return implementation.quantization_parameters(
        minimum, maximum, dtype=quantizer.dtype, qscheme=quantizer.qscheme
    )


def _swept(bounds: tuple[float, float]) -> tuple[float, float]:
    return min(bounds[0], 0.0), max(bounds[1], 0.0)


def _formula(quantizer: Quantizer, bounds: tuple[float, float]) -> float:
    """The scale by the formula."""
    low, high = _swept(bounds)
    if quantizer.qscheme is torch.per_tensor_affine:
        return (high - low) / quantizer.steps
    return max(-low, high) / (quantizer.steps / 2)


def _scale_is_right(quantizer: Quantizer, bounds: tuple[float, float], scale: float) -> Evidence:
    expected = torch.tensor(_formula(quantizer, bounds), dtype=torch.float64)
    tolerance = roundings(3, torch.float32) * expected
    return near(torch.tensor(scale, dtype=torch.float64), expected, tolerance, "scale")


_WIDE_ENOUGH = 256 * _FLOAT32.eps  # a scale of eps at least
_BOUNDS = (
    st.tuples(st.floats(-1e6, 1e6, width=32), st.floats(-1e6, 1e6, width=32))
    .map(lambda bounds: (min(bounds), max(bounds)))
    .filter(lambda bounds: max(map(abs, bounds)) > _WIDE_ENOUGH)
)
"""Ranges on either side of zero, or across it."""


@check("qparams.affine", needs=_PARAMETERS, over=_AFFINE)
def affine_follows_the_formula(implementation: Guarded, quantizer: Quantizer) -> Evidence:
    """Scale to three roundings; the zero point exact, or either one where they decide a tie."""

    def judge(bounds: tuple[float, float]) -> Evidence:
        scale, zero_point = _parameters(implementation, quantizer, bounds)
        evidence = _scale_is_right(quantizer, bounds, scale)
        right = _zero_points(quantizer, bounds)
        expected = f"a zero point of {' or '.join(map(str, sorted(right)))}"
        require(zero_point in right, Evidence(expected, f"{zero_point}"))
        return evidence

    return for_all(judge, bounds=_BOUNDS)


def _zero_points(quantizer: Quantizer, bounds: tuple[float, float]) -> set[int]:
    """q_min - round(min/scale): with the quotient, of 4 roundings, at both ends of its error."""
    quotient = _swept(bounds)[0] / _formula(quantizer, bounds)
    errors = (-roundings(4, torch.float32), roundings(4, torch.float32))
    return {quantizer.lowest - round(quotient * (1 + error)) for error in errors}


@check("qparams.symmetric", needs=_PARAMETERS, over=_SYMMETRIC)
def symmetric_follows_the_formula(implementation: Guarded, quantizer: Quantizer) -> Evidence:
    """The larger magnitude over half the steps."""

    def judge(bounds: tuple[float, float]) -> Evidence:
        scale, _ = _parameters(implementation, quantizer, bounds)
        return _scale_is_right(quantizer, bounds, scale)

    return for_all(judge, bounds=_BOUNDS)


@check("qparams.symmetric-zero-point", needs=_PARAMETERS, over=_SYMMETRIC)
def symmetric_zero_point_is_the_middle(implementation: Guarded, quantizer: Quantizer) -> Evidence:
    """0 for int8, 128 for uint8, whatever the range."""
    middle = (quantizer.lowest + quantizer.highest + 1) // 2

    def judge(bounds: tuple[float, float]) -> Evidence:
        _, zero_point = _parameters(implementation, quantizer, bounds)
        return require(zero_point == middle, Evidence(f"zero point {middle}", f"{zero_point}"))

    return for_all(judge, bounds=_BOUNDS)


_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


@check("qparams.zero-representable", needs=_PARAMETERS, over=_ALL)
def zero_is_represented(implementation: Guarded, quantizer: Quantizer) -> Evidence:
    """The zero point is one of the levels, and of a dtype that holds no other numbers."""

    def judge(bounds: tuple[float, float]) -> Evidence:
        returned = _returned(implementation, quantizer, bounds)
        _, zero_point = _scalars(returned, ("scale", "zero point"))
        level = zero_point in range(quantizer.lowest, quantizer.highest + 1)
        dtype = returned[1].dtype
        expected = f"an integer from {quantizer.lowest} to {quantizer.highest}"
        observed = Evidence(expected, f"zero point {zero_point:g} of {dtype}")
        return require(level and dtype in _INTEGERS, observed)

    return for_all(judge, bounds=_BOUNDS)


@check("qparams.range-representable", needs=_PARAMETERS, over=_ALL)
def range_is_represented(implementation: Guarded, quantizer: Quantizer) -> Evidence:
    """Quantized and back, either end is half a step away at most.

    The roundings of the scale (3) add up over the levels between an end and zero, 255 at most;
    at a tie the zero point may be a rounding of that size too far.
    """
    allowed = 0.5 + (quantizer.steps + 1) * roundings(4, torch.float32)  # steps

    def judge(bounds: tuple[float, float]) -> Evidence:
        scale, zero_point = _parameters(implementation, quantizer, bounds)
        require(scale > 0, Evidence("a scale greater than 0", f"{scale}"))
        ends = torch.tensor(_swept(bounds), dtype=torch.float64) / scale
        levels = (ends.round() + zero_point).clamp(quantizer.lowest, quantizer.highest)
        off = (levels - zero_point - ends).abs()
        return near(off, torch.zeros_like(off), allowed, "steps between (min, max) and its level")

    return for_all(judge, bounds=_BOUNDS)


_NARROW = {
    "zero": (0.0, 0.0),
    "constant-positive": (3.0, 3.0),
    "constant-negative": (-3.0, -3.0),
    "subnormal": (0.0, 2.0**-149),
}
_EMPTY = {
    f"{width}-{name}": (bounds, quantizer)
    for width, bounds in _NARROW.items()
    for name, quantizer in _ALL.items()
}


@check("qparams.empty-range", needs=_PARAMETERS, over=_EMPTY)
def empty_range_has_a_scale(
    implementation: Guarded, subject: tuple[tuple[float, float], Quantizer]
) -> Evidence:
    """The scale is finite and greater than 0 in float32, in which it divides."""
    bounds, quantizer = subject
    scale, zero_point = _parameters(implementation, quantizer, bounds)
    fine = 0 < float(torch.tensor(scale, dtype=torch.float32)) < float("inf")
    observed = f"scale {scale}, zero point {zero_point} for {bounds}"
    return require(fine, Evidence("a scale finite and greater than 0", observed))


_ANY_WIDTH = {
    f"{width}-{name}": (bounds, quantizer)
    for width, bounds in {
        "narrow": (-(2.0**-40), 2.0**-39),
        "narrow-one-sided": (0.0, 1e-6),
        "narrowest": (-(2.0**-117), 2.0**-117),
        "wide": (-2e38, 3e38),
        "widest": (-_FLOAT32.max, _FLOAT32.max),
    }.items()
    for name, quantizer in _ALL.items()
}


@check("qparams.any-width", needs=_PARAMETERS, over=_ANY_WIDTH)
def range_of_any_width_has_all_levels(
    implementation: Guarded, subject: tuple[tuple[float, float], Quantizer]
) -> Evidence:
    """The formula, where max - min is more than float32 holds and where the scale is near none.

    The narrowest range here still has a scale that is a normal number.
    """
    bounds, quantizer = subject
    scale, zero_point = _parameters(implementation, quantizer, bounds)
    evidence = _scale_is_right(quantizer, bounds, scale)
    if quantizer.qscheme is torch.per_tensor_affine:
        right = _zero_points(quantizer, bounds)
        expected = f"a zero point of {' or '.join(map(str, sorted(right)))}"
        require(zero_point in right, Evidence(expected, f"{zero_point}"))
    return evidence


@check("qparams.ranges-not-mutated", needs=(*_SCALED, *_PARAMETERS))
def arguments_are_not_mutated(implementation: Guarded, _: None) -> Evidence:
    """Range, scale, minimum and maximum are afterwards what they were, and so are results."""
    given = [*as_range([-1, 2, -3], [1, 5, -2]), torch.tensor([0.5, 1, 2], dtype=torch.float32)]
    ends = list(torch.tensor([2.0, 5.0], dtype=torch.float32))  # 0 has to be swept in
    before = copies([*given, *ends])
    calls: list[Callable[[int], Sequence[Tensor]]] = [
        lambda by: implementation.scaled_input_range(ChannelRange(*given[:2]), by * given[2]),
        *(partial(_widened, implementation, ends, quantizer) for quantizer in _ALL.values()),
    ]
    for call in calls:
        first = call(1)
        results = copies(first)
        call(4)
        unchanged(first, results, "what was returned before")
    return unchanged([*given, *ends], before, "ranges and scale")


def _widened(
    implementation: Guarded, ends: Sequence[Tensor], quantizer: Quantizer, by: int
) -> Sequence[Tensor]:
    """The parameters of a quantizer for (minimum, maximum), or for a multiple of them."""
    minimum, maximum = ends if by == 1 else [by * each for each in ends]
    returned: Sequence[Tensor] = implementation.quantization_parameters(
        minimum, maximum, dtype=quantizer.dtype, qscheme=quantizer.qscheme
    )
    return returned
