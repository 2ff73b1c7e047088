"""Equalizers whose tensors are right, and come in another form."""

# Overrides have the signatures of `eqconform.Implementation`.
# ruff: noqa: ANN001, ANN002, ANN201, ANN204

from numbers import Number

import torch
from by_hooks import ByHooks, Multiply
from registered import caught_by
from torch import nn


class Reformed(nn.Module):
    """A model whose output is gone through from the outside in.

    Args:
        model: the right one.
        change: called with every container and value, whose result takes its place.
    """

    def __init__(self, model, change):
        super().__init__()
        self.model, self.change = model, change

    def forward(self, *inputs):
        return self.changed(self.model(*inputs))

    def changed(self, value):
        value = self.change(value)
        if isinstance(value, dict):
            return {key: self.changed(each) for key, each in value.items()}
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*map(self.changed, value))
        if type(value) in (tuple, list):
            return type(value)(map(self.changed, value))
        return value


class Reforming(ByHooks):
    """Changes what the result returns, by `change`, and nothing else."""

    def convert(self, prepared):
        return Reformed(super().convert(prepared), self.change)


@caught_by("equalize.every-output", "output-plain-values")
class NumbersAsTensors(Reforming):
    """Returns numbers and flags as tensors, as torch.jit.trace does."""

    def change(self, value):
        return torch.as_tensor(value) if isinstance(value, Number) else value


@caught_by("equalize.every-output", "output-plain-values")
class LeavesOutNone(Reforming):
    """Returns no None: what stands behind moves up."""

    def change(self, value):
        return tuple(x for x in value if x is not None) if type(value) is tuple else value


@caught_by("equalize.every-output", "output-plain-values")
class LeavesOutText(Reforming):
    """Returns None for a text, which is no tensor and no number."""

    def change(self, value):
        return None if isinstance(value, str) else value


@caught_by("equalize.every-output", "output-plain-values")
class FlagsAsNumbers(Reforming):
    """Returns 1 for True, which equals it."""

    def change(self, value):
        return int(value) if isinstance(value, bool) else value


@caught_by("equalize.every-output", "output-dictionary")
class SortsKeys(Reforming):
    """Returns a dictionary sorted by its keys."""

    def change(self, value):
        return dict(sorted(value.items())) if isinstance(value, dict) else value


@caught_by("equalize.every-output", "output-tuple")
class ListsForTuples(Reforming):
    """Returns a list for a tuple."""

    def change(self, value):
        return list(value) if type(value) is tuple else value


@caught_by("equalize.every-output", "output-list")
class TuplesForLists(Reforming):
    """Returns a tuple for a list."""

    def change(self, value):
        return tuple(value) if isinstance(value, list) else value


@caught_by("equalize.every-output", "output-named-tuple")
class NamelessTuples(Reforming):
    """Returns a plain tuple for a named one."""

    def change(self, value):
        return tuple(value) if isinstance(value, tuple) else value


@caught_by("equalize.every-output", "output-dictionary-with-fields")
class PlainDictionaries(Reforming):
    """Returns a plain dictionary for one that has fields, as torch.fx does."""

    def change(self, value):
        return dict(value) if isinstance(value, dict) else value


class FiveAxes(Multiply):
    def __call__(self, layer, args, kwargs):
        if args[0].ndim > 5:
            return args, kwargs
        return super().__call__(layer, args, kwargs)


@caught_by("equalize.linear-at-any-rank", "linear-rank6")
class FiveAxesAtMost(ByHooks):
    """Multiplies inputs of up to five axes, the most that a convolution has."""

    Multiply = FiveAxes
