"""Scales that are wrong in one way each."""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN201, ANN204, ARG002

import torch
from honest import ChannelRange, Honest
from registered import caught_by


@caught_by("scale.formula")
@caught_by("scale.ranges-meet")
@caught_by("scale.input-scaling")
@caught_by("scale.weight-scaling")
@caught_by("scale.idempotence")
class NoSquareRoot(Honest):
    def formula_of(self, inputs, weights):
        return self.width(weights) / self.width(inputs)


@caught_by("scale.formula")
@caught_by("scale.ranges-meet")
class Inverted(Honest):
    def formula_of(self, inputs, weights):
        return super().formula_of(weights, inputs)


@caught_by("scale.formula")
@caught_by("scale.offset")
class AbsMaxForRange(Honest):
    """Of those that promise the range."""

    def width(self, bounds):
        return torch.maximum(bounds.min.abs(), bounds.max.abs())


@caught_by("scale.formula", "float32")
@caught_by("scale.idempotence")
class HalfInside(Honest):
    def formula_of(self, inputs, weights):
        return super().formula_of(inputs, weights).bfloat16().to(inputs.min.dtype)


@caught_by("scale.formula", "float32")
@caught_by("scale.formula", "float64")
class SlightlyOff(Honest):
    """By ten roundings of float32."""

    def formula_of(self, inputs, weights):
        return super().formula_of(inputs, weights) * (1 + 6e-7)


@caught_by("scale.formula", "float32")
class EpsilonInTheDenominator(Honest):
    def formula_of(self, inputs, weights):
        return torch.sqrt(self.width(weights) / (self.width(inputs) + 1e-5))


@caught_by("scale.formula-float64")
class Float32Inside(Honest):
    def formula_of(self, inputs, weights):
        return super().formula_of(inputs, weights).float().to(inputs.min.dtype)


@caught_by("scale.ranges-meet")
@caught_by("scale.weight-scaling")
@caught_by("scale.swap")
class InputOnly(Honest):
    def formula_of(self, inputs, weights):
        return self.width(inputs).rsqrt()


@caught_by("scale.permutation")
@caught_by("scale.input-scaling")
class Smoothed(Honest):
    """Each channel takes part in its neighbour."""

    def formula_of(self, inputs, weights):
        scale = super().formula_of(inputs, weights)
        return scale + 0.1 * scale.roll(1).cumsum(0).clamp(max=1)


@caught_by("scale.degenerate")
@caught_by("scale.finite-positive")
@caught_by("scale.quotient-overflow", "quotient-too-*")
class Unguarded(Honest):
    def equalization_scale(self, inputs, weights):
        return self.formula_of(inputs, weights)


@caught_by("scale.degenerate", "zero-column")
@caught_by("scale.finite-positive")
class ZeroForDeadColumns(Honest):
    def equalization_scale(self, inputs, weights):
        scale = super().equalization_scale(inputs, weights)
        return torch.where(self.width(weights) == 0, 0.0, scale)


@caught_by("scale.degenerate", "*-column")
@caught_by("scale.degenerate", "*-channel")
class OneForAll(Honest):
    """One degenerate channel, and none is equalized."""

    def equalization_scale(self, inputs, weights):
        scale = self.formula_of(inputs, weights)
        fine = torch.isfinite(scale) & (scale > 0)
        return scale if fine.all() else torch.ones_like(scale)


@caught_by("scale.quotient-overflow", "quotient-too-*")
class ClampsTheQuotient(Honest):
    def formula_of(self, inputs, weights):
        return super().formula_of(inputs, weights).clamp(1e-3, 1e3)


@caught_by("scale.shape", "1-channels")
class ScalarForOneChannel(Honest):
    def equalization_scale(self, inputs, weights):
        return super().equalization_scale(inputs, weights).squeeze()


@caught_by("scale.shape")
class ShapedForTheInput(Honest):
    def equalization_scale(self, inputs, weights):
        return super().equalization_scale(inputs, weights)[None]


@caught_by("scale.dtype", "float32")
@caught_by("scale.dtype", "float64")
class ReturnsHalf(Honest):
    def equalization_scale(self, inputs, weights):
        return super().equalization_scale(inputs, weights).half()


@caught_by("scale.mismatch", "one-*")
class Broadcasts(Honest):
    def equalization_scale(self, inputs, weights):
        return self.formula_of(inputs, weights)


@caught_by("scale.mismatch")
class NamesNoNumber(Honest):
    def equalization_scale(self, inputs, weights):
        if inputs.min.shape != weights.min.shape:
            raise ValueError("input and weight disagree")
        return super().equalization_scale(inputs, weights)


@caught_by("scale.mismatch")
class AnotherKindOfError(Honest):
    def equalization_scale(self, inputs, weights):
        try:
            return super().equalization_scale(inputs, weights)
        except ValueError as error:
            raise RuntimeError(str(error)) from None


@caught_by("scale.unobserved-reported")
class SilentWithoutData(Honest):
    def equalization_scale(self, inputs, weights):
        if not inputs.min.numel() or not weights.min.numel():
            return torch.tensor(1.0)
        return super().equalization_scale(inputs, weights)


@caught_by("scale.unobserved-is-one")
class RefusesWithoutData(Honest):
    def equalization_scale(self, inputs, weights):
        if not inputs.min.numel() or not weights.min.numel():
            raise ValueError("nothing was observed")
        return super().equalization_scale(inputs, weights)


@caught_by("scale.ranges-not-mutated")
class SubtractsInPlace(Honest):
    def width(self, bounds):
        return bounds.max.sub_(bounds.min)


@caught_by("scale.ranges-not-mutated", "*-channel")
class FillsInDeadChannels(Honest):
    def equalization_scale(self, inputs, weights):
        inputs.max[inputs.max == inputs.min] += 1
        return super().equalization_scale(inputs, ChannelRange(*weights))


@caught_by("scale.ranges-not-mutated")
class OneMemoryForAllScales(Honest):
    """Writes every scale where the one before it lies."""

    def __init__(self):
        self.kept = {}

    def equalization_scale(self, inputs, weights):
        scale = super().equalization_scale(inputs, weights)
        return self.kept.setdefault((scale.shape, scale.dtype), scale).copy_(scale)
