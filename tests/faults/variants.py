"""Implementations that are right and compute differently."""

# Overrides have the signatures of `eqconform.Implementation`.
# ruff: noqa: ANN001, ANN201

import torch
from honest import Honest

from eqconform import ChannelRange


class RootOfEach(Honest):
    """sqrt(W) / sqrt(X): more roundings than the formula as it is written."""

    def formula_of(self, inputs, weights):
        quotient = self.width(weights) / self.width(inputs)
        roots = self.width(weights).sqrt() / self.width(inputs).sqrt()
        return torch.where(torch.isfinite(quotient) & (quotient > 0), roots, 1.0)


class WiderInside(Honest):
    """Computes in float64 and returns the dtype that it was given."""

    def width(self, bounds):
        return bounds.max.double() - bounds.min.double()

    def formula_of(self, inputs, weights):
        return super().formula_of(inputs, weights).to(inputs.min.dtype)


class ReciprocalSteps(Honest):
    """Multiplies by 1/255 instead of dividing by 255."""

    def step(self, low, high, steps):
        reciprocal = torch.tensor(1 / steps)
        return high * reciprocal - low * reciprocal


class AbsMax(Honest):
    """The largest magnitude in place of the range, and says so."""

    formula = "absmax"

    def width(self, bounds):
        return torch.maximum(bounds.min.abs(), bounds.max.abs())


class Float32Inside(Honest):
    """Keeps its statistics in float32, as PyTorch does."""

    def formula_of(self, inputs, weights):
        return super().formula_of(
            *(ChannelRange(*map(torch.Tensor.float, r)) for r in (inputs, weights))
        )


class Naive(Honest):
    """The formula and nothing else: the scale of a dead channel with a dead column is NaN."""

    def equalization_scale(self, inputs, weights):
        return self.formula_of(inputs, weights)
