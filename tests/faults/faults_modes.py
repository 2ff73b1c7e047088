"""Equalizers whose result is right in float32 and in eval mode, where it was made."""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN002, ANN201, ANN204, ARG002

import torch
from by_hooks import ByHooks, Multiply
from faults_hygiene import ScaleInAClosure
from registered import caught_by
from torch import nn

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


class OfOneDtype(Multiply):
    def __call__(self, layer, args, kwargs):
        if args[0].dtype != layer.get_buffer(self.buffer).dtype:
            return args, kwargs
        return super().__call__(layer, args, kwargs)


@caught_by("equalize.autocast", "chain-three-layers")
@caught_by("equalize.autocast", "linear-rank3")
class MultipliesItsOwnDtypeAlone(ByHooks):
    """Multiplies what has the dtype of the scale: under autocast, the input of the first layer."""

    Multiply = OfOneDtype


class Recast(nn.Module):
    def __init__(self, model, dtype):
        super().__init__()
        self.model, self.dtype = model, dtype

    def forward(self, *inputs):
        return self.model(*inputs).to(self.dtype)


@caught_by("equalize.autocast", "chain-*")
class ReturnsTheDtypeOfItsWeights(ByHooks):
    """Returns float32, for that is what its weights are, under autocast too."""

    def convert(self, prepared):
        result = super().convert(prepared)
        return Recast(result, next(result.parameters()).dtype)


class WithoutAutocast(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *inputs):
        with torch.autocast(inputs[0].device.type, enabled=False):
            return self.model(*inputs)


@caught_by("equalize.autocast", "chain-*")
class SwitchesAutocastOff(ByHooks):
    """Computes in float32, whatever mode it is called in."""

    def convert(self, prepared):
        return WithoutAutocast(super().convert(prepared))


@caught_by("equalize.attributes-kept", "norm-conv-batch-norm-conv")
@caught_by("equalize.train-mode-function", "norm-*")
class MomentumByDefault(ByHooks):
    """Makes batch norms anew, with all that counts in eval mode."""

    def copied(self, model):
        result = super().copied(model)
        for module in result.modules():
            if isinstance(module, _NORMS):
                module.momentum = 0.1
        return result


@caught_by("equalize.attributes-kept", "chain-dropout-module")
@caught_by("equalize.train-mode-function", "chain-dropout-module")
class DropsHalf(ByHooks):
    """Makes dropouts anew, which do nothing in eval mode."""

    def copied(self, model):
        result = super().copied(model)
        for module in result.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.5
        return result


class Frozen(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def train(self, mode=True):
        return super().train(mode=False)

    def forward(self, *inputs):
        return self.model(*inputs)


@caught_by("equalize.train-mode-function")
class StaysInEvalMode(ByHooks):
    """Takes train() and does nothing of it."""

    def convert(self, prepared):
        return Frozen(super().convert(prepared))


class OneMode(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model.train()

    def train(self, mode=True):
        raise NotImplementedError("a program has one mode")

    def forward(self, *inputs):
        return self.model(*inputs)


@caught_by("equalize.mode-kept", "chain-dropout-module")
@caught_by("equalize.mode-kept", "norm-conv-batch-norm-conv")
class ProgramOfTrainMode(ByHooks):
    """Has one mode, and that is the wrong one."""

    def convert(self, prepared):
        return OneMode(super().convert(prepared))


@caught_by("equalize.moves-with-to")
class CompiledWithAClosure(ScaleInAClosure):
    """Compiles a result whose scales are held by no module."""

    def convert(self, prepared):
        return torch.compile(super().convert(prepared), backend="eager")
