"""Int8 models that are right on what is usual, and wrong in one way each on what is less so."""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN201

import torch
from quantizing import Quantizing
from registered import caught_by


@caught_by("quantize.planted-imbalance", "nested-*")
class OnlyLayersAtTheTop(Quantizing):
    """Equalizes the layers that are direct children, and none in a block."""

    def quantize(self, model, batches, *, equalize, layers=None):
        at_the_top = [name for name in self.layers_of(model) if "." not in name]
        chosen = at_the_top if layers is None else layers
        return super().quantize(model, batches, equalize=equalize, layers=chosen)


@caught_by("quantize.levels", "conv2d-weights-*")
class AStepForEveryFilter(Quantizing):
    """Quantizes Linear per tensor, and convolutions per output channel."""

    def weight(self, weight):
        if weight.ndim == 2:
            return super().weight(weight)
        return torch.stack([Quantizing.weight(self, filters) for filters in weight])


@caught_by("quantize.levels", "depthwise-weights-*")
class AStepForEveryDepthwiseFilter(Quantizing):
    """Quantizes per tensor, and depthwise convolutions per output channel."""

    def weight(self, weight):
        if weight.ndim == 2 or weight.shape[1] > 1:
            return super().weight(weight)
        return torch.stack([Quantizing.weight(self, filters) for filters in weight])


@caught_by("quantize.every-batch", "*-one-in-ten")
@caught_by("quantize.every-batch", "equalized-channels-apart")
class ThreeBatchesAtMost(Quantizing):
    """Stops calibrating after three batches."""

    def quantize(self, model, batches, *, equalize, layers=None):
        return super().quantize(model, batches[:3], equalize=equalize, layers=layers)


@caught_by("quantize.every-batch", "equalized-channels-apart")
class ScalesByTheLastThree(Quantizing):
    """Quantizes by all batches, and equalizes by the last three."""

    def scale(self, layer, inputs):
        return super().scale(layer, inputs[-3:])


@caught_by("quantize.model-untouched")
class LeavesHooks(Quantizing):
    """Leaves a hook on every module of the caller's model."""

    def quantize(self, model, batches, *, equalize, layers=None):
        result = super().quantize(model, batches, equalize=equalize, layers=layers)
        for module in model.modules():
            module.register_forward_hook(lambda *_: None)
        return result


@caught_by("quantize.model-untouched")
class FreezesTheModel(Quantizing):
    """Turns the gradients of the caller's model off."""

    def copied(self, model):
        result = super().copied(model)
        model.requires_grad_(requires_grad=False)
        return result


@caught_by("quantize.model-untouched")
class DropsGradients(Quantizing):
    """Sets the caller's gradients to None."""

    def copied(self, model):
        model.zero_grad()
        return super().copied(model)


@caught_by("quantize.networks", "several-inputs")
class OneInputAlone(Quantizing):
    """Refuses a batch that is a tuple."""

    def require(self, batches):
        super().require(batches)
        if any(isinstance(batch, tuple) for batch in batches):
            raise TypeError("a batch is one tensor")


@caught_by("quantize.networks")
class BatchSizeFixed(Quantizing):
    """Works for the number of samples that it was calibrated on."""

    def quantize(self, model, batches, *, equalize, layers=None):
        result = super().quantize(model, batches, equalize=equalize, layers=layers)
        size = len(batches[0][0] if isinstance(batches[0], tuple) else batches[0])
        result.register_forward_pre_hook(lambda _, args: self.same(len(args[0]), size))
        return result

    def same(self, size, calibrated):
        if size != calibrated:
            raise ValueError(f"{size} samples, where {calibrated} were calibrated on")
