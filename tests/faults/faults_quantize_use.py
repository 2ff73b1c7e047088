"""Int8 models whose making, or whose calls, leave something behind."""

# Overrides have the signatures of `eqconform.Implementation`.
# ruff: noqa: ANN001, ANN201

import torch
from quantizing import Quantizing
from registered import caught_by


class Leaving(Quantizing):
    """Does something before it quantizes, which stays."""

    def quantize(self, model, batches, *, equalize, layers=None):
        self.leave()
        return super().quantize(model, batches, equalize=equalize, layers=layers)


@caught_by("quantize.global-state-untouched")
class Reseeds(Leaving):
    """Seeds torch, for int8 models that repeat."""

    def leave(self):
        torch.manual_seed(0)


@caught_by("quantize.global-state-untouched")
class LeavesGradientsOff(Leaving):
    def leave(self):
        torch.set_grad_enabled(False)


@caught_by("quantize.global-state-untouched")
class LeavesADefaultDtype(Leaving):
    """Computes its steps in float64, by the default dtype."""

    def leave(self):
        torch.set_default_dtype(torch.float64)


@caught_by("quantize.global-state-untouched")
class LeavesThreads(Leaving):
    def leave(self):
        torch.set_num_threads(torch.get_num_threads() + 1)


@caught_by("quantize.global-state-untouched")
class GradientsOffWhenCalled(Quantizing):
    """The int8 model turns gradients off, for good."""

    def quantize(self, model, batches, *, equalize, layers=None):
        result = super().quantize(model, batches, equalize=equalize, layers=layers)
        result.register_forward_pre_hook(lambda *_: self.off())
        return result

    def off(self):
        torch.set_grad_enabled(False)


@caught_by("quantize.inputs-untouched", "*-plain")
class RoundsInPlace(Quantizing):
    """Writes the levels into the tensor that a layer is called with."""

    quantized = False

    def quantize(self, model, batches, *, equalize, layers=None):
        result = super().quantize(model, batches, equalize=equalize, layers=layers)
        self.quantized = True
        return result

    def input(self, x, low, high):
        levels = super().input(x, low, high)
        return x.copy_(levels) if self.quantized else levels


@caught_by("quantize.inputs-untouched", "*-equalized")
class MultipliesInPlace(RoundsInPlace):
    """Multiplies the tensor that a layer is called with."""

    def multiply(self, layer, scale):
        outer = scale.reshape(-1, *[1] * (layer.weight.ndim - 2))
        layer.register_buffer("input_scale", outer)
        layer.register_forward_pre_hook(lambda own, args: (self.times(args[0], own.input_scale),))

    def times(self, x, scale):
        return x.mul_(scale) if self.quantized else x * scale

    def input(self, x, low, high):
        return Quantizing.input(self, x, low, high)


@caught_by("quantize.nothing-to-train")
class StaysTrainable(Quantizing):
    """Parameters require gradients, as they did in the float model."""

    def quantize(self, model, batches, *, equalize, layers=None):
        result = super().quantize(model, batches, equalize=equalize, layers=layers)
        return result.requires_grad_(requires_grad=True)
