"""A small implementation of the claims observe, scale, qparams and configure, in plain torch.

It shares nothing with the reference. It passes every check; `faults` are what it is not.
"""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN201, ANN204, ARG002

import threading
import warnings
from copy import deepcopy

import torch
from torch import nn

from eqconform import ChannelRange, Implementation

_LOCK = threading.Lock()
_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
_LIMITS = {torch.qint8: (-128, 127), torch.quint8: (0, 255)}


class Observer(nn.Module):
    """Keeps the range at `axis`; a plain attribute, saved as extra state."""

    def __init__(self, axis, seen=None):
        super().__init__()
        self.axis, self.seen = axis, seen

    def forward(self, x):
        if not -x.ndim <= self.axis < x.ndim:
            raise ValueError(f"shape {tuple(x.shape)} has no axis {self.axis}")
        if x.numel():
            with _LOCK:
                self.seen = self.widened(self.reduced(x.detach()))
        return x

    def reduced(self, x):
        rows = x.movedim(self.axis, 0).reshape(x.shape[self.axis], -1)
        return ChannelRange(rows.amin(1), rows.amax(1))

    def widened(self, new):
        if self.seen is None:
            return new
        if self.seen.min.shape != new.min.shape:
            raise ValueError(f"{len(self.seen.min)} channels before, {len(new.min)} now")
        return merged(self.seen, new)

    def get_extra_state(self):
        return self.seen

    def set_extra_state(self, state):
        self.seen = state


def merged(first, second):
    return ChannelRange(torch.minimum(first.min, second.min), torch.maximum(first.max, second.max))


class Honest(Implementation):
    """Everything right, nothing fast."""

    name = "honest"
    version = "0"
    Observer = Observer

    def observe_input(self, batches, *, channel_axis):
        observer = self.Observer(channel_axis)
        for batch in batches:
            observer(batch)
        return observer.seen

    def observe_weight(self, weight, *, groups=1):
        if weight.ndim < 2:
            raise ValueError(f"shape {tuple(weight.shape)} has no columns")
        parts = [self.Observer(1).reduced(part) for part in weight.detach().chunk(groups)]
        return ChannelRange(*(torch.cat(bounds) for bounds in zip(*parts, strict=True)))

    def input_observer(
        self, *, channel_axis=1, dtype=torch.quint8, qscheme=torch.per_tensor_affine
    ):
        if qscheme in (torch.per_channel_affine, torch.per_channel_symmetric):
            raise TypeError("an input is quantized per tensor")
        return self.Observer(channel_axis)

    def observed_range(self, observer):
        return observer.seen

    def merge_ranges(self, first, second):
        return merged(first, second)

    def equalization_scale(self, inputs, weights):
        if not inputs.min.numel() or not weights.min.numel():
            warnings.warn("nothing was observed on one side", stacklevel=2)
            return torch.tensor(1.0)
        if inputs.min.shape != weights.min.shape:
            raise ValueError(f"{len(inputs.min)} input channels, {len(weights.min)} columns")
        if not torch.isfinite(torch.cat([*inputs, *weights])).all():
            warnings.warn("the ranges are not finite", stacklevel=2)
        scale = self.formula_of(inputs, weights)
        return torch.where(torch.isfinite(scale) & (scale > 0), scale, torch.ones_like(scale))

    def formula_of(self, inputs, weights):
        return torch.sqrt(self.width(weights) / self.width(inputs))

    def width(self, bounds):
        return bounds.max - bounds.min

    def scaled_input_range(self, inputs, scale):
        if inputs.min.shape != scale.shape:
            raise ValueError(f"{len(inputs.min)} channels, {len(scale)} scales")
        return (inputs.min * scale).amin(), (inputs.max * scale).amax()

    def quantization_parameters(self, minimum, maximum, *, dtype, qscheme):
        lowest, highest = _LIMITS[dtype]
        low, high = minimum.clamp(max=0), maximum.clamp(min=0)
        smallest = torch.finfo(torch.float32).tiny
        if qscheme is torch.per_tensor_symmetric:
            scale = torch.maximum(-low, high) / ((highest - lowest) / 2)
            return scale.clamp(min=smallest), torch.tensor((lowest + highest + 1) // 2)
        scale = self.step(low, high, highest - lowest).clamp(min=smallest)
        return scale, (lowest - torch.round(low / scale)).to(torch.int64)

    def configuration(self, *, input_observer, weight_observer):
        for factory in (input_observer, weight_observer):
            if isinstance(factory, nn.Module) or not callable(factory):
                raise ValueError(f"a factory is due, not {factory}")  # noqa: TRY004  by the clause
        return input_observer, weight_observer

    def observer_factories(self):
        return (lambda: self.Observer(1)), (lambda: self.Observer(1))

    def step(self, low, high, steps):
        return high / steps - low / steps

    def equalize(self, model, batches, *, layers=None):
        found = {n: m for n, m in model.named_modules() if isinstance(m, _LAYERS)}
        unknown = set(layers or ()) - set(found)
        if unknown:
            raise ValueError(f"no layer is called {', '.join(unknown)}")
        return self.equalized(model, batches, dict.fromkeys(found if layers is None else layers))

    def equalize_types(self, model, batches, *, types):
        named = model.named_modules()
        return self.equalized(model, batches, [n for n, m in named if type(m) in types])

    def equalize_custom(self, model, batches, *, module_type):
        return self.equalize_types(model, batches, types=[module_type])

    def equalized(self, model, batches, names):
        result = deepcopy(model)
        layers = [result.get_submodule(name) for name in names]
        observers = [Observer(1 - layer.weight.ndim) for layer in layers]
        hooks = [
            layer.register_forward_pre_hook(lambda _, args, o=observer: (o(args[0]),))
            for layer, observer in zip(layers, observers, strict=True)
        ]
        for batch in batches:
            result(batch)
        for hook in hooks:
            hook.remove()
        for layer, observer in zip(layers, observers, strict=True):
            self.rescale(layer, self.scale_of(layer, observer.seen))
        return result

    def scale_of(self, layer, inputs):
        return self.equalization_scale(inputs, self.observe_weight(layer.weight))

    def rescale(self, layer, scale):
        weight, shape = layer.weight, [-1, *[1] * (layer.weight.ndim - 2)]  # (C, *kernel)
        weight.data = weight.data / scale.view(shape)
        outer = scale.view(shape)  # (C, *spatial)
        layer.register_forward_pre_hook(lambda _, args: (args[0] * outer,))
