"""Equalizers that keep something from call to call, or hold on to what is the caller's."""

# Overrides have the signatures of `eqconform.Implementation`.
# ruff: noqa: ANN001, ANN002, ANN201, ANN204

from contextlib import suppress
from copy import deepcopy

import torch
from by_hooks import ByHooks
from oracle import Oracle
from registered import caught_by
from torch import nn
from torch.fx import symbolic_trace


@caught_by("equalize.calls-apart", "chain-three-layers")
class CachesWeightsByName(ByHooks):
    """Divides a weight once, and takes it from a cache under its layer's name ever after."""

    def __init__(self):
        self.cache = {}

    def convert(self, prepared):
        result = super().convert(prepared)
        for name in self.chosen(result, prepared.layers):
            layer = result.get_submodule(name)
            kept = self.cache.setdefault((name, layer.weight.shape), layer.weight.detach().clone())
            layer.weight.data = kept.clone()
        return result


@caught_by("equalize.calls-apart")
class KeepsItsRanges(ByHooks):
    """Observes all models of its life into the same ranges."""

    def __init__(self):
        self.widest = torch.zeros(())

    def formula(self, weights, inputs):
        self.widest = torch.maximum(self.widest, inputs.amax())
        return super().formula(weights, inputs + self.widest)


@caught_by("chain.calls-apart")
class ScalesOfTheFirstModel(Oracle):
    """Looks scales up by layer, and finds those of the model before."""

    def __init__(self, network):
        super().__init__(network)
        self.kept = {}

    def scale(self, index, recordings):
        return self.kept.setdefault(index, super().scale(index, recordings))


@caught_by("equalize.caller-state-untouched")
class CalibratesTheCallersModel(ByHooks):
    """Runs the caller's model on the batches, whose forward leaves traces in its buffers."""

    def calibrated(self, prepared, batches):
        super().calibrated(prepared, batches)
        with torch.no_grad():
            for batch in batches:
                prepared.original(*(batch if isinstance(batch, tuple) else (batch,)))
        return prepared


@caught_by("equalize.caller-state-untouched", "attribute")
@caught_by("equalize.caller-state-untouched", "value")
@caught_by("equalize.caller-state-untouched", "item")
@caught_by("equalize.caller-state-untouched", "appended")
@caught_by("equalize.caller-state-untouched", "object")
class TracesTheCallersModel(ByHooks):
    """Looks at a graph of the caller's model, where what a forward keeps is a proxy afterwards."""

    def prepare(self, model, *, layers=None):
        with suppress(Exception):  # not every network can be traced
            symbolic_trace(model)
        return super().prepare(model, layers=layers)


@caught_by("equalize.pickle", "attribute")
@caught_by("equalize.pickle", "value")
@caught_by("equalize.pickle", "item")
@caught_by("equalize.pickle", "appended")
@caught_by("equalize.pickle", "object")
class KeepsTheProxies(ByHooks):
    """Makes a graph of the result, and gives it the attributes that tracing left."""

    def convert(self, prepared):
        result = super().convert(prepared)
        with suppress(Exception):
            graph_module = symbolic_trace(result)
            vars(graph_module).update(vars(result) | vars(graph_module))
            return graph_module
        return result


@caught_by("equalize.result-is-independent")
class SharesBiases(ByHooks):
    """Copies the weights that it divides, and shares the biases with the caller's model."""

    def copied(self, model):
        biases = {id(p): p for n, p in model.named_parameters() if n.endswith("bias")}
        return deepcopy(model, biases)


class OnLoan(nn.Module):
    """Takes its last bias from another model, which it does not own."""

    def __init__(self, model, lender):
        super().__init__()
        self.model, self.lend = model, lambda: lender

    def forward(self, *inputs):
        own = [module for module in self.model.modules() if isinstance(module, nn.Linear)]
        for mine, theirs in zip(own, self.linears(), strict=True):
            mine.bias.data = theirs.bias.detach()
        return self.model(*inputs)

    def linears(self):
        return [module for module in self.lend().modules() if isinstance(module, nn.Linear)]


@caught_by("equalize.result-is-independent", "chain-three-layers")
class ReadsTheCallersModel(ByHooks):
    """Reads biases from the caller's model at every call, long after."""

    def convert(self, prepared):
        return OnLoan(super().convert(prepared), prepared.original)


@caught_by("equalize.prepared-converts-twice")
class ConsumesItsObservers(ByHooks):
    """Frees the ranges at conversion: converting once more equalizes nothing."""

    def convert(self, prepared):
        result = super().convert(prepared)
        prepared.seen.clear()
        return result


@caught_by("equalize.results-apart")
class KeepsTheFirstScales(ByHooks):
    """Keeps the ranges of the first conversion for all that follow."""

    def convert(self, prepared):
        now = prepared.seen
        prepared.first = prepared.seen = getattr(prepared, "first", dict(now))
        result = super().convert(prepared)
        prepared.seen = now
        return result


@caught_by("equalize.results-apart", "norm-conv-batch-norm-conv")
class ResultsShareBuffers(ByHooks):
    """Two conversions of one prepared model hold the same buffers."""

    def copied(self, model):
        return deepcopy(model, {id(buffer): buffer for buffer in model.buffers()})


@caught_by("equalize.train-mode-refused")
class LooksAtTheRootAlone(ByHooks):
    """Sees train mode in the model itself, not in a part of it."""

    def prepare(self, model, *, layers=None):
        if model.training:
            raise ValueError("the model is in train mode; call .eval() first")
        return super().prepare(deepcopy(model).eval(), layers=layers)
