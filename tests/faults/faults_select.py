"""Sensitivities and selections that are wrong in one way each."""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN002, ANN201, ARG002

import math
from itertools import pairwise

import torch
from honest_select import LAYERS, NORMS, NotingFolds, Selecting, SelectingInt8
from quantizing import Quantizing
from registered import caught_by
from torch import nn


@caught_by("select.sqnr")
class NoLogarithm(Selecting):
    def ratio(self, y, changed):
        return 10 ** (super().ratio(y, changed) / 20)


@caught_by("select.sqnr", "[!w]*")
class TenForTwenty(Selecting):
    """Infinite is right all the same."""

    def ratio(self, y, changed):
        return super().ratio(y, changed) / 2


@caught_by("select.sqnr")
class NoiseOverSignal(Selecting):
    def ratio(self, y, changed):
        return -super().ratio(y, changed)


@caught_by("select.sqnr", "[!f]*")
class SignalOfTheWrongModel(Selecting):
    def ratio(self, y, changed):
        return super().ratio(changed, y)


@caught_by("select.sqnr")
class MeanRemoved(Selecting):
    def ratio(self, y, changed):
        noise = (y - changed).norm().item()
        return 20 * math.log10((y - y.mean()).norm().item() / noise) if noise else math.inf


@caught_by("select.sqnr", "without-noise")
class NeverInfinite(Selecting):
    def ratio(self, y, changed):
        return 20 * math.log10(y.norm().item() / ((y - changed).norm().item() + 1e-12))


@caught_by("select.sqnr", "linear")
@caught_by("select.several-inputs")
class InputsForOutputs(Selecting):
    def heard(self, *models_and_batch):
        *models, batch = models_and_batch
        return [[(weight, x) for weight, x, _ in self.calls(m, batch)] for m in models]


@caught_by("select.sqnr", "before-the-activation")
class BehindTheActivation(Selecting):
    def heard(self, *models_and_batch):
        found = super().heard(*models_and_batch)
        return [[(weight, torch.relu(y)) for weight, y in calls] for calls in found]


@caught_by("select.sqnr", "noise-inherited")
class EachLayerAlone(Selecting):
    """Both layers are fed with the float model's inputs."""

    def heard(self, float_model, quantized_model, batch):
        exact, noisy = (self.calls(m, batch) for m in (float_model, quantized_model))
        alone = [
            y if torch.equal(before, after) else own
            for (before, _, own), (after, _, y) in zip(exact, noisy, strict=True)
        ]
        return [(w, y) for w, _, y in exact], list(zip([w for w, *_ in noisy], alone, strict=True))


@caught_by("select.sqnr", "many-samples")
class FirstSixtyFourSamples(Selecting):
    def calls(self, model, batch):
        return super().calls(model, batch[:64])


@caught_by("select.sqnr", "float64")
class Float32Outputs(Selecting):
    def ratio(self, y, changed):
        return super().ratio(y.float(), changed.float())


@caught_by("select.sqnr", "called-twice")
class LastCallOnly(Selecting):
    def joined(self, calls):
        return super().joined(calls[-1:])


@caught_by("select.sqnr", "called-twice")
class MeanOverCalls(Selecting):
    def joined(self, calls):
        return sum(self.ratio(*call) for call in calls) / len(calls)


@caught_by("select.sqnr", "linear")
@caught_by("select.functional-layers")
class OutputOfTheModelForAll(Selecting):
    def layer_sqnr(self, float_model, quantized_model, batch):
        found = super().layer_sqnr(float_model, quantized_model, batch)
        return dict.fromkeys(found, list(found.values())[-1])


@caught_by("select.keys")
class NamesOfWeights(Selecting):
    def name_of(self, path):
        return path


@caught_by("select.keys", "linear")
class NamesOfNodes(Selecting):
    def name_of(self, path):
        return super().name_of(path).replace(".", "_")


@caught_by("select.keys", "called-twice")
class OneKeyPerCall(Selecting):
    def layer_sqnr(self, float_model, quantized_model, batch):
        found = super().layer_sqnr(float_model, quantized_model, batch)
        calls = len(self.calls(float_model, batch)) - len(found)
        return {**found, **{f"{name}_{calls}": v for name, v in found.items() if calls}}


@caught_by("select.keys", "convolution-and-linear")
class LinearOnly(Selecting):
    def layer_sqnr(self, float_model, quantized_model, batch):
        found = super().layer_sqnr(float_model, quantized_model, batch)
        return {
            n: v for n, v in found.items() if isinstance(float_model.get_submodule(n), nn.Linear)
        }


@caught_by("select.keys", "under-two-names")
class LastNameCounts(Selecting):
    def layer_sqnr(self, float_model, quantized_model, batch):
        found = super().layer_sqnr(float_model, quantized_model, batch)
        names = {m: n for n, m in float_model.named_modules(remove_duplicate=False)}
        modules = dict(float_model.named_modules())
        return {names[modules[n]] if n in modules else n: ratio for n, ratio in found.items()}


@caught_by("select.keys")
class TheModelToo(Selecting):
    def layer_sqnr(self, float_model, quantized_model, batch):
        found = super().layer_sqnr(float_model, quantized_model, batch)
        return {**found, "": min(found.values())}


@caught_by("select.functional-layers")
class ModulesOnly(Selecting):
    def layer_sqnr(self, float_model, quantized_model, batch):
        modules = dict(float_model.named_modules())
        found = super().layer_sqnr(float_model, quantized_model, batch)
        return {n: v for n, v in found.items() if isinstance(modules.get(n), LAYERS)}


@caught_by("select.several-inputs")
class OneInput(Selecting):
    def calls(self, model, batch):
        return super().calls(model, batch[0] if isinstance(batch, tuple) else batch)


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

    def along_rows(self, scale, output):
        return super().along_rows(scale, output) if output.ndim in {2, 4} else scale.amax()


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


@caught_by("select.quantized-model", "*-equalized")
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


@caught_by("select.lowest", "[om]*")
class HighestFirst(Selecting):
    def rank(self, name, ratio):
        return -ratio, name


@caught_by("select.lowest", "[om]*")
class AsTheyStand(Selecting):
    def rank(self, name, ratio):
        return 0


@caught_by("select.lowest", "[om]*")
class OneMore(Selecting):
    def select_layers(self, sqnr, count):
        return super().select_layers(sqnr, min(count + 1, len(sqnr)))


@caught_by("select.lowest", "[om]*")
class SmallestMagnitude(Selecting):
    """A ratio below 0 dB is the lowest, not one near 0."""

    def rank(self, name, ratio):
        return abs(ratio), name


@caught_by("select.lowest", "none")
class SomeLayerThereIs(Selecting):
    def select_layers(self, sqnr, count):
        lowest = min(sqnr, key=lambda name: self.rank(name, sqnr[name]))
        return super().select_layers(sqnr, count) if count != 1 else [lowest]


@caught_by("select.lowest", "many")
class FourAtMost(Selecting):
    """Looks at the first four layers alone, while there are layers enough."""

    def select_layers(self, sqnr, count):
        few = dict(list(sqnr.items())[:4])
        return super().select_layers(few if count <= len(few) else sqnr, count)


@caught_by("select.ties")
class FirstComesFirst(Selecting):
    def rank(self, name, ratio):
        return math.isnan(ratio), 0 if math.isnan(ratio) else ratio


@caught_by("select.ties", "nan")
class FirstNanComesFirst(Selecting):
    def rank(self, name, ratio):
        return (True, 0) if math.isnan(ratio) else (False, ratio, name)


@caught_by("select.ties", "*infinite")
class FirstInfiniteComesFirst(Selecting):
    def rank(self, name, ratio):
        return math.isnan(ratio), ratio, "" if math.isinf(ratio) else name


@caught_by("select.ratios-untouched")
class TakesTheRatios(Selecting):
    """One after the other, out of the caller's hands."""

    def select_layers(self, sqnr, count):
        selected = super().select_layers(sqnr, count)
        for name in selected:
            del sqnr[name]
        return selected


@caught_by("select.ratios-untouched", "descending")
class SortsTheRatios(Selecting):
    def select_layers(self, sqnr, count):
        ordered = super().select_layers(sqnr, len(sqnr))
        for name in ordered:
            sqnr[name] = sqnr.pop(name)
        return super().select_layers(sqnr, count)


@caught_by("select.nan")
class PlainSort(Selecting):
    """In PyTorch's pass too: where NaN is listed decides where it comes."""

    def rank(self, name, ratio):
        return ratio


@caught_by("select.nan")
class NanIsDropped(Selecting):
    def select_layers(self, sqnr, count):
        numbers = {name: ratio for name, ratio in sqnr.items() if not math.isnan(ratio)}
        return super().select_layers(numbers, min(count, len(numbers)))


@caught_by("select.nan", "beside-t*")
class NanIsZero(Selecting):
    def rank(self, name, ratio):
        return 15.0 if math.isnan(ratio) else ratio, name


@caught_by("select.count-out-of-range")
class AnyCount(Selecting):
    def select_layers(self, sqnr, count):
        return sorted(sqnr, key=lambda name: self.rank(name, sqnr[name]))[:count]


@caught_by("select.count-out-of-range", "negative")
class NegativeIsNone(Selecting):
    def select_layers(self, sqnr, count):
        return super().select_layers(sqnr, max(count, 0))


@caught_by("select.adjacent-layers", "*-two")
class NoNeighbours(Selecting):
    """Selects, and then leaves out what is next to a layer that it took."""

    def equalize(self, model, batches, *, layers=None):
        names = [name for name, each in model.named_modules() if isinstance(each, LAYERS)]
        kept = [name for name in names if name in (layers or names)]
        apart = [n for n in kept if names.index(n) == 0 or names[names.index(n) - 1] not in kept]
        return super().equalize(model, batches, layers=apart)


@caught_by("select.adjacent-layers", "behind-one-that-is-not")
class NoMultiplicationBehindALayer(Selecting):
    """As PyTorch's pass: that the layer before could take the scale is enough to drop it."""

    def place(self, layer, before):
        if before is None or hasattr(before, "scale"):
            super().place(layer, before)
        else:
            layer.weight.data /= layer.scale


@caught_by("select.keys", "sharing-a-weight")
class OneNamePerWeight(Selecting):
    """Names a layer by its weight alone."""

    def names(self, model):
        first = {}
        for (weight, bias), name in super().names(model).items():
            first[weight, bias] = first.setdefault(weight, name)
        return first
