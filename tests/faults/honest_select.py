"""A small implementation of the claim select, in plain torch; `faults_select*` are what it is not.

It shares nothing with the reference: the layer calls come from the suite's own probe, and a folded
scale is an attribute of the layer whose rows took it.
"""

# Overrides have the signatures of `eqconform.Implementation`, and `heard` is there for faults.
# ruff: noqa: ANN001, ANN002, ANN201, ANN204, ARG002

import math
from collections import defaultdict

import torch
from honest import Honest
from quantizing import Quantizing
from torch import nn
from torch.overrides import TorchFunctionMode

from eqconform.checks.select_chains import Function
from eqconform.probe import layer_arguments

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, Function)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


class Heard(TorchFunctionMode):
    """Keeps which weight and bias, the input and the output of every layer call."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        given = layer_arguments(func, args, kwargs or {})
        if given is not None:
            layer = id(given["weight"]), id(given.get("bias"))
            y = self.heard(func, given, result)
            self.calls.append((layer, given["input"].clone(), y.clone()))
        return result

    def heard(self, func, given, result):
        return result


class Selecting(Honest):
    """Everything right. It folds in an `nn.Sequential` alone."""

    Heard = Heard

    def layer_sqnr(self, float_model, quantized_model, batch):
        found = defaultdict(list)
        names = self.names(float_model)
        pairs = zip(*self.heard(float_model, quantized_model, batch), strict=True)
        for (layer, y), (_, changed) in pairs:
            name = names[layer]
            found[name].append((y, self.unfolded(quantized_model, name, changed)))
        return {name: self.joined(calls) for name, calls in found.items()}

    def names(self, model):
        """By weight and bias; of two names the first."""
        found = {}
        for path, module in model.named_modules():
            own = {**module._parameters, **module._buffers}
            for name, tensor in own.items():
                bias = own.get("bias") if name == "weight" else None
                whole = f"{path}.{name}" if path else name
                found.setdefault((id(tensor), id(bias)), self.name_of(whole))
        return found

    def name_of(self, path):
        return path.removesuffix(".weight")

    def heard(self, *models_and_batch):
        """Layer and output of each layer call, of both models."""
        *models, batch = models_and_batch
        return [[(layer, y) for layer, _, y in self.calls(model, batch)] for model in models]

    def calls(self, model, batch):
        with torch.no_grad(), self.Heard() as heard:
            model(*(batch if isinstance(batch, tuple) else (batch,)))
        return heard.calls

    def unfolded(self, model, name, changed):
        layer = dict(model.named_modules()).get(name)
        scale = getattr(layer, "folded", None)
        return changed if scale is None else changed / self.along_rows(scale, layer, changed)

    def along_rows(self, scale, layer, output):
        return scale.view(-1, *[1] * (layer.weight.ndim - 2))  # (out, 1, ...)

    def joined(self, calls):
        return self.ratio(
            *(torch.cat([y.flatten() for y in side]) for side in zip(*calls, strict=True))
        )

    def ratio(self, y, changed):
        y, changed = y.double(), changed.double()  # 8 bits of bfloat16 hold no norm
        noise = (y - changed).norm().item()
        return 20 * math.log10(y.norm().item() / noise) if noise else math.inf

    def select_layers(self, sqnr, count):
        if not 0 <= count <= len(sqnr):
            raise ValueError(f"{count} of {len(sqnr)} layers")
        return sorted(sqnr, key=lambda name: self.rank(name, sqnr[name]))[:count]

    def rank(self, name, ratio):
        return math.isnan(ratio), ratio, name

    def equalize(self, model, batches, *, layers=None):
        own = [name for name, each in model.named_modules() if isinstance(each, LAYERS)]
        return self.equalized(model, batches, own if layers is None else layers)

    def equalized(self, model, batches, names):
        result, before = super().equalized(model, batches, names), None
        for layer in result.modules():
            if hasattr(layer, "scale"):
                self.place(layer, before)
            before = layer if isinstance(layer, (*LAYERS, *NORMS)) else before
        return result

    def rescale(self, layer, scale):
        layer.scale = scale  # placed when the scales of all layers are known

    def place(self, layer, before):
        """Fold the scale of a layer into the one before, if that is equalized too, or a norm."""
        scale = layer.scale
        if not hasattr(before, "scale") and not isinstance(before, NORMS):
            super().rescale(layer, scale)
            return
        self.note(before, scale)
        before.weight.data *= scale.view(-1, *[1] * (before.weight.ndim - 1))
        before.bias.data *= scale
        layer.weight.data /= scale.view(-1, *[1] * (layer.weight.ndim - 2))

    def note(self, before, scale):
        """Keep what is to be undone; a norm is no layer, whose output is looked at."""
        if isinstance(before, LAYERS):
            before.folded = scale


class NotingFolds(Quantizing):
    """int8, where a folded scale is an attribute of the layer whose rows took it."""

    def fold(self, producer, scale):
        super().fold(producer, scale)
        producer.folded = scale


class SelectingInt8(Selecting):
    """Has an int8 model of its own, and knows the folds of that too."""

    def quantize(self, model, batches, *, equalize, layers=None):
        return NotingFolds().quantize(model, batches, equalize=equalize, layers=layers)
