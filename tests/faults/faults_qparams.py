"""Quantizer parameters that are wrong in one way each."""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN201, ANN204, ARG002

import torch
from honest import Honest
from registered import caught_by


def affine(minimum, maximum, steps=255, lowest=0):
    scale = (maximum - minimum) / steps
    return scale, (lowest - torch.round(minimum / scale)).long()


@caught_by("qparams.scaled-range")
@caught_by("qparams.scaled-range-covers")
class ForgetsTheScale(Honest):
    def scaled_input_range(self, inputs, scale):
        return inputs.min.amin(), inputs.max.amax()


@caught_by("qparams.scaled-range", "3-channels")
@caught_by("qparams.scaled-range-covers", "3-channels")
class ScaleOfTheWidestChannel(Honest):
    def scaled_input_range(self, inputs, scale):
        widest = (inputs.max - inputs.min).argmax()
        return inputs.min[widest] * scale[widest], inputs.max[widest] * scale[widest]


@caught_by("qparams.scaled-range")
class OnePercentClipped(Honest):
    def scaled_input_range(self, inputs, scale):
        low, high = super().scaled_input_range(inputs, scale)
        return 0.99 * low, 0.99 * high


@caught_by("qparams.scaled-range", "1-channel")
class OneIsNoScale(Honest):
    """Takes a scale of 1 for the absence of a scale."""

    def scaled_input_range(self, inputs, scale):
        if scale.numel() == 1 and scale == 1:
            return None, None
        return super().scaled_input_range(inputs, scale)


@caught_by("qparams.scaled-range")
class PerChannel(Honest):
    def scaled_input_range(self, inputs, scale):
        return (inputs.min * scale)[None], (inputs.max * scale)[None].expand(2, -1)


@caught_by("qparams.scaled-range-mismatch", "one-*")
class Broadcasts(Honest):
    def scaled_input_range(self, inputs, scale):
        return (inputs.min * scale).amin(), (inputs.max * scale).amax()


@caught_by("qparams.scaled-range-mismatch", "more")
class CutsToLength(Honest):
    def scaled_input_range(self, inputs, scale):
        return super().scaled_input_range(inputs, scale[: len(inputs.min)])


@caught_by("qparams.affine")
@caught_by("qparams.zero-representable", "affine-*")
class ZeroNotSweptIn(Honest):
    def quantization_parameters(self, minimum, maximum, *, dtype, qscheme):
        return affine(minimum, maximum, lowest=-128 if dtype is torch.qint8 else 0)


@caught_by("qparams.affine")
class OneStepTooMany(Honest):
    def quantization_parameters(self, minimum, maximum, *, dtype, qscheme):
        low, high = minimum.clamp(max=0), maximum.clamp(min=0)
        return affine(low, high, 256, -128 if dtype is torch.qint8 else 0)


@caught_by("qparams.affine")
@caught_by("qparams.range-representable", "affine-*")
class TruncatesTheZeroPoint(Honest):
    def quantization_parameters(self, minimum, maximum, *, dtype, qscheme):
        low, high = minimum.clamp(max=0), maximum.clamp(min=0)
        scale = (high - low) / 255
        return scale, (-128 if dtype is torch.qint8 else 0) - torch.ceil(low / scale).long()


@caught_by("qparams.affine", "affine-int8")
@caught_by("qparams.zero-representable", "affine-int8")
@caught_by("qparams.symmetric-zero-point", "symmetric-int8")
class UnsignedAlways(Honest):
    def quantization_parameters(self, minimum, maximum, *, dtype, qscheme):
        return super().quantization_parameters(
            minimum, maximum, dtype=torch.quint8, qscheme=qscheme
        )


@caught_by("qparams.zero-representable", "affine-*")
class ZeroPointNotRounded(Honest):
    def quantization_parameters(self, minimum, maximum, *, dtype, qscheme):
        low, high = minimum.clamp(max=0), maximum.clamp(min=0)
        scale = (high - low) / 255
        return scale, (-128 if dtype is torch.qint8 else 0) - low / scale


@caught_by("qparams.zero-representable")
class ZeroPointIsAFloat(Honest):
    """Rounds the zero point, and leaves it in the dtype of the scale."""

    def quantization_parameters(self, minimum, maximum, *, dtype, qscheme):
        scale, zero_point = super().quantization_parameters(
            minimum, maximum, dtype=dtype, qscheme=qscheme
        )
        return scale, zero_point.to(scale.dtype)


@caught_by("qparams.symmetric")
class OverTheHighestLevel(Honest):
    """Divides by 127 in place of 127.5."""

    def quantization_parameters(self, minimum, maximum, *, dtype, qscheme):
        scale, zero_point = super().quantization_parameters(
            minimum, maximum, dtype=dtype, qscheme=qscheme
        )
        return scale * 127.5 / 127, zero_point


@caught_by("qparams.symmetric")
@caught_by("qparams.range-representable")
class HalfTheRange(Honest):
    def quantization_parameters(self, minimum, maximum, *, dtype, qscheme):
        return super().quantization_parameters(
            minimum / 2, maximum / 2, dtype=dtype, qscheme=qscheme
        )


@caught_by("qparams.symmetric-zero-point", "symmetric-uint8")
class ZeroPointZero(Honest):
    def quantization_parameters(self, minimum, maximum, *, dtype, qscheme):
        scale, _ = super().quantization_parameters(minimum, maximum, dtype=dtype, qscheme=qscheme)
        return scale, torch.tensor(0)


@caught_by("qparams.zero-representable", "symmetric-uint8")
class ZeroPointBeyondTheLevels(Honest):
    def quantization_parameters(self, minimum, maximum, *, dtype, qscheme):
        scale, zero_point = super().quantization_parameters(
            minimum, maximum, dtype=dtype, qscheme=qscheme
        )
        return scale, zero_point + 128


@caught_by("qparams.empty-range", "zero-*")
class NoStepForNoRange(Honest):
    def quantization_parameters(self, minimum, maximum, *, dtype, qscheme):
        return torch.maximum(maximum, -minimum).clamp(min=0) / 127, torch.tensor(0)


@caught_by("qparams.empty-range", "constant-*")
class WidthOfAConstant(Honest):
    def quantization_parameters(self, minimum, maximum, *, dtype, qscheme):
        return affine(minimum, maximum)


@caught_by("qparams.empty-range", "subnormal-*")
class StepVanishes(Honest):
    def quantization_parameters(self, minimum, maximum, *, dtype, qscheme):
        return (maximum - minimum) / 255, torch.tensor(0)


@caught_by("qparams.ranges-not-mutated")
class SweepsZeroInInPlace(Honest):
    def quantization_parameters(self, minimum, maximum, *, dtype, qscheme):
        return super().quantization_parameters(
            minimum.clamp_(max=0), maximum.clamp_(min=0), dtype=dtype, qscheme=qscheme
        )


@caught_by("qparams.ranges-not-mutated")
class ScalesInPlace(Honest):
    def scaled_input_range(self, inputs, scale):
        return inputs.min.mul_(scale).amin(), inputs.max.mul_(scale).amax()


@caught_by("qparams.ranges-not-mutated")
class OneMemoryForAllSteps(Honest):
    """Writes every quantizer's scale where the one before it lies."""

    def __init__(self):
        self.kept = torch.empty(())

    def quantization_parameters(self, minimum, maximum, *, dtype, qscheme):
        scale, zero_point = super().quantization_parameters(
            minimum, maximum, dtype=dtype, qscheme=qscheme
        )
        return self.kept.copy_(scale), zero_point


@caught_by("qparams.ranges-not-mutated")
class OneMemoryForAllScaledRanges(Honest):
    """Writes every scaled range where the one before it lies."""

    def __init__(self):
        self.kept = torch.empty(2)

    def scaled_input_range(self, inputs, scale):
        low, high = super().scaled_input_range(inputs, scale)
        self.kept[0], self.kept[1] = low, high
        return self.kept[0], self.kept[1]


@caught_by("qparams.any-width", "narrow*")
class FloorsTheScale(Honest):
    """Makes no scale smaller than the eps of float32."""

    def quantization_parameters(self, minimum, maximum, *, dtype, qscheme):
        scale, zero_point = super().quantization_parameters(
            minimum, maximum, dtype=dtype, qscheme=qscheme
        )
        return scale.clamp(min=torch.finfo(torch.float32).eps), zero_point


@caught_by("qparams.any-width", "wide*-affine-*")
class WidthOverflows(Honest):
    """Takes max - min first, which may be more than float32 holds."""

    def step(self, low, high, steps):
        return (high - low) / steps
