"""The equalization scale as a closed formula in float64, and how exactly it can be computed.

    s(c) = sqrt(spread W(c) / spread X(c)), where the spread of a range is max - min,
    or for implementations whose formula is "absmax" max(|min|, |max|).

Roundings of the formula: a spread that is a difference commits one, the quotient one, and the
square root halves what it is given (3 become 1.5) and adds one: 2.5. In another order,
sqrt(W) / sqrt(X), it is 2 · (0.5 + 1) + 1 = 4, which is what is allowed. The sqrt and the division
of IEEE 754 are correctly rounded. The expected value commits its own 2.5, of float64.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from eqconform.checks.verdicts import roundings
from eqconform.contract import ChannelRange

_ROUNDINGS, _OWN_ROUNDINGS = 4, 2.5
_FLOAT32 = torch.finfo(torch.float32)
_HALF_A_SUBNORMAL = 2.0**-150


class Ranges(NamedTuple):
    """The ranges of a layer's input channels and weight columns, and the formula over them."""

    inputs: ChannelRange
    weights: ChannelRange
    formula: str = "range"

    @property
    def spreads(self) -> tuple[Tensor, Tensor]:
        """What the formula takes for the extent of each side; shapes (C,), float64."""
        return spread(self.inputs, self.formula), spread(self.weights, self.formula)

    @property
    def quotient(self) -> Tensor:
        """Weight spread over input spread; shape (C,), float64."""
        inputs, weights = self.spreads
        return weights / inputs

    @property
    def answered(self) -> Tensor:
        """Where the formula has an answer: the quotient is neither 0, infinite nor NaN; (C,)."""
        return torch.isfinite(self.quotient) & (self.quotient > 0)

    @property
    def scale(self) -> Tensor:
        """The scale by the formula, 1 where it has no answer; shape (C,), float64."""
        return torch.where(self.answered, self.quotient.sqrt(), 1.0)

    @property
    def precision(self) -> torch.dtype:
        """What a MUST is judged by: the dtype of the ranges, or float32 for float64 ranges.

        PyTorch keeps its statistics in float32, whatever the dtype of the model.
        """
        dtype = self.inputs.min.dtype
        return torch.float32 if dtype is torch.float64 else dtype

    @property
    def beyond_float32(self) -> Tensor:
        """Where float32 has no digits for a spread or for the quotient; shape (C,), bool.

        They overflow, or are subnormal: those lose digits, and may be flushed to zero.
        """
        values = torch.stack([*self.spreads, self.quotient])
        return ((values > _FLOAT32.max) | (values < _FLOAT32.tiny)).any(0)

    def tolerance(self, dtype: torch.dtype) -> Tensor:
        """The largest relative error of a scale computed in `dtype`; shape (C,), float64.

        0 where the formula has no answer: 1 is exact.
        """
        own = roundings(_OWN_ROUNDINGS, torch.float64)
        allowed = roundings(_ROUNDINGS, dtype) + own + self._rounded_quotient(dtype)
        if torch.finfo(dtype).eps > torch.finfo(self.inputs.min.dtype).eps:
            allowed = allowed + self.rounded_bounds(dtype)
        return torch.where(self.answered, allowed, 0.0)

    def rounded_bounds(self, dtype: torch.dtype) -> Tensor:
        """What rounding every bound to `dtype` does to the scale, relative; shape (C,), float64.

        Each bound moves by one rounding of its own size, so that a spread moves by
        (|min| + |max|) / spread roundings; the square root halves what both spreads do.
        """
        sides = zip((self.inputs, self.weights), self.spreads, strict=True)
        moved = [(b.min.double().abs() + b.max.double().abs()) / width for b, width in sides]
        return roundings(1, dtype) * (moved[0] + moved[1]) / 2

    def _rounded_quotient(self, dtype: torch.dtype) -> Tensor:
        """What half a subnormal is, relative to a subnormal quotient; shape (C,), float64.

        The square root of 1 + e is at most e off from 1, on either side. A quotient below the
        smallest subnormal has no digit left, and no such excuse.
        """
        off = _HALF_A_SUBNORMAL / self.quotient
        subnormal = (self.quotient < _FLOAT32.tiny) & (self.quotient >= 2 * _HALF_A_SUBNORMAL)
        return torch.where(subnormal & (dtype is torch.float32), off, 0.0)


def spread(bounds: ChannelRange, formula: str = "range") -> Tensor:
    """What a formula takes for the extent of each channel; shape (C,), float64."""
    low, high = (bound.double() for bound in bounds)
    return torch.maximum(low.abs(), high.abs()) if formula == "absmax" else high - low
