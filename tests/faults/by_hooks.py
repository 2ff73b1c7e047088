"""A small equalizer of modules: a hook multiplies each layer's input, nothing is folded.

It shares nothing with the reference, needs no graph, and keeps every clause of `equalize`; where a
network has functional layers alone it does nothing. `faults_*` are what it is not.
"""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN002, ANN201, ANN204

from collections import Counter
from copy import deepcopy

import torch
from torch import Tensor, nn

from eqconform import Implementation

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


class Multiply:
    """A forward pre-hook that can be pickled; the scale is a buffer of the layer."""

    def __init__(self, buffer):
        self.buffer = buffer

    def __call__(self, layer, args, kwargs):
        scale = layer.get_buffer(self.buffer)
        if args:
            return (args[0] * scale, *args[1:]), kwargs
        return args, {**kwargs, "input": kwargs["input"] * scale}


class Prepared(nn.Module):
    """A model that is observed as it runs."""

    def __init__(self, model, names, observe):
        super().__init__()
        self.model, self.seen, self.calls = model, {}, 0
        for name in names:
            layer = model.get_submodule(name)
            layer.register_forward_pre_hook(
                lambda module, args, kwargs: observe(
                    self.seen, module, args[0] if args else kwargs["input"]
                ),
                with_kwargs=True,
            )

    def forward(self, *inputs):
        self.calls += 1
        return self.model(*inputs)


class ByHooks(Implementation):
    """Everything right, nothing folded."""

    name = "by hooks"
    version = "0"
    Prepared = Prepared
    Multiply = Multiply

    def equalize(self, model, batches, *, layers=None):
        self.require(model, batches)
        return self.convert(self.calibrated(self.prepare(model, layers=layers), batches))

    def equalize_parts(self, model, batches):
        return self.equalize(model, batches)  # a hook needs no graph

    def calibrated(self, prepared, batches):
        with torch.no_grad():
            for batch in batches:
                prepared(*(batch if isinstance(batch, tuple) else (batch,)))
        return prepared

    def require(self, model, batches):
        if not isinstance(model, nn.Module):
            raise TypeError(f"a model must be a module, not {model!r}")
        if not batches:
            raise ValueError("there is no batch to calibrate on")
        for batch in batches:
            parts = batch if isinstance(batch, tuple) else (batch,)
            if not all(isinstance(part, Tensor) for part in parts):
                raise TypeError(f"a batch must be a tensor or a tuple of them, not {batch!r}")

    def prepare(self, model, *, layers=None):
        if any(module.training for module in model.modules()):
            raise ValueError("the model is in train mode; call .eval() first")
        copied = deepcopy(model)
        prepared = self.Prepared(copied, self.chosen(copied, layers), self.observe)
        prepared.original, prepared.layers = model, layers
        return prepared.eval()

    def chosen(self, model, layers):
        """The layers whose weight is their own, or another chosen layer's."""
        users = Counter(id(p) for m in model.modules() for p in m.parameters(recurse=False))
        found = {
            name: module
            for name, module in model.named_modules()
            if isinstance(module, _LAYERS)
            and "weight" in module._parameters
            and (layers is None or name in layers)
        }
        mine = Counter(id(module.weight) for module in found.values())
        return [n for n, m in found.items() if mine[id(m.weight)] == users[id(m.weight)]]

    def observe(self, seen, layer, x):
        rows = x.detach().movedim(self.axis(layer), 0)
        rows = rows.reshape(len(rows), -1)
        key, new = id(layer.weight), (rows.amin(1), rows.amax(1))
        old = seen.get(key, new)
        seen[key] = torch.minimum(old[0], new[0]), torch.maximum(old[1], new[1])

    def axis(self, layer):
        return 1 - layer.weight.ndim if layer.weight.ndim > 2 else -1

    def convert(self, prepared):
        if not prepared.calls:
            raise ValueError("the prepared model was never called")
        scales = {}
        result = self.copied(prepared.original)
        names = self.chosen(result, prepared.layers)
        for name in names:
            before = prepared.model.get_submodule(name)
            layer = result.get_submodule(name)
            if id(before.weight) in prepared.seen:
                self.rescale(layer, self.scale(before, prepared.seen), scales)
        return result

    def copied(self, model):
        return deepcopy(model)

    def scale(self, layer, seen):
        groups = getattr(layer, "groups", 1)
        parts = [part.transpose(0, 1).flatten(1) for part in layer.weight.detach().chunk(groups)]
        columns = torch.cat(parts)
        low, high = seen[id(layer.weight)]
        return self.formula((columns.amax(1) - columns.amin(1)), high - low)

    def formula(self, weights, inputs):
        quotient = weights / inputs
        fine = quotient.isfinite() & (quotient > 0)
        return torch.where(fine, quotient, torch.ones_like(quotient)).sqrt()

    def rescale(self, layer, scale, done):
        """Divide the weight, once for all layers that hold it, and multiply each one's input."""
        spatial = [1] * (layer.weight.ndim - 2)
        if done.setdefault(id(layer.weight), layer) is layer:
            self.divide(layer, scale)
        name = self.buffer_name(layer)
        layer.register_buffer(name, self.outer(scale, spatial))
        layer.register_forward_pre_hook(self.Multiply(name), with_kwargs=True)

    def outer(self, scale, spatial):
        return scale.reshape(-1, *spatial)

    def buffer_name(self, layer):
        name = "input_scale"
        while hasattr(layer, name):
            name += "_"
        return name

    def divide(self, layer, scale):
        weight, groups = layer.weight, getattr(layer, "groups", 1)
        rows = scale.reshape(groups, -1).repeat_interleave(len(weight) // groups, dim=0)
        shape = (*rows.shape, *[1] * (weight.ndim - 2))
        weight.data = weight.data / rows.reshape(shape)
