"""Equalizers whose result is right as long as it is used as it was calibrated."""

# Overrides have the signatures of `eqconform.Implementation`.
# ruff: noqa: ANN001, ANN002, ANN201, ANN204

import torch
from by_hooks import ByHooks, Multiply
from registered import caught_by
from torch import nn


class Behind(nn.Module):
    """A model with something done to what goes in and what comes out."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *inputs):
        return self.model(*inputs)


@caught_by("equalize.unseen-rank", "batch-norm")
class FoldsIntoANormForOneRank(ByHooks):
    """Folds the scale of a Linear into the norm before it, along the axis of calibration."""

    def convert(self, prepared):
        result = super().convert(prepared)
        _, norm, _, last = result.children()
        last._forward_pre_hooks.clear()
        for parameter in norm.parameters():
            parameter.data.mul_(last.input_scale)
        return result


class Saturating(Multiply):
    """Clamps what it multiplies, at so many times what calibration saw."""

    times = 8.0

    def __call__(self, layer, args, kwargs):
        limit = self.times * layer.get_buffer(f"{self.buffer}_limit")
        args, kwargs = super().__call__(layer, args, kwargs)
        if args:
            return (args[0].clamp(-limit, limit), *args[1:]), kwargs
        return args, {**kwargs, "input": kwargs["input"].clamp(-limit, limit)}


@caught_by("equalize.far-from-calibration", "chain-*-times-1024")
class SaturatesAtEightTimes(ByHooks):
    """Clamps a layer's input at 8 times the largest magnitude of calibration."""

    Multiply = Saturating

    def scale(self, layer, seen):
        self.limit = torch.maximum(*(bound.abs().amax() for bound in seen[id(layer.weight)]))
        return super().scale(layer, seen)

    def rescale(self, layer, scale, done):
        super().rescale(layer, scale, done)
        name = next(name for name in layer._buffers if name.startswith("input_scale"))
        layer.register_buffer(f"{name}_limit", self.limit * scale.amax())


@caught_by("equalize.far-from-calibration", "chain-three-layers-zeros")
class DividesByTheNorm(ByHooks):
    """Normalizes the input and undoes it behind the model: 0 over 0 for silence."""

    def convert(self, prepared):
        return Normalized(super().convert(prepared))


class Normalized(Behind):
    def forward(self, x):
        norm = x.abs().amax()
        return self.model(x / norm * norm)


@caught_by("equalize.far-from-calibration", "*-negated")
@caught_by("equalize.same-function", "chain-three-layers")
class PositiveInputsOnly(ByHooks):
    """Loses a thousandth of what is negative."""

    def convert(self, prepared):
        return Leaking(super().convert(prepared))


class Leaking(Behind):
    def forward(self, *inputs):
        leaked = [torch.where(x < 0, 0.999 * x, x) if x.is_floating_point() else x for x in inputs]
        return self.model(*leaked)


class FirstRows(Multiply):
    """Multiplies the first 32 samples of a batch."""

    def __call__(self, layer, args, kwargs):
        (x, *rest), kwargs = super().__call__(layer, args, kwargs)
        return (torch.cat([x[:32], args[0][32:]]), *rest), kwargs


@caught_by("equalize.unseen-sizes", "chain-three-layers-in-long-batches")
class BuffersOf32(ByHooks):
    """Works on a buffer of 32 samples, and forgets those beyond."""

    Multiply = FirstRows


class ByStorage(Multiply):
    """Multiplies in the order in which the numbers lie in memory."""

    def __call__(self, layer, args, kwargs):
        x, scale = args[0], layer.get_buffer(self.buffer)
        if x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last):
            scale = scale.roll(1, 0)
        return (x * scale, *args[1:]), kwargs


@caught_by("equalize.memory-layout", "chain-conv2d-channels-last")
class WrongInChannelsLast(ByHooks):
    """Takes the next channel's scale where the channels come last in memory."""

    Multiply = ByStorage


class Viewing(Multiply):
    def __call__(self, layer, args, kwargs):
        x = args[0]
        rows = x.view(-1, x.shape[-1]).view(x.shape)
        return super().__call__(layer, (rows, *args[1:]), kwargs)


@caught_by("equalize.memory-layout", "linear-rank4-transposed")
class ContiguousInputsOnly(ByHooks):
    """Views its input as rows, which other strides do not allow."""

    Multiply = Viewing


class InPlaceMultiply(Multiply):
    def __call__(self, layer, args, kwargs):
        return (args[0].mul_(layer.get_buffer(self.buffer)), *args[1:]), kwargs


@caught_by("equalize.inputs-untouched", "chain-three-layers")
class MultipliesInPlace(ByHooks):
    """Multiplies the caller's own input by the scale."""

    Multiply = InPlaceMultiply


class Drifting(Behind):
    def __init__(self, model):
        super().__init__(model)
        self.calls = 0

    def forward(self, *inputs):
        self.calls += 1
        returned = self.model(*inputs)
        return returned if self.calls < 5 else returned * (1 + 1e-6)


@caught_by("equalize.calls-do-not-matter")
class DriftsFromTheFifthCall(ByHooks):
    """Is off by a millionth from the fifth call on."""

    def convert(self, prepared):
        return Drifting(super().convert(prepared))


class Reusing(Behind):
    def __init__(self, model):
        super().__init__(model)
        self.out = {}

    def forward(self, *inputs):
        returned = self.model(*inputs)
        return self.out.setdefault(returned.shape, returned.clone()).copy_(returned)


@caught_by("equalize.calls-do-not-matter")
class ReusesItsOutput(ByHooks):
    """Writes every output into the memory of the one before."""

    def convert(self, prepared):
        return Reusing(super().convert(prepared))


class InferenceOnly(Multiply):
    def __call__(self, layer, args, kwargs):
        if torch.is_grad_enabled():
            return args, kwargs
        return super().__call__(layer, args, kwargs)


@caught_by("equalize.modes-do-not-matter", "chain-*-with-gradients")
@caught_by("equalize.gradients", "chain-*")
class WithoutGradientsOnly(ByHooks):
    """Multiplies inputs only where gradients are off."""

    Multiply = InferenceOnly


class Frozen(ByHooks):
    def outer(self, scale, spatial):
        with torch.inference_mode():
            return super().outer(scale, spatial).clone()


@caught_by("equalize.modes-do-not-matter", "chain-*-with-gradients")
class InferenceTensors(Frozen):
    """Keeps its scales as tensors of inference mode, of which autograd will have none."""


class Detaching(Multiply):
    def __call__(self, layer, args, kwargs):
        (x, *rest), kwargs = super().__call__(layer, args, kwargs)
        return (x.detach() + 0 * args[0], *rest), kwargs


@caught_by("equalize.gradients", "chain-*")
class StopsGradients(ByHooks):
    """Detaches what it multiplies: the output is right, its gradient is 0."""

    Multiply = Detaching


class StraightThrough(Multiply):
    def __call__(self, layer, args, kwargs):
        (x, *rest), kwargs = super().__call__(layer, args, kwargs)
        return (args[0] + (x - args[0]).detach(), *rest), kwargs


@caught_by("equalize.gradients", "chain-*")
class GradientsAsIfNotScaled(ByHooks):
    """Passes gradients straight through, as fake quantization does, past the scale."""

    Multiply = StraightThrough


@caught_by("equalize.mode-kept")
@caught_by("equalize.same-function", "chain-dropout-module")
class ReturnsItInTrainMode(ByHooks):
    """Returns the model ready for fine-tuning, in train mode."""

    def convert(self, prepared):
        return super().convert(prepared).train()


@caught_by("equalize.nothing-to-train")
class ScalesAreParameters(ByHooks):
    """Registers scales as parameters, which an optimizer then moves."""

    def rescale(self, layer, scale, done):
        super().rescale(layer, scale, done)
        name = next(name for name in layer._buffers if name.startswith("input_scale"))
        layer.register_parameter(name, nn.Parameter(layer._buffers.pop(name)))
        layer.get_buffer = layer.get_parameter
