"""Claim "scale": the factor of each input channel, as a function of the two ranges.

Expected values are the closed formula in float64, see `eqconform.checks.formula`; what follows
from the formula for two scales is in `eqconform.checks.invariance`.

Sources: PyTorch 2.15, torch/ao/quantization/fx/_equalize.py, calculate_equalization_scale;
Nagel et al. 2019 (arXiv 1906.04721), section 4.1.
"""

import torch
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from eqconform.checks.examples import for_all, listed, ranges
from eqconform.checks.formula import Ranges
from eqconform.checks.verdicts import as_range, copies, heard, near, refused, speaks, unchanged
from eqconform.contract import ChannelRange
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded, attempt
from eqconform.judge.outcome import Evidence, Raised, Violation, require

_SCALE = ("equalization_scale",)


def scale_of(implementation: Guarded, inputs: ChannelRange, weights: ChannelRange) -> Tensor:
    """The implementation's scale, shape (C,), float64.

    Raises:
        Violation: it is no floating-point tensor of shape (C,).
    """
    return _read(_returned(implementation, inputs, weights))


def pairs(
    dtype: torch.dtype = torch.float32, *, decades: int = 9
) -> SearchStrategy[tuple[ChannelRange, ChannelRange]]:
    """Input and weight ranges of one to four channels."""

    def of(channels: int) -> SearchStrategy[tuple[ChannelRange, ChannelRange]]:
        sides = [ranges(channels, dtype, decades=decades) for _ in range(2)]
        return st.tuples(sides[0], sides[1])

    return st.integers(1, 4).flatmap(of)


def _returned(implementation: Guarded, inputs: ChannelRange, weights: ChannelRange) -> Tensor:
    scale = implementation.equalization_scale(inputs, weights)
    shape = tuple(inputs.min.shape)
    expected = f"a floating-point tensor of shape {shape}"
    if not isinstance(scale, Tensor):
        raise Violation(Evidence(expected, type(scale).__name__))
    fits = tuple(scale.shape) == shape and scale.is_floating_point()
    require(fits, Evidence(expected, f"{scale.dtype} of shape {tuple(scale.shape)}"))
    return scale


def _read(scale: Tensor) -> Tensor:
    return attempt("reading the scale", lambda: scale.detach().cpu().double())


def _judge(implementation: Guarded, given: Ranges, dtype: torch.dtype) -> Evidence:
    """The evidence that the scale is that of the formula, computed in `dtype`."""
    observed = scale_of(implementation, given.inputs, given.weights)
    return near(observed, given.scale, given.tolerance(dtype) * given.scale, "s")


_DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64)
}


@check("scale.formula", needs=_SCALE, needs_formula=True, over=_DTYPES)
def scale_is_that_of_the_formula(implementation: Guarded, dtype: torch.dtype) -> Evidence:
    """Random ranges, to the roundings of the dtype, or of float32 for float64.

    In float16 the widths stay within a factor of 10 of 1, so that their quotients do not overflow.
    """

    def judge(ranges: tuple[ChannelRange, ChannelRange]) -> Evidence:
        given = Ranges(*ranges, implementation.formula)
        return _judge(implementation, given, given.precision)

    return for_all(judge, ranges=pairs(dtype, decades=1 if dtype is torch.float16 else 9))


@check("scale.formula-float64", needs=_SCALE, needs_formula=True)
def float64_scale_has_its_digits(implementation: Guarded, _: None) -> Evidence:
    """Random float64 ranges, to the roundings of float64."""

    def judge(ranges: tuple[ChannelRange, ChannelRange]) -> Evidence:
        return _judge(implementation, Ranges(*ranges, implementation.formula), torch.float64)

    return for_all(judge, ranges=pairs(torch.float64))


def _input(low: float, high: float) -> ChannelRange:
    """The bounds of one input channel, with a plain one on either side."""
    return as_range([-1, low, -3], [1, high, 5])


def _column(low: float, high: float) -> ChannelRange:
    """The bounds of one weight column, with a plain one on either side, whose scale is not 1."""
    return as_range([-2, low, -6], [2, high, 10])


def _wide(width: float) -> ChannelRange:
    """A float64 range of one channel, with a plain channel on either side."""
    return ChannelRange(*torch.tensor([[-1, 0, -1], [1, width, 1]], dtype=torch.float64))


_PLAIN = as_range([-2, -3, -4], [2, 3, 4])
_FIRST_ROW = as_range([0.5, -2, 3], [0.5, -2, 3])
_DEGENERATE = {
    "zero-column": (_PLAIN, _column(0, 0)),
    "constant-column": (_PLAIN, _column(3, 3)),
    "dead-channel": (_input(0, 0), _PLAIN),
    "constant-channel": (_input(-7, -7), _PLAIN),
    "dead-channel-zero-column": (_input(0, 0), _column(0, 0)),
    "constant-channel-constant-column": (_input(3, 3), _column(-7, -7)),
    "one-output-feature": (_PLAIN, _FIRST_ROW),
    "single-sample": (_FIRST_ROW, _PLAIN),
    "quotient-overflow-in-float64": (_wide(1e-300), _wide(1e300)),
    "quotient-underflow-in-float64": (_wide(1e300), _wide(1e-300)),
}


@check("scale.degenerate", needs=_SCALE, needs_formula=True, over=_DEGENERATE)
def degenerate_channels_get_one(
    implementation: Guarded, ranges: tuple[ChannelRange, ChannelRange]
) -> Evidence:
    """1 where the formula has no answer, exactly; the other channels by the formula."""
    given = Ranges(*ranges, implementation.formula)
    return _judge(implementation, given, given.precision)


_MOST = torch.finfo(torch.float32).max
_BEYOND = {
    "quotient-too-large": (_input(0, 1e-30), _column(0, 1e30)),
    "quotient-too-small": (_input(0, 1e30), _column(0, 1e-30)),
    "quotient-subnormal": (_input(0, 1e20), _column(0, 1e-20)),
    "input-width-infinite": (_input(-_MOST, _MOST), _PLAIN),
    "weight-width-infinite": (_PLAIN, _column(-_MOST, _MOST)),
    "both-widths-infinite": (_input(-_MOST, _MOST), _column(-_MOST, _MOST)),
    "input-width-subnormal": (_input(0, 1e-42), _PLAIN),
    "weight-width-subnormal": (_input(0, 1e-10), _column(0, 1e-42)),
}


@check("scale.quotient-overflow", needs=_SCALE, needs_formula=True, over=_BEYOND)
def overflow_is_one_or_the_formula(
    implementation: Guarded, ranges: tuple[ChannelRange, ChannelRange]
) -> Evidence:
    """1 or the formula where float32 has no digits; the other channels by the formula."""
    given = Ranges(*ranges, implementation.formula)
    observed = scale_of(implementation, *ranges)
    left_alone = given.beyond_float32 & (observed == 1)
    expected = torch.where(left_alone, 1.0, given.scale)
    return near(observed, expected, given.tolerance(torch.float32) * expected, "s")


@check("scale.finite-positive", needs=_SCALE)
def scale_is_finite_and_positive(implementation: Guarded, _: None) -> Evidence:
    """No ranges of finite bounds, however wide, narrow or empty, give 0, infinity or NaN."""

    def judge(channels: list[tuple[float, ...]]) -> Evidence:
        x_min, x_max, w_min, w_max = zip(*channels, strict=True)
        scale = scale_of(implementation, as_range(x_min, x_max), as_range(w_min, w_max))
        fine = bool((torch.isfinite(scale) & (scale > 0)).all())
        return require(fine, Evidence("s finite and greater than 0", f"s = {listed(scale)}"))

    finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
    bounds = st.tuples(finite, finite).map(sorted)
    channel = st.tuples(bounds, bounds).map(lambda sides: (*sides[0], *sides[1]))
    return for_all(judge, channels=st.lists(channel, min_size=1, max_size=4))


@check("scale.shape", needs=_SCALE, over={f"{count}-channels": count for count in (1, 2, 65)})
def there_is_one_scale_per_channel(implementation: Guarded, channels: int) -> Evidence:
    """Shape (C,), also where a scalar would do."""
    given = as_range([-1.0] * channels, [2.0] * channels)
    scale = scale_of(implementation, given, given)
    return Evidence(f"shape ({channels},)", f"shape {tuple(scale.shape)}")


_MANY = 4099  # a prime, which no chunk of channels divides


@check("scale.many-channels", needs=_SCALE, needs_formula=True)
def many_channels_have_a_scale_each(implementation: Guarded, _: None) -> Evidence:
    """The formula holds for the last of thousands of channels as for the first."""
    widths = torch.logspace(-4, 4, _MANY, dtype=torch.float32)
    inputs, weights = ChannelRange(-widths, widths), ChannelRange(-widths.flip(0), widths.flip(0))
    given = Ranges(inputs, weights, implementation.formula)
    return _judge(implementation, given, torch.float32)


@check("scale.dtype", needs=_SCALE, over=_DTYPES)
def scale_keeps_the_digits(implementation: Guarded, dtype: torch.dtype) -> Evidence:
    """A dtype with as many digits as the ranges, or as float32 for float64 ranges."""
    given = ChannelRange(*(bound.to(dtype) for bound in _PLAIN))
    digits = Ranges(given, given).precision
    found = _returned(implementation, given, given).dtype
    keeps = torch.finfo(found).eps <= torch.finfo(digits).eps
    return require(keeps, Evidence(f"as many digits as {digits}", f"{found}"))


_MISMATCHES = {"more": (3, 5), "fewer": (5, 3), "one-channel": (1, 4), "one-column": (4, 1)}


@check("scale.mismatch", needs=_SCALE, over=_MISMATCHES)
def mismatch_is_a_value_error(implementation: Guarded, channels: tuple[int, int]) -> Evidence:
    """No scale comes of ranges that disagree on C."""
    sides = [as_range([-1.0] * count, [2.0] * count) for count in channels]
    because = (
        f"the number of channels is {channels[0]} in the input and {channels[1]} in the weight"
    )
    return refused(
        lambda: implementation.equalization_scale(*sides),
        because=because,
        kind=ValueError,
        naming=channels,
    )


_UNSEEN = as_range([], [])
_UNOBSERVED = {
    "input": (_UNSEEN, _PLAIN),
    "weight": (_PLAIN, _UNSEEN),
    "both": (_UNSEEN, _UNSEEN),
}


@check("scale.unobserved-reported", needs=_SCALE, over=_UNOBSERVED)
def unobserved_side_is_reported(
    implementation: Guarded, ranges: tuple[ChannelRange, ChannelRange]
) -> Evidence:
    """There is an error, or a warning and nothing that would scale."""
    expected = "an error, or a warning and no scale but 1, for bounds of shape (0,)"
    try:
        scale, messages = heard(lambda: implementation.equalization_scale(*ranges))
    except Raised as raised:
        return require(speaks(raised), Evidence(expected, str(raised)))
    harmless = scale is None or bool((torch.as_tensor(scale) == 1).all())
    observed = f"{messages or 'no warning'}, and {scale}"
    return require(bool(messages) and harmless, Evidence(expected, observed))


@check("scale.unobserved-is-one", needs=_SCALE, over=_UNOBSERVED)
def unobserved_side_gives_the_scalar_one(
    implementation: Guarded, ranges: tuple[ChannelRange, ChannelRange]
) -> Evidence:
    """A warning and a tensor of one element, 1; an error is another way, and no fault."""
    expected = "a warning, and the scalar 1"
    try:
        scale, messages = heard(lambda: implementation.equalization_scale(*ranges))
    except Raised as raised:
        raise Violation(Evidence(expected, str(raised))) from raised
    one = isinstance(scale, Tensor) and scale.numel() == 1 and bool((scale == 1).all())
    observed = f"{messages or 'no warning'}, and {scale}"
    return require(bool(messages) and one, Evidence(expected, observed))


@check("scale.ranges-not-mutated", needs=_SCALE, over=_DEGENERATE)
def ranges_are_not_mutated(
    implementation: Guarded, ranges: tuple[ChannelRange, ChannelRange]
) -> Evidence:
    """The ranges are afterwards what they were; so is the scale, when another one is computed."""
    given = copies([*ranges[0], *ranges[1]])
    inputs, weights = ChannelRange(*given[:2]), ChannelRange(*given[2:])
    first = _returned(implementation, inputs, weights)
    before = copies([first])
    plain = [bound.to(first.dtype) for bound in _PLAIN]
    _returned(implementation, ChannelRange(*plain), ChannelRange(*(4 * each for each in plain)))
    unchanged([first], before, "the first of two scales")
    return unchanged(given, [*ranges[0], *ranges[1]], "the ranges")
