"""Configurations that are wrong in one way each."""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN003, ANN201, ARG002

from functools import partial

import torch
from honest import Honest
from registered import caught_by
from torch import nn


@caught_by("configure.instance-refused")
@caught_by("configure.half-refused")
class AcceptsAnything(Honest):
    def configuration(self, *, input_observer, weight_observer):
        return input_observer, weight_observer


@caught_by("configure.instance-refused")
class AnotherKindOfError(Honest):
    def configuration(self, *, input_observer, weight_observer):
        if isinstance(input_observer, nn.Module) or isinstance(weight_observer, nn.Module):
            raise TypeError("a factory is due")


@caught_by("configure.factory-accepted", "partial")
class NoPartials(Honest):
    def configuration(self, *, input_observer, weight_observer):
        if isinstance(input_observer, partial):
            raise ValueError("a class is due")  # noqa: TRY004  what instances get


@caught_by("configure.factory-accepted")
class FactoriesThatMakeNothing(Honest):
    def observer_factories(self):
        return (lambda: None), (lambda: None)


@caught_by("configure.per-channel-input-refused")
class AnyScheme(Honest):
    def input_observer(self, **_):
        return self.Observer(1)


@caught_by("configure.per-channel-input-refused")
class NoScheme(Honest):
    def input_observer(self, **_):
        raise TypeError("no scheme will do")


@caught_by("configure.per-channel-input-refused", "symmetric")
class AffinePerChannelOnly(Honest):
    def input_observer(self, *, qscheme=torch.per_tensor_affine, **_):
        if qscheme is torch.per_channel_affine:
            raise TypeError("an input is quantized per tensor")
        return self.Observer(1)


@caught_by("configure.all-layers", "conv*")
@caught_by("configure.by-type", "conv*")
class LinearOnly(Honest):
    def equalized(self, model, batches, names):
        linear = [n for n in names if isinstance(model.get_submodule(n), nn.Linear)]
        return super().equalized(model, batches, linear)


@caught_by("configure.all-layers")
class FirstLayerOnly(Honest):
    def equalized(self, model, batches, names):
        return super().equalized(model, batches, list(names)[:1])


@caught_by("configure.by-name", "nested")
class TopLevelOnly(Honest):
    def equalized(self, model, batches, names):
        return super().equalized(model, batches, [name for name in names if "." not in name])


@caught_by("configure.by-name")
@caught_by("configure.unselected-identical")
class DoesNothing(Honest):
    """Whose function is preserved, and whose other layers are the same: vacuous."""

    def equalized(self, model, batches, names):
        return super().equalized(model, batches, [])


@caught_by("configure.unselected-identical")
@caught_by("configure.by-type")
class AlwaysEverything(Honest):
    def equalize(self, model, batches, *, layers=None):
        return super().equalize(model, batches)

    def equalize_types(self, model, batches, *, types):
        return super().equalize(model, batches)


@caught_by("configure.unselected-identical", "foldable")
class FoldsIntoWhatIsNotChosen(Honest):
    def equalize(self, model, batches, *, layers=None):
        result = super().equalize(model, batches, layers=layers)
        if isinstance(model, nn.Sequential):
            result[0].weight.data *= 2
        return result


@caught_by("configure.unknown-name")
class SkipsUnknownNames(Honest):
    def equalize(self, model, batches, *, layers=None):
        known = {name for name, _ in model.named_modules()}
        chosen = None if layers is None else [name for name in layers if name in known]
        return super().equalize(model, batches, layers=chosen)


@caught_by("configure.unknown-name")
class SaysNoName(Honest):
    def equalize(self, model, batches, *, layers=None):
        try:
            return super().equalize(model, batches, layers=layers)
        except ValueError:
            raise ValueError("unknown layer") from None


@caught_by("configure.custom-module")
class NoCustomModules(Honest):
    def equalize_custom(self, model, batches, *, module_type):
        return super().equalized(model, batches, [])


@caught_by("configure.custom-module")
class ForgetsTheInput(Honest):
    def rescale(self, layer, scale):
        layer.weight.data = layer.weight.data / scale
