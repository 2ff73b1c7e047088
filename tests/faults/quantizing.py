"""A small simulated int8 in plain torch: hooks multiply and round, Sequentials are folded.

It shares nothing with the reference. It passes every check of the claim; `faults_quantize` are what
it is not.
"""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN201, ARG002

from copy import deepcopy

import torch
from torch import nn

from eqconform import Implementation

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


class Quantizing(Implementation):
    """Everything right, nothing fast: it keeps every input that a layer has seen."""

    name = "quantizing"
    version = "0"
    steps = 255

    def quantize(self, model, batches, *, equalize, layers=None):
        self.require(batches)
        result = self.copied(model)
        found = self.layers_of(result)
        before = self.seen(result, batches)
        if equalize:
            chosen = [name for name in found if layers is None or name in layers]
            scales = {name: self.scale(found[name], before[name]) for name in chosen}
            for name, scale in scales.items():
                self.rescale(result, name, scale, chosen)
        after = self.seen(result, batches)
        for name, layer in ((n, each) for n, each in found.items() if after[n]):
            bounds = self.span(self.to_observe(name, before, after))
            layer.register_forward_pre_hook(lambda _, args, b=bounds: (self.input(args[0], *b),))
            layer.weight.data = self.weight(layer.weight.data)
        return result

    def quantize_observing(self, model, batches, *, equalize, observer):
        return self.quantize(model, batches, equalize=equalize)

    def require(self, batches):
        if not batches:
            raise ValueError("there is no batch to calibrate on")

    def copied(self, model):
        return deepcopy(model)

    def layers_of(self, model):
        return {name: each for name, each in model.named_modules() if isinstance(each, _LAYERS)}

    def seen(self, model, batches):
        """What every layer sees, batch by batch."""
        inputs = {name: [] for name in self.layers_of(model)}
        hooks = [
            layer.register_forward_pre_hook(lambda _, args, n=name: inputs[n].append(args[0]))
            for name, layer in self.layers_of(model).items()
        ]
        with torch.no_grad():
            for batch in batches:
                model(*batch) if isinstance(batch, tuple) else model(batch)
        for hook in hooks:
            hook.remove()
        return inputs

    def to_observe(self, name, before, after):
        """What the quantizer of a layer is calibrated on."""
        return after[name]

    def span(self, inputs):
        return min(x.min() for x in inputs), max(x.max() for x in inputs)

    def scale(self, layer, inputs):
        rows = torch.cat(inputs).movedim(self.axis(layer), 0).flatten(1)  # (C, values)
        parts = layer.weight.detach().chunk(getattr(layer, "groups", 1))
        columns = torch.cat([part.transpose(0, 1).flatten(1) for part in parts])
        return self.scale_of(self.width(columns), self.width(rows))

    def axis(self, layer):
        return 1 - layer.weight.ndim if hasattr(layer, "kernel_size") else -1

    def width(self, values):
        return values.amax(1) - values.amin(1)

    def scale_of(self, weights, inputs):
        scale = self.formula_of(weights, inputs)
        return torch.where(scale.isfinite() & (scale > 0), scale, 1.0)

    def formula_of(self, weights, inputs):
        return (weights / inputs).sqrt()

    def rescale(self, model, name, scale, chosen):
        layer, producer = model.get_submodule(name), self.producer(model, name)
        self.divide(layer, scale)
        if producer in chosen:
            self.fold(model.get_submodule(producer), scale)
        else:
            self.multiply(layer, scale)

    def producer(self, model, name):
        """The layer before, in Sequentials, through nothing but what passes a scale."""
        blocks = [each for each in model.modules() if list(each.children())]
        in_a_row = all(isinstance(each, nn.Sequential) for each in blocks)
        parts = [(n, each) for n, each in model.named_modules() if in_a_row and each not in blocks]
        before = None
        for each, part in parts:
            if each == name:
                return before
            before = each if isinstance(part, _LAYERS) else before if self.passes(part) else None
        return None

    def passes(self, part):
        return isinstance(part, (nn.ReLU, nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d))

    def divide(self, layer, scale):
        groups = getattr(layer, "groups", 1)
        rows = scale.reshape(groups, -1).repeat_interleave(len(layer.weight) // groups, dim=0)
        layer.weight.data /= rows.reshape(*rows.shape, *[1] * (layer.weight.ndim - 2))

    def fold(self, producer, scale):
        producer.weight.data *= scale.reshape(-1, *[1] * (producer.weight.ndim - 1))
        if producer.bias is not None:
            producer.bias.data *= scale

    def multiply(self, layer, scale):
        outer = scale.reshape(-1, *[1] * (layer.weight.ndim - 2))
        layer.register_forward_pre_hook(lambda _, args: (args[0] * outer,))

    def input(self, x, low, high):
        return self.rounded(x, *self.affine(low, high), 0, self.steps)

    def affine(self, low, high):
        low, high = low.clamp(max=0), high.clamp(min=0)
        step = (high - low) / self.steps
        return step, -torch.round(low / step)

    def weight(self, weight):
        return self.rounded(weight, weight.abs().max() / 127.5, 0, -128, 127)

    def rounded(self, x, step, zero_point, lowest, highest):
        levels = (torch.round(x / step) + zero_point).clamp(lowest, highest)
        return (levels - zero_point) * step
