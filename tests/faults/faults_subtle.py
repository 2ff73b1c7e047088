"""Equalizers that change the function a little, or seldom."""

# Overrides have the signatures of `eqconform.Implementation`.
# ruff: noqa: ANN001, ANN002, ANN201, ANN204

import torch
from by_hooks import ByHooks, Multiply
from faults_use import Behind
from oracle import Oracle, Rescaled
from registered import caught_by
from torch import nn

from eqconform.probe import layer_arguments


class OfWeights(ByHooks):
    """`ByHooks`, with something done to each equalized weight."""

    def divide(self, layer, scale):
        super().divide(layer, scale)
        with torch.no_grad():
            self.spoil(layer)


@caught_by("equalize.same-function", "chain-three-layers")
@caught_by("equalize.float64", "chain-three-layers")
class OneElementOff(OfWeights):
    """Has one element of each weight off by 1e-5 of itself."""

    def spoil(self, layer):
        flat = layer.weight.view(-1)
        flat[flat.abs().argmax()] *= 1 + 1e-5


@caught_by("equalize.same-function", "*-without-bias")
class BiasFreeLayersOff(OfWeights):
    """Is off by a thousandth in layers without a bias."""

    def spoil(self, layer):
        if layer.bias is None:
            layer.weight.mul_(1.001)


@caught_by("equalize.same-function", "chain-conv1d*")
class Conv1dOff(OfWeights):
    """Is off by a thousandth in layers of one spatial axis."""

    def spoil(self, layer):
        if isinstance(layer, nn.Conv1d):
            layer.weight.mul_(1.001)


@caught_by("equalize.float64", "chain-three-layers")
class DoubleOff(OfWeights):
    """Is off by a thousandth in float64."""

    def spoil(self, layer):
        if layer.weight.dtype is torch.float64:
            layer.weight.mul_(1.001)


@caught_by("equalize.bfloat16", "chain-three-layers")
class BfloatOff(OfWeights):
    """Loses the biases of bfloat16 layers."""

    def spoil(self, layer):
        if layer.weight.dtype is torch.bfloat16 and layer.bias is not None:
            layer.bias.zero_()


@caught_by("equalize.float16", "chain-three-layers")
class HalfOff(OfWeights):
    """Loses the biases of float16 layers."""

    def spoil(self, layer):
        if layer.weight.dtype is torch.float16 and layer.bias is not None:
            layer.bias.zero_()


@caught_by("equalize.same-function", "chain-conv3d-padding-modes")
class Conv3dPadsWithZeros(OfWeights):
    """Loses the padding mode of Conv3d."""

    def spoil(self, layer):
        if isinstance(layer, nn.Conv3d):
            layer.padding_mode = "zeros"


@caught_by("equalize.same-function", "chain-conv1d-padding-modes")
class ReplicatesForACircle(OfWeights):
    """Takes one padding mode for another."""

    def spoil(self, layer):
        if getattr(layer, "padding_mode", "") == "circular":
            layer.padding_mode = "replicate"


@caught_by("equalize.odd-values", "dead-channel-revives")
class PrunesDeadChannels(ByHooks):
    """Drops the columns of channels that were 0 all through calibration."""

    def formula(self, weights, inputs):
        self.dead = inputs == 0
        return super().formula(weights, inputs)

    def divide(self, layer, scale):
        super().divide(layer, scale)
        if len(self.dead) == layer.weight.shape[1]:
            layer.weight.data[:, self.dead] = 0


@caught_by("equalize.grouped", "grouped-conv2d")
@caught_by("equalize.grouped", "depthwise-multiplier")
class GroupsInTurns(ByHooks):
    """Deals channels out to groups by turns, in place of blocks."""

    def divide(self, layer, scale):
        groups = getattr(layer, "groups", 1)
        width = layer.weight.shape[1]
        dealt = scale.reshape(width, groups).T.flatten() if width > 1 else scale.flip(0)
        super().divide(layer, dealt if groups > 1 else scale)


class SecondOff(Behind):
    def forward(self, *inputs):
        returned = self.model(*inputs)
        if isinstance(returned, dict):
            first, *others = returned.items()
            return dict([first, *((key, self.off(value)) for key, value in others)])
        return type(returned)([returned[0], *map(self.off, returned[1:])])

    def off(self, value):
        return value * 1.001


@caught_by("equalize.every-output", "output-tuple")
@caught_by("equalize.every-output", "output-dictionary")
class SecondOutputOff(ByHooks):
    """Is right in the first output, and off by a thousandth in the second."""

    def convert(self, prepared):
        return SecondOff(super().convert(prepared))


class Widened(Behind):
    def forward(self, *inputs):
        returned = self.model(*inputs)
        return returned.double() if isinstance(returned, torch.Tensor) else returned


@caught_by("equalize.same-function", "chain-three-layers")
class ReturnsFloat64(ByHooks):
    """Returns more digits than the model does, in another dtype."""

    def convert(self, prepared):
        return Widened(super().convert(prepared))


class Squeezing(Behind):
    def forward(self, *inputs):
        returned = self.model(*inputs)
        return returned.squeeze() if isinstance(returned, torch.Tensor) else returned


@caught_by("equalize.unseen-sizes", "chain-three-layers")
class SqueezesBatchesOfOne(ByHooks):
    """Drops axes of length 1, a batch of one among them."""

    def convert(self, prepared):
        return Squeezing(super().convert(prepared))


class BatchedMultiply(Multiply):
    def __call__(self, layer, args, kwargs):
        (x, *rest), kwargs = super().__call__(layer, args, kwargs)
        return (x if layer.weight.ndim in (2, x.ndim) else x[None], *rest), {}


@caught_by("equalize.unbatched-convolution", "unbatched-conv2d")
class AlwaysABatch(ByHooks):
    """Gives an unbatched image a batch axis, and the output too."""

    Multiply = BatchedMultiply


class SizedMultiply(Multiply):
    def __call__(self, layer, args, kwargs):
        if args and args[0].ndim > 2:
            held = self.__dict__.setdefault("shape", args[0].shape[2:])
            if args[0].shape[2:] != held:
                return args, kwargs
        return super().__call__(layer, args, kwargs)


@caught_by("equalize.unseen-sizes", "chain-conv2d")
class OneSpatialSize(ByHooks):
    """Multiplies images of the size that it met first."""

    Multiply = SizedMultiply


@caught_by("equalize.functional-layers", "functional-*-keywords")
class KeywordWeightsLeft(Oracle):
    """Multiplies an input, and forgets to divide a weight that is given by keyword."""

    def equalize(self, model, batches, *, layers=None):
        plain = super().equalize(model, batches, layers=layers)
        return Positional(plain.model, plain.swap)


class Positional(Rescaled):
    def forward(self, *inputs):
        with _PositionalOnly(self.swap):
            return self.model(*inputs)


class _PositionalOnly(torch.overrides.TorchFunctionMode):
    def __init__(self, swap):
        super().__init__()
        self.swap, self.count = swap, -1

    def __torch_function__(self, func, types, args=(), kwargs=None):
        given = layer_arguments(func, args, kwargs or {})
        if given is None:
            return func(*args, **(kwargs or {}))
        self.count += 1
        held = {name: given[name] for name in kwargs or {} if name == "weight"}
        self.swap(self.count, given)
        return func(**{**given, **held})
