"""Sensitivities of equalized and int8 models that are wrong in one way each."""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN201, ARG002

import math
from itertools import pairwise

import torch
from honest_select import LAYERS, NORMS, NotingFolds, Selecting, SelectingInt8
from quantizing import Quantizing
from registered import caught_by
from torch import nn

from eqconform.checks.select_chains import Function


@caught_by("select.folded-layers")
class ScaledIsNoisy(Selecting):
    def unfolded(self, model, name, changed):
        return changed


@caught_by("select.folded-layers")
class UndoneTwice(Selecting):
    def unfolded(self, model, name, changed):
        return super().unfolded(model, name, super().unfolded(model, name, changed))


@caught_by("select.folded-layers")
class FittedScale(Selecting):
    """The scale that fits best takes a part of the noise with it."""

    def joined(self, calls):
        return super().joined([(y, self.fitted(y, changed)) for y, changed in calls])

    def fitted(self, y, changed):
        rest = [axis for axis in range(y.ndim) if axis != 1]
        return (
            changed
            * (y * changed).sum(rest, keepdim=True)
            / changed.square().sum(rest, keepdim=True)
        )


@caught_by("select.folded-layers")
class FoldsNothing(Selecting):
    """There is nothing to undo, and nothing is shown."""

    def place(self, layer, before):
        super().place(layer, before if isinstance(before, NORMS) else None)


@caught_by("select.folded-layers", "conv2d-behind-a-norm")
class UndoesWhatANormTook(Selecting):
    """By the layer that is next to the right of it, whatever is between."""

    def equalized(self, model, batches, names):
        result = super().equalized(model, batches, names)
        layers = [each for each in result.modules() if isinstance(each, LAYERS)]
        for layer, after in pairwise(layers):
            layer.folded = after.scale
        return result


@caught_by("select.folded-layers", "conv1d")
@caught_by("select.folded-layers", "conv3d")
class UndoesImagesOnly(Selecting):
    """Knows where the channels of a matrix and of an image are."""

    def along_rows(self, scale, layer, output):
        own = layer.weight.ndim in {2, 4}
        return super().along_rows(scale, layer, output) if own else scale.amax()


@caught_by("select.folded-layers", "conv2d-unbatched")
@caught_by("select.folded-layers", "linear-of-rank-3")
@caught_by("select.quantized-model", "conv2d-unbatched-equalized")
class UndoesAxisOne(SelectingInt8):
    """Takes axis 1 of an output for its channels, whatever the layer and the rank."""

    def along_rows(self, scale, layer, output):
        return scale.view(1, -1, *[1] * (output.ndim - 2))


@caught_by("select.folded-layers", "functional-*")
class UndoesModulesOnly(Selecting):
    """Undoes no scale that the weight of a function took."""

    def unfolded(self, model, name, changed):
        is_function = isinstance(dict(model.named_modules())[name], Function)
        return changed if is_function else super().unfolded(model, name, changed)


class Int8Known(SelectingInt8):
    """Tells the int8 models that it made by an attribute."""

    def quantize(self, model, batches, *, equalize, layers=None):
        result = super().quantize(model, batches, equalize=equalize, layers=layers)
        result.is_int8 = True
        return result

    def layer_sqnr(self, float_model, quantized_model, batch):
        found = super().layer_sqnr(float_model, quantized_model, batch)
        known = hasattr(quantized_model, "is_int8")
        return self.of_int8(found) if known else found


@caught_by("select.quantized-model")
class Int8IsNoiseless(Int8Known):
    def of_int8(self, found):
        return dict.fromkeys(found, math.inf)


@caught_by("select.quantized-model")
class FailsOnItsOwnInt8(Int8Known):
    def of_int8(self, found):
        raise TypeError("an int8 model has no float weights")


@caught_by("select.quantized-model")
class Int8BySixDecibelsABit(Int8Known):
    """What is said of every 8 bits, whatever the data."""

    def of_int8(self, found):
        return dict.fromkeys(found, 6.02 * 8 + 1.76)


@caught_by("select.quantized-model", "[cl]*-equalized")
class ScaledInt8IsNoisy(SelectingInt8):
    """Notes the folds of `equalize` alone."""

    def quantize(self, model, batches, *, equalize, layers=None):
        return Quantizing().quantize(model, batches, equalize=equalize, layers=layers)


@caught_by("select.quantized-model", "conv?d-equalized")
class UndoneInInt8ByTheMean(SelectingInt8):
    """One factor for all rows, where a step is one for all."""

    def quantize(self, model, batches, *, equalize, layers=None):
        result = NotingFolds().quantize(model, batches, equalize=equalize, layers=layers)
        for each in result.modules():
            if hasattr(each, "folded"):
                each.folded = each.folded.mean().expand_as(each.folded)
        return result


@caught_by("select.quantized-model", "branches-*")
@caught_by("select.quantized-model", "residual-*")
class Int8InARowOnly(Int8Known):
    """Knows int8 models of layers in a row alone."""

    def layer_sqnr(self, float_model, quantized_model, batch):
        if not isinstance(float_model, nn.Sequential) and hasattr(quantized_model, "is_int8"):
            raise TypeError(f"{type(float_model).__name__} is no Sequential")
        return super().layer_sqnr(float_model, quantized_model, batch)

    def of_int8(self, found):
        return found


@caught_by("select.quantized-model", "functional-*")
@caught_by("select.quantized-model", "branches-of-functions-*")
class Int8FunctionsAreNoiseless(Int8Known):
    """Looks for what int8 did to modules, and finds that it did nothing to functions."""

    def layer_sqnr(self, float_model, quantized_model, batch):
        self.modules = {
            name
            for name, each in float_model.named_modules()
            if isinstance(each, LAYERS) and not isinstance(each, Function)
        }
        return super().layer_sqnr(float_model, quantized_model, batch)

    def of_int8(self, found):
        return {name: ratio if name in self.modules else math.inf for name, ratio in found.items()}


@caught_by("select.models-untouched")
class LeavesAMark(Selecting):
    """Notes on the model that it was measured."""

    def calls(self, model, batch):
        model.measured = True
        return super().calls(model, batch)


@caught_by("select.global-state-untouched")
class Reseeds(Selecting):
    """Seeds torch, for measurements that repeat."""

    def calls(self, model, batch):
        torch.manual_seed(0)
        return super().calls(model, batch)


@caught_by("select.global-state-untouched")
class DrawsNumbers(Selecting):
    """Looks at outputs in an order that it draws."""

    def joined(self, calls):
        return super().joined([calls[place] for place in torch.rand(len(calls)).argsort()])


@caught_by("select.global-state-untouched")
class LeavesGradientsOff(Selecting):
    def calls(self, model, batch):
        torch.set_grad_enabled(False)
        return super().calls(model, batch)


@caught_by("select.models-untouched")
class LeavesHooks(Selecting):
    def calls(self, model, batch):
        model.register_forward_hook(lambda *_: None)
        return super().calls(model, batch)


@caught_by("select.models-untouched")
class Trains(Selecting):
    def calls(self, model, batch):
        return super().calls(model.train(), batch)


@caught_by("select.batch-untouched")
class ClampsTheBatch(Selecting):
    def calls(self, model, batch):
        for each in batch if isinstance(batch, tuple) else (batch,):
            each.clamp_(-3, 3)
        return super().calls(model, batch)
