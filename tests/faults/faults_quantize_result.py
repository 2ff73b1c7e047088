"""Int8 models that are wrong in one way each as modules, and as what was calibrated once."""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN201, ARG002

import torch
from quantizing import Quantizing
from registered import caught_by


@caught_by("quantize.state-dict-round-trip", "residual-*")
@caught_by("quantize.state-dict-round-trip", "shared-*")
class NotInTheStateDict(Quantizing):
    """Keeps the ranges of its quantizers where only it can see them."""

    def round_layer(self, layer, low, high):
        layer.register_forward_pre_hook(lambda _, args: (self.input(args[0], low, high),))
        layer.weight.data = self.weight(layer.weight.data)


@caught_by("quantize.deepcopy", "residual-*")
@caught_by("quantize.deepcopy", "shared-*")
class CopiesAskTheFirst(Quantizing):
    """The quantizers of a copy look their ranges up in the model that was copied."""

    def round_layer(self, layer, low, high):
        layer.register_buffer("input_low", low)
        layer.register_buffer("input_high", high)
        layer.register_forward_pre_hook(
            lambda _, args: (self.input(args[0], layer.input_low, layer.input_high),)
        )
        layer.weight.data = self.weight(layer.weight.data)


@caught_by("quantize.result-is-independent")
class SharesBiases(Quantizing):
    """The int8 model has the very biases of the caller's."""

    def copied(self, model):
        result = super().copied(model)
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                result.get_parameter(name).data = parameter.data
        return result


@caught_by("quantize.train-mode-refused")
class TrainModeAccepted(Quantizing):
    """Puts the model into eval mode, and says nothing."""

    def require_model(self, model, layers):
        super().require_model(self.copied(model).eval(), layers)


@caught_by("quantize.ranges-of-calibration")
class Dynamic(Quantizing):
    """Takes the range of an input from that input, whatever was calibrated."""

    def input(self, x, low, high):
        return super().input(x, x.min(), x.max())


@caught_by("quantize.ranges-of-calibration")
class WidensAsItRuns(Quantizing):
    """Goes on observing after calibration."""

    def input(self, x, low, high):
        return super().input(x, torch.minimum(low, x.min()), torch.maximum(high, x.max()))


@caught_by("quantize.biases")
class CoarseBiases(Quantizing):
    """Rounds biases to five bits."""

    def round_layer(self, layer, low, high):
        super().round_layer(layer, low, high)
        if layer.bias is not None:
            step = layer.bias.data.abs().max() / 15
            layer.bias.data = (layer.bias.data / step).round() * step


@caught_by("quantize.other-dtypes-work")
class Float32Only(Quantizing):
    """Refuses a model of any other dtype."""

    def require_model(self, model, layers):
        super().require_model(model, layers)
        if next(model.parameters()).dtype != torch.float32:
            raise TypeError("the model must be of float32")


@caught_by("quantize.other-dtypes")
@caught_by("quantize.other-dtypes-work")
class BreaksOtherDtypes(Quantizing):
    """Takes a model of another dtype, and returns float32."""

    def quantize(self, model, batches, *, equalize, layers=None):
        result = super().quantize(model, batches, equalize=equalize, layers=layers)
        result.register_forward_hook(lambda *call: call[-1].float())
        return result


@caught_by("quantize.any-unit", "*-plain")
@caught_by("quantize.any-unit", "inputs-and-weights-*")
class FloorsSteps(Quantizing):
    """Makes no step smaller than the eps of float32."""

    def rounded(self, x, step, zero_point, lowest, highest):
        least = torch.finfo(torch.float32).eps
        return super().rounded(x, step.clamp(min=least), zero_point, lowest, highest)
