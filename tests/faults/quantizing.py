"""A small simulated int8 in plain torch: hooks multiply and round, Sequentials are folded.

Layers that are functions are rounded, and never equalized. It shares nothing with the reference.
It passes every check of the claim; `faults_quantize*` are what it is not.
"""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN002, ANN201, ANN202, ANN204, ARG002

from copy import deepcopy

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from eqconform import Implementation
from eqconform.probe import layer_arguments

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


class LayerCalls(TorchFunctionMode):
    """Hands the arguments of every layer call to `change`, which may change them."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def __torch_function__(self, func, types, args=(), kwargs=None):
        arguments = layer_arguments(func, args, kwargs or {})
        if arguments is None:
            return func(*args, **(kwargs or {}))
        self.change(arguments)
        return func(**arguments)


class WithFunctions(nn.Module):
    """A model whose functional layers are given rounded inputs.

    Args:
        model: the weights of these layers are rounded already.
        bounds: (low, high) of each one's inputs, by the name of its weight.
        rounded: (input, low, high) to the input on levels.
    """

    def __init__(self, model, bounds, rounded):
        super().__init__()
        self.model, self.rounded, self.names = model, rounded, list(bounds)
        for number, (low, high) in enumerate(bounds.values()):
            self.register_buffer(f"low_{number}", low)
            self.register_buffer(f"high_{number}", high)

    def forward(self, *inputs):
        held = {self.model.get_parameter(name).data_ptr(): i for i, name in enumerate(self.names)}
        with LayerCalls(lambda arguments: self.round(held, arguments)):
            return self.model(*inputs)

    def round(self, held, arguments):
        number = held.get(arguments["weight"].data_ptr())
        if number is not None:
            bounds = self.get_buffer(f"low_{number}"), self.get_buffer(f"high_{number}")
            arguments["input"] = self.rounded(arguments["input"], *bounds)


class Quantizing(Implementation):
    """Everything right, nothing fast: it keeps every input that a layer has seen."""

    name = "quantizing"
    version = "0"
    steps = 255

    def quantize(self, model, batches, *, equalize, layers=None):
        self.require(batches)
        self.require_model(model, layers)
        result = self.copied(model)
        found = self.layers_of(result)
        before = self.seen(result, batches)
        if equalize:
            chosen = [name for name in found if layers is None or name in layers]
            scales = {name: self.scale(found[name], before[name]) for name in chosen}
            for name, scale in scales.items():
                self.rescale(result, name, scale, chosen)
        after = self.seen(result, batches)
        functions = self.seen_by_functions(result, batches)
        for name, layer in ((n, each) for n, each in found.items() if after[n]):
            self.round_layer(layer, *self.span(self.to_observe(name, before, after)))
        return self.with_functions(result, functions).requires_grad_(requires_grad=False)

    def round_layer(self, layer, low, high):
        layer.register_buffer("input_low", low)
        layer.register_buffer("input_high", high)
        layer.register_forward_pre_hook(
            lambda own, args: (self.input(args[0], own.input_low, own.input_high),)
        )
        layer.weight.data = self.weight(layer.weight.data)

    def with_functions(self, model, seen):
        if not seen:
            return model
        for name in seen:
            parameter = model.get_parameter(name)
            parameter.data = self.weight(parameter.data)
        bounds = {name: self.span(inputs) for name, inputs in seen.items()}
        return WithFunctions(model, bounds, self.input).eval()

    def seen_by_functions(self, model, batches):
        """What every functional layer sees, by the name of its weight."""
        of_modules = {id(layer.weight) for layer in self.layers_of(model).values()}
        names = {
            each.data_ptr(): n for n, each in model.named_parameters() if id(each) not in of_modules
        }
        seen = {}

        def note(arguments):
            name = names.get(arguments["weight"].data_ptr())
            if name is not None:
                seen.setdefault(name, []).append(arguments["input"])

        with LayerCalls(note):
            self.run(model, batches)
        return seen

    def run(self, model, batches):
        with torch.no_grad():
            for batch in batches:
                model(*batch) if isinstance(batch, tuple) else model(batch)

    def quantize_observing(self, model, batches, *, equalize, observer):
        return self.quantize(model, batches, equalize=equalize)

    def require(self, batches):
        if not batches:
            raise ValueError("there is no batch to calibrate on")

    def require_model(self, model, layers):
        if any(module.training for module in model.modules()):
            raise ValueError("the model is in train mode; call .eval() first")
        unknown = set(layers or ()) - set(self.layers_of(model))
        if unknown:
            raise ValueError(f"no layer is called {', '.join(sorted(unknown))}")

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
        self.run(model, batches)
        for hook in hooks:
            hook.remove()
        return inputs

    def to_observe(self, name, before, after):
        """What the quantizer of a layer is calibrated on."""
        return after[name]

    def span(self, inputs):
        return min(x.min() for x in inputs), max(x.max() for x in inputs)

    def scale(self, layer, inputs):
        axis = self.axis(layer)
        rows = torch.cat([x.movedim(axis, 0).flatten(1) for x in inputs], 1)  # (C, values)
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
        layer.register_buffer("input_scale", outer)
        layer.register_forward_pre_hook(lambda own, args: (args[0] * own.input_scale,))

    def input(self, x, low, high):
        return self.rounded(x, *self.affine(low, high), 0, self.steps)

    def affine(self, low, high):
        low, high = low.clamp(max=0), high.clamp(min=0)
        step = ((high - low) / self.steps).clamp(min=torch.finfo(low.dtype).tiny)
        return step, -torch.round(low / step)

    def weight(self, weight):
        return self.rounded(weight, weight.abs().max() / 127.5, 0, -128, 127)

    def rounded(self, x, step, zero_point, lowest, highest):
        levels = (torch.round(x / step) + zero_point).clamp(lowest, highest)
        return (levels - zero_point) * step
