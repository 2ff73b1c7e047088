"""Equalizers whose `equalize` is right, and whose other ways lead elsewhere."""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN201, ARG002

from copy import deepcopy

from by_hooks import ByHooks
from oracle import Oracle
from registered import caught_by
from torch import nn


class Apart(ByHooks):
    """Its `equalize` does not go by its own steps."""

    def equalize(self, model, batches, *, layers=None):
        return ByHooks().equalize(model, batches, layers=layers)


@caught_by("equalize.steps-agree", "*-last-layer")
class PreparesEveryLayer(Apart):
    """Ignores the choice of layers when it goes step by step."""

    def prepare(self, model, *, layers=None):
        return super().prepare(model)


@caught_by("equalize.steps-agree")
class OtherScalesInSteps(Apart):
    """Leaves out the square root when it goes step by step."""

    def formula(self, weights, inputs):
        return super().formula(weights, inputs).square()


@caught_by("equalize.steps-agree")
class ConvertsNothing(Apart):
    """Gives the model back as it was when it goes step by step."""

    def convert(self, prepared):
        return deepcopy(prepared.original)


@caught_by("equalize.by-parts")
class NoPart(ByHooks):
    """Gives back a copy of what it would have to take by parts."""

    def equalize_parts(self, model, batches):
        return deepcopy(model)


@caught_by("equalize.by-parts")
class FirstPartAlone(ByHooks):
    """Equalizes the first part that it finds, and leaves the others."""

    def equalize_parts(self, model, batches):
        part = next(name for name, _ in model.named_children())
        inside = [
            name
            for name, module in model.named_modules()
            if name.startswith(f"{part}.") and isinstance(module, nn.Linear)
        ]
        return self.equalize(model, batches, layers=inside)


@caught_by("equalize.by-parts")
class PartsWithoutMultiplications(ByHooks):
    """Divides the weights of parts, and multiplies nothing."""

    def equalize_parts(self, model, batches):
        result = self.equalize(model, batches)
        for module in result.modules():
            module._forward_pre_hooks.clear()
        return result


@caught_by("equalize.by-parts", "weight-in-two-parts")
class DividesInEveryPart(ByHooks):
    """Divides a weight in each part that holds it."""

    def rescale(self, layer, scale, done):
        super().rescale(layer, scale, {})


@caught_by("equalize.by-parts", "bias-in-two-parts")
class ScalesABiasOfTwoParts(ByHooks):
    """Takes a bias along where it divides a weight, whoever else holds it."""

    def equalize_parts(self, model, batches):
        result = self.equalize(model, batches)
        result.get_parameter("first.first.bias").data.mul_(2)
        result.first.first.register_forward_hook(lambda layer, _, y: y - layer.bias / 2)
        return result


@caught_by("equalize.by-parts", "result-kept-by-a-part")
class KeepsTheCalibration(ByHooks):
    """A part goes on holding what it last kept while it was calibrated."""

    def equalize_parts(self, model, batches):
        result = self.equalize(model, batches)
        if hasattr(result.first, "made"):
            held = result.first.made
            result.first.register_forward_hook(lambda part, *_: setattr(part, "made", held))
        return result


@caught_by("equalize.by-parts", "path-never-calibrated")
class DividesUnseenWeights(ByHooks):
    """Divides the weights of layers that saw no batch, and multiplies nothing there."""

    def convert(self, prepared):
        result = super().convert(prepared)
        for name in self.chosen(result, None):
            if id(prepared.model.get_submodule(name).weight) not in prepared.seen:
                result.get_submodule(name).weight.data.div_(2)
        return result


@caught_by("chain.every-sample", "chain-*layers")
@caught_by("chain.every-sample", "chain-conv2d")
class FirstSixteenBatches(Oracle):
    """Stops calibrating after 16 batches."""

    def of_batches(self, recordings):
        return recordings[:16]


@caught_by("chain.every-sample", "chain-conv2d-large")
@caught_by("chain.every-sample", "chain-conv1d-long")
class FirstPlaces(Oracle):
    """Looks at the first 32 places along the last axis of an image."""

    def equalize(self, model, batches, *, layers=None):
        return super().equalize(model, [batch[..., :32] for batch in batches], layers=layers)


@caught_by("chain.every-sample", "chain-*layers")
@caught_by("chain.every-sample", "chain-conv2d")
class FirstSamples(Oracle):
    """Looks at the first thousand samples of a batch."""

    def equalize(self, model, batches, *, layers=None):
        return super().equalize(model, [batch[:1000] for batch in batches], layers=layers)
