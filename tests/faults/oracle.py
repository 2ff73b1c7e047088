"""An equalizer that looks up in the catalogue where every scale belongs, and puts it there.

It knows the network that it is given, and so needs no graph: its model is the untouched one, run
under a mode that swaps the tensors of every layer call. Nothing is shared with the reference.
`faults_chain` holds what it is not.
"""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN002, ANN201, ANN204, ARG002

from copy import deepcopy

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from eqconform import Implementation
from eqconform.probe import layer_arguments, record


class Rescaled(nn.Module):
    """A model whose layer calls are given other tensors.

    Args:
        model: the untouched one.
        swap: called with the number of a layer call and its arguments, which it changes.
    """

    def __init__(self, model, swap):
        super().__init__()
        self.model, self.swap = model, swap

    def forward(self, *inputs):
        with _Swapping(self.swap):
            return self.model(*inputs)


class _Swapping(TorchFunctionMode):
    def __init__(self, swap):
        super().__init__()
        self.swap, self.count = swap, -1

    def __torch_function__(self, func, types, args=(), kwargs=None):
        arguments = layer_arguments(func, args, kwargs or {})
        if arguments is None:
            return func(*args, **(kwargs or {}))
        self.count += 1
        self.swap(self.count, arguments)
        return func(**arguments)


class Oracle(Implementation):
    """Every scale in its place.

    Args:
        network: whose models it will be given.
    """

    name = "oracle"
    version = "0"

    def __init__(self, network):
        self.network = network
        self.folds = dict(network.folds)
        self.multiplied = {*network.multiplied, *network.norm_folds}

    def equalize(self, model, batches, *, layers=None):
        model = deepcopy(model)
        recordings = [record(model, batch) for batch in batches]
        self.calls = recordings[0].calls
        if layers is not None:
            self.folds, self.multiplied = {}, set(self.chosen(model, layers))
        scales = self.scales(recordings)
        tensors = [self.rescaled(index, scales) for index in range(len(self.calls))]
        return Rescaled(model, lambda index, given: self.swap(index, given, scales, tensors))

    def chosen(self, model, layers):
        held = {p.data_ptr() for name in layers for p in model.get_submodule(name).parameters()}
        return [index for index, call in enumerate(self.calls) if call.weight_key[0] in held]

    def scales(self, recordings):
        """The scale of every layer call; None where nothing is due."""
        due = {*self.folds, *self.multiplied}
        return [
            self.scale(index, recordings) if index in due else None
            for index in range(len(self.calls))
        ]

    def scale(self, index, recordings):
        key, groups = self.calls[index].weight_key, self.calls[index].groups
        same = self.same_weight(index, key)
        rows = [rows_of(r.calls[i]) for r in self.of_batches(recordings) for i in same]
        low = torch.stack([each.amin(1) for each in rows]).amin(0)
        high = torch.stack([each.amax(1) for each in rows]).amax(0)
        parts = self.calls[index].weight.chunk(groups)
        columns = torch.cat([part.transpose(0, 1).flatten(1) for part in parts])
        quotient = (columns.amax(1) - columns.amin(1)) / (high - low)
        return self.formula(self.or_one(quotient))

    def same_weight(self, index, key):
        return [i for i, call in enumerate(self.calls) if call.weight_key == key]

    def of_batches(self, recordings):
        return recordings

    def formula(self, quotient):
        return quotient.sqrt()

    def or_one(self, quotient):
        fine = quotient.isfinite() & (quotient > 0)
        return torch.where(fine, quotient, torch.ones_like(quotient))

    def rescaled(self, index, scales):
        """The weight and the bias of a layer call."""
        weight, bias = self.calls[index].weight, self.calls[index].bias
        if scales[index] is not None:
            weight = self.divided(weight, scales[index], self.calls[index].groups)
        for consumer, producer in self.folds.items():
            if producer == index:
                weight = weight * scales[consumer].reshape(-1, *[1] * (weight.ndim - 1))
                return weight, None if bias is None else self.scaled_bias(bias, scales[consumer])
        return weight, bias

    def divided(self, weight, scale, groups):
        columns = scale.reshape(groups, -1).repeat_interleave(len(weight) // groups, dim=0)
        return weight / columns.reshape(*columns.shape, *[1] * (weight.ndim - 2))

    def scaled_bias(self, bias, scale):
        return bias * scale

    def swap(self, index, given, scales, tensors):
        if scales[index] is not None and index in self.multiplied:
            given["input"] = self.multiply(given["input"], scales[index], given["weight"].ndim - 2)
        given["weight"], given["bias"] = tensors[index]

    def multiply(self, x, scale, spatial):
        return x * scale.reshape(-1, *[1] * spatial)


def rows_of(call):
    """The input of a layer call, one row per channel."""
    rows = call.input.movedim(call.channel_axis, 0)
    return rows.reshape(len(rows), -1)
