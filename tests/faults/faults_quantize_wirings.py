"""Int8 models that are wrong in one way each where layers do not stand in a row."""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN002, ANN201, ANN202, ANN204, ARG002

from quantizing import Quantizing, WithFunctions
from registered import caught_by
from torch import nn
from torch.nn import functional as F  # noqa: N812  its customary name
from torch.overrides import TorchFunctionMode


class _NoAddition(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        if getattr(func, "__name__", "") in ("add", "__add__"):
            return args[0]
        return func(*args, **(kwargs or {}))


class _WithoutAdditions(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *inputs):
        with _NoAddition():
            return self.model(*inputs)


@caught_by("quantize.wirings", "residual-*")
@caught_by("quantize.wirings", "branches-added")
@caught_by("quantize.wirings", "two-inputs")
@caught_by("quantize.wirings-equalized", "residual-*")
class ResidualsLost(Quantizing):
    """Drops what is added to another tensor."""

    def quantize(self, model, batches, *, equalize, layers=None):
        return _WithoutAdditions(super().quantize(model, batches, equalize=equalize, layers=layers))


@caught_by("quantize.wirings", "functional-*")
class FunctionalLayersBroken(Quantizing):
    """Quantizes the inputs of functional layers by a quarter of their range."""

    def with_functions(self, model, seen):
        narrow = {name: [each / 4 for each in inputs] for name, inputs in seen.items()}
        return super().with_functions(model, narrow)


@caught_by("quantize.levels-of-functions")
class FunctionsInFloat(Quantizing):
    """Quantizes modules, and leaves functions as they are."""

    def with_functions(self, model, seen):
        return model


@caught_by("quantize.levels-of-functions", "*-inputs-*")
class FunctionsWithFloatInputs(Quantizing):
    """Quantizes the weights of functional layers, and not their inputs."""

    def with_functions(self, model, seen):
        result = super().with_functions(model, seen)
        return result.model if isinstance(result, WithFunctions) else result


@caught_by("quantize.wirings", "shared-layer")
class SharedLayerFirstCall(Quantizing):
    """Quantizes a shared layer by what its first call sees."""

    kept = 0

    def seen(self, model, batches):
        seen = super().seen(model, batches)
        return {name: self.one_a_batch(inputs, len(batches)) for name, inputs in seen.items()}

    def one_a_batch(self, inputs, batches):
        calls = len(inputs) // batches
        return inputs[self.kept % calls :: calls] if calls else inputs


@caught_by("quantize.wirings", "shared-layer-narrow-last")
class SharedLayerLastCall(SharedLayerFirstCall):
    """Quantizes a shared layer by what its last call sees."""

    kept = -1


@caught_by("quantize.wirings-equalized", "residual-*")
@caught_by("quantize.wirings-equalized", "branches-*")
class EqualizesTheWeightAlone(Quantizing):
    """Divides the columns, and multiplies the input nowhere."""

    def multiply(self, layer, scale):
        pass


@caught_by("quantize.levels-at-depth", "third-*")
class ThirdLayerOnFloat(Quantizing):
    """Leaves the third layer as it is, and those behind."""

    first_in_float = 2

    def quantize(self, model, batches, *, equalize, layers=None):
        self.left = list(self.layers_of(model))[self.first_in_float :]
        return super().quantize(model, batches, equalize=equalize, layers=layers)

    def to_observe(self, name, before, after):
        self.in_float = name in self.left
        return super().to_observe(name, before, after)

    def round_layer(self, layer, low, high):
        if not self.in_float:
            super().round_layer(layer, low, high)


@caught_by("quantize.levels-at-depth", "last-*")
class FourthLayerOnFloat(ThirdLayerOnFloat):
    """Leaves the fourth layer as it is."""

    first_in_float = 3


@caught_by("quantize.planted-imbalance", "*-of-four")
class EqualizesTwoLayers(Quantizing):
    """Equalizes the first two layers, and none behind."""

    def quantize(self, model, batches, *, equalize, layers=None):
        first_two = list(self.layers_of(model))[:2]
        chosen = first_two if layers is None else layers
        return super().quantize(model, batches, equalize=equalize, layers=chosen)


class _Swaps(Quantizing):
    """Takes one function for another, from calibration on."""

    swapped = ()

    def copied(self, model):
        return _Swapping(super().copied(model), dict(self.swapped)).eval()


class _Swapped(TorchFunctionMode):
    def __init__(self, swapped):
        super().__init__()
        self.swapped = swapped

    def __torch_function__(self, func, types, args=(), kwargs=None):
        other = self.swapped.get(getattr(func, "__name__", ""))
        return other(args[0]) if other else func(*args, **(kwargs or {}))


class _Swapping(nn.Module):
    def __init__(self, model, swapped):
        super().__init__()
        self.model, self.swapped = model, swapped

    def forward(self, *inputs):
        with _Swapped(self.swapped):
            return self.model(*inputs)


@caught_by("quantize.wirings", "convolutions-with-norm")
@caught_by("quantize.wirings-equalized", "convolutions-with-norm")
class BatchNormLost(_Swaps):
    """Takes BatchNorm away, as if it had been folded."""

    swapped = (("batch_norm", lambda x: x),)


@caught_by("quantize.wirings", "convolutions-with-norm")
class Relu6IsRelu(_Swaps):
    """Takes ReLU6 for ReLU."""

    swapped = (("relu6", F.relu),)


@caught_by("quantize.wirings", "tokens-with-norm")
class LayerNormLost(_Swaps):
    """Takes LayerNorm away."""

    swapped = (("layer_norm", lambda x: x),)


@caught_by("quantize.wirings", "tokens-with-norm")
class GeluIsRelu(_Swaps):
    """Has no kernel of GELU, and takes ReLU."""

    swapped = (("gelu", F.relu),)


@caught_by("quantize.wirings", "volumes-with-hardswish")
class HardswishIsRelu(_Swaps):
    """Has no kernel of hardswish, and takes ReLU."""

    swapped = (("hardswish", F.relu),)


@caught_by("quantize.wirings", "grouped-signals")
@caught_by("quantize.wirings-equalized", "grouped-signals")
class GroupsReversed(Quantizing):
    """Packs the rows of a grouped weight in another order than its bias."""

    def round_layer(self, layer, low, high):
        super().round_layer(layer, low, high)
        if getattr(layer, "groups", 1) > 1:
            layer.bias.data = layer.bias.data.flip(0)
            layer.weight.data = layer.weight.data.roll(1, 0)


class _SecondLost(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *inputs):
        found = self.model(*inputs)
        return (found[0], 0 * found[1]) if isinstance(found, tuple) else found


@caught_by("quantize.wirings", "two-outputs")
class SecondOutputLost(Quantizing):
    """Gives the first output, and zeros for the second."""

    def quantize(self, model, batches, *, equalize, layers=None):
        return _SecondLost(super().quantize(model, batches, equalize=equalize, layers=layers))


@caught_by("quantize.wirings", "dilated-and-strided")
@caught_by("quantize.wirings-equalized", "dilated-and-strided")
class DilationForgotten(Quantizing):
    """The taps of an int8 convolution lie side by side."""

    def round_layer(self, layer, low, high):
        super().round_layer(layer, low, high)
        if getattr(layer, "dilation", (1,)) != (1,) * (layer.weight.ndim - 2):
            layer.dilation = layer.padding = (1,) * len(layer.dilation)


@caught_by("quantize.wirings", "padded-*")
@caught_by("quantize.wirings-equalized", "padded-*")
class PadsWithZeros(Quantizing):
    """Int8 convolutions pad with zeros, whatever the float ones pad with."""

    def round_layer(self, layer, low, high):
        super().round_layer(layer, low, high)
        layer.padding_mode = "zeros"


@caught_by("quantize.wirings", "padded-by-reflection")
@caught_by("quantize.wirings-equalized", "padded-by-reflection")
class ReflectionTakenForACircle(Quantizing):
    def round_layer(self, layer, low, high):
        super().round_layer(layer, low, high)
        if getattr(layer, "padding_mode", "") == "reflect":
            layer.padding_mode = "circular"
