"""Sensitivities that are wrong in one way each."""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN002, ANN201, ARG002

import math

import torch
from honest_select import LAYERS, Heard, Selecting, SelectingInt8
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


@caught_by("select.sqnr", "bfloat16")
class NormsInTheModelsDtype(Selecting):
    """8 bits of bfloat16 hold no norm."""

    def ratio(self, y, changed):
        noise = (y - changed).norm().item()
        return 20 * math.log10(y.norm().item() / noise) if noise else math.inf


@caught_by("select.sqnr", "bfloat16")
class ThroughNumpy(Selecting):
    """Reads outputs through NumPy, which has no bfloat16."""

    def ratio(self, y, changed):
        return super().ratio(*(torch.from_numpy(each.numpy()) for each in (y, changed)))


@caught_by("select.sqnr", "noise-above-signal")
class NeverBelowZero(Selecting):
    def ratio(self, y, changed):
        return max(super().ratio(y, changed), 0.0)


class HeardWithoutGeometry(Heard):
    def heard(self, func, given, result):
        alone = {name: given[name] for name in ("input", "weight", "bias") if name in given}
        return func(**alone, **{"groups": given["groups"]} if "groups" in given else {})


@caught_by("select.sqnr", "conv2d-strided")
@caught_by("select.functional-layers", "convolutions")
class StridesForgotten(Selecting):
    """Computes what a layer gives from input, weight and bias alone."""

    Heard = HeardWithoutGeometry


@caught_by("select.sqnr", "*-unbatched")
class BatchesOnly(Selecting):
    """Refuses an input without a batch axis."""

    def calls(self, model, batch):
        first = next(each for each in model.modules() if isinstance(each, LAYERS))
        if isinstance(batch, torch.Tensor) and batch.ndim < first.weight.ndim:
            raise ValueError(f"there is no batch axis in shape {tuple(batch.shape)}")
        return super().calls(model, batch)


@caught_by("select.sqnr", "branches")
@caught_by("select.quantized-model", "branches-added-*")
@caught_by("select.quantized-model", "residual-*")
class NamesAsTheyAreDefined(SelectingInt8):
    """Takes the order in which layers are written down for that in which they run."""

    def layer_sqnr(self, float_model, quantized_model, batch):
        found = super().layer_sqnr(float_model, quantized_model, batch)
        defined = [name for name, _ in float_model.named_modules() if name in found]
        missing = [name for name in found if name not in defined]
        return dict(zip([*defined, *missing], found.values(), strict=True))


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


@caught_by("select.functional-layers", "convolutions")
class FunctionalLinearOnly(Selecting):
    """Knows no convolution that is a function."""

    def layer_sqnr(self, float_model, quantized_model, batch):
        modules = dict(float_model.named_modules())
        tensors = dict(float_model.named_parameters())
        found = super().layer_sqnr(float_model, quantized_model, batch)
        weights = {n: tensors.get(n, tensors.get(f"{n}.weight")) for n in found}
        known = {n for n in found if isinstance(modules.get(n), LAYERS) or weights[n].ndim == 2}
        return {n: ratio for n, ratio in found.items() if n in known}


@caught_by("select.several-inputs")
class OneInput(Selecting):
    def calls(self, model, batch):
        return super().calls(model, batch[0] if isinstance(batch, tuple) else batch)


@caught_by("select.keys", "sharing-a-weight")
class OneNamePerWeight(Selecting):
    """Names a layer by its weight alone."""

    def names(self, model):
        first = {}
        for (weight, bias), name in super().names(model).items():
            first[weight, bias] = first.setdefault(weight, name)
        return first
