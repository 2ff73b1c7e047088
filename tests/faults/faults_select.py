"""Sensitivities and selections that are wrong in one way each."""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN002, ANN201, ARG002

import math

import torch
from honest_select import LAYERS, Selecting
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


@caught_by("select.sqnr")
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
        super().place(layer, None)


@caught_by("select.models-untouched")
class LeavesHooks(Selecting):
    def calls(self, model, batch):
        model.register_forward_hook(lambda *_: None)
        return super().calls(model, batch)


@caught_by("select.models-untouched")
class Trains(Selecting):
    def calls(self, model, batch):
        return super().calls(model.train(), batch)


@caught_by("select.lowest")
class HighestFirst(Selecting):
    def rank(self, name, ratio):
        return -ratio, name


@caught_by("select.lowest")
class AsTheyStand(Selecting):
    def rank(self, name, ratio):
        return 0


@caught_by("select.lowest")
class OneMore(Selecting):
    def select_layers(self, sqnr, count):
        return super().select_layers(sqnr, min(count + 1, len(sqnr)))


@caught_by("select.lowest")
class SmallestMagnitude(Selecting):
    """A ratio below 0 dB is the lowest, not one near 0."""

    def rank(self, name, ratio):
        return abs(ratio), name


@caught_by("select.ties")
class FirstComesFirst(Selecting):
    def rank(self, name, ratio):
        return math.isnan(ratio), ratio


@caught_by("select.nan", "[st]*")
class PlainSort(Selecting):
    """In PyTorch's pass too; NaN at either end of the mapping stays there by luck."""

    def rank(self, name, ratio):
        return ratio


@caught_by("select.nan")
class NanIsDropped(Selecting):
    def select_layers(self, sqnr, count):
        numbers = {name: ratio for name, ratio in sqnr.items() if not math.isnan(ratio)}
        return super().select_layers(numbers, min(count, len(numbers)))


@caught_by("select.nan")
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
