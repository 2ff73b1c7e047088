"""Equalizers that change the function, in one way each."""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN002, ANN201, ANN204, ARG002

import torch
from by_hooks import ByHooks, Multiply, Prepared
from oracle import Oracle
from registered import caught_by
from torch import nn


@caught_by("equalize.same-function", "chain-*")
@caught_by("equalize.vision", "squeezenet1_1")
class WeightsAsTheyWere(ByHooks):
    def divide(self, layer, scale):
        pass


@caught_by("equalize.engages")
@caught_by("equalize.same-function", "chain-*")
@caught_by("equalize.vision", "squeezenet1_1")
class DoesNothing(ByHooks):
    def rescale(self, layer, scale, done):
        pass


@caught_by("equalize.normalizations", "norm-conv-batch-norm-conv")
@caught_by("equalize.normalizations", "norm-linear-batch-norm-linear")
@caught_by("chain.normalizations", "norm-conv-batch-norm-conv")
class FoldsPastTheNorm(Oracle):
    def __init__(self, network):
        super().__init__(network)
        self.folds |= {index: index - 1 for index in network.norm_folds}
        self.multiplied -= set(network.norm_folds)


@caught_by("equalize.shared-layers", "tied-weight-in-row")
class DividedForEveryHolder(ByHooks):
    def rescale(self, layer, scale, done):
        super().rescale(layer, scale, {})


@caught_by("equalize.shared-layers", "layer-on-two-inputs")
class MultipliedAtTheFirstCallAlone(Oracle):
    def rescaled(self, index, scales):
        first = next(i for i, c in enumerate(self.calls) if self.same_layer(c, self.calls[index]))
        if first != index:
            self.multiplied.discard(index)
        return super().rescaled(index, scales)

    def same_layer(self, one, two):
        return one.weight_key == two.weight_key


@caught_by("equalize.functional-layers", "functional-linear")
@caught_by("equalize.functional-layers", "functional-conv2d-keywords")
class LosesTheBias(Oracle):
    def rescaled(self, index, scales):
        return super().rescaled(index, scales)[0], None


@caught_by("equalize.functional-layers", "functional-*")
class ModulesAlone(ByHooks):
    """It leaves functional layers as they are, and so does nothing."""

    def chosen(self, model, layers):
        return [name for name in super().chosen(model, layers) if name != "layer"]


@caught_by("equalize.grouped", "grouped-conv2d")
@caught_by("equalize.grouped", "depthwise-pointwise")
class ScalesOfTheFirstGroup(ByHooks):
    def divide(self, layer, scale):
        width = layer.weight.shape[1]
        layer.weight.data = layer.weight.data / scale[:width].reshape(
            1, -1, *[1] * (layer.weight.ndim - 2)
        )


@caught_by("equalize.unbatched-convolution")
class BatchTakenForGranted(ByHooks):
    def axis(self, layer):
        return 1 if layer.weight.ndim > 2 else -1


@caught_by("equalize.linear-at-any-rank", "linear-rank*")
class TokensForFeatures(ByHooks):
    def axis(self, layer):
        return 1


class OneOutput(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *inputs):
        out = self.model(*inputs)
        return dict(list(out.items())[:1]) if isinstance(out, dict) else out[:1]


@caught_by("equalize.every-output", "output-*")
class OneOutputFewer(ByHooks):
    def convert(self, prepared):
        return OneOutput(super().convert(prepared))


@caught_by("equalize.several-inputs", "several-inputs")
class FirstInputAlone(ByHooks):
    def calibrated(self, prepared, batches):
        return super().calibrated(prepared, [batch[0] for batch in batches])


@caught_by("equalize.odd-values", "dead-channel-revives")
@caught_by("equalize.odd-values", "columns-without-range")
class NothingIsDegenerate(ByHooks):
    def formula(self, weights, inputs):
        return (weights / inputs).sqrt()


@caught_by("equalize.odd-names", "names-taken-by-the-user")
class ScalesOnTheModel(ByHooks):
    """Under the layer's name with a suffix, whatever was there."""

    def convert(self, prepared):
        result = super().convert(prepared)
        for name, layer in list(result.named_modules()):
            if isinstance(layer, nn.Linear):
                setattr(result, f"{name}_equalization_scale", layer.input_scale)
        return result


@caught_by("equalize.unsupported-left-alone")
class RefusesWhatItDoesNotKnow(ByHooks):
    def chosen(self, model, layers):
        for module in model.modules():
            if isinstance(module, nn.Embedding):
                raise NotImplementedError(f"no way to equalize {module}")
        return super().chosen(model, layers)


class PositionalMultiply(Multiply):
    def __call__(self, layer, args, kwargs):
        return (args[0] * layer.get_buffer(self.buffer),), kwargs


@caught_by("equalize.layer-types", "layer-input-by-keyword")
class ArgumentsByPosition(ByHooks):
    Multiply = PositionalMultiply


@caught_by("equalize.parametrized-weights", "weight-norm-*")
@caught_by("equalize.parametrized-weights", "pruned")
class RefusesWithoutAName(ByHooks):
    def chosen(self, model, layers):
        for module in model.modules():
            if isinstance(module, nn.Linear) and "weight" not in module._parameters:
                raise NotImplementedError("a weight is computed")
        return super().chosen(model, layers)


class FourRowsMultiply(Multiply):
    def __call__(self, layer, args, kwargs):
        return super().__call__(layer, args, kwargs) if len(args[0]) == 4 else (args, kwargs)


@caught_by("equalize.unseen-sizes", "chain-relu-module")
class BatchesOfFour(ByHooks):
    Multiply = FourRowsMultiply


@caught_by("equalize.any-layer-selected", "tied-weight-in-row")
class ForgetsTheOtherHolder(ByHooks):
    def chosen(self, model, layers):
        return layers or super().chosen(model, layers)


@caught_by("equalize.names-do-not-matter", "chain-three-layers")
class GoesByNames(ByHooks):
    def chosen(self, model, layers):
        return [n for n in super().chosen(model, layers) if "relu" not in n and "bias" not in n]


@caught_by("equalize.same-function", "chain-three-layers")
@caught_by("equalize.float64", "chain-three-layers")
class Float16Inside(ByHooks):
    def divide(self, layer, scale):
        super().divide(layer, scale)
        layer.weight.data = layer.weight.data.half().to(layer.weight.dtype)


@caught_by("equalize.float64-exact", "chain-three-layers")
class Float32Inside(ByHooks):
    def divide(self, layer, scale):
        super().divide(layer, scale)
        layer.weight.data = layer.weight.data.float().to(layer.weight.dtype)


@caught_by("equalize.bfloat16", "chain-three-layers")
@caught_by("equalize.float16", "chain-three-layers")
class Float32Scales(ByHooks):
    def outer(self, scale, spatial):
        return super().outer(scale.float(), spatial)


class Drifting(Prepared):
    def forward(self, *inputs):
        return super().forward(*inputs) * 1.0001


@caught_by("equalize.prepared-computes-the-same")
class ObservingMoves(ByHooks):
    Prepared = Drifting


@caught_by("equalize.deterministic")
class DrawsItsScales(ByHooks):
    def formula(self, weights, inputs):
        scale = super().formula(weights, inputs)
        return scale * (1 + torch.rand_like(scale))
