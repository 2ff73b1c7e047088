"""Equalizers that are wrong in combinations that no hand-made network has.

All of them are the reference but for one rare thing; the row of networks that holds it is named.
"""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN002, ANN201, ANN202, ANN204, ARG002

from unittest.mock import patch

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from oracle import Rescaled
from registered import caught_by
from torch import nn

from eqconform.adapters.reference import Reference
from eqconform_reference import folding


class _WrongWhere(Reference):
    """Right, save that the weights of some layer calls come out twice too large."""

    def wrong(self, given):
        raise NotImplementedError

    def equalize(self, model, batches, *, layers=None):
        return Rescaled(super().equalize(model, batches, layers=layers), self.swap).eval()

    def swap(self, index, given):
        if self.wrong(given):
            given["weight"] = given["weight"] * 2


@caught_by("equalize.random-networks", "draws-0[125]")
class WrongForDilatedGroupsInThreeDimensions(_WrongWhere):
    def wrong(self, given):
        dilated = given.get("dilation", 1) not in (1, (1, 1, 1))
        return given["weight"].ndim == 5 and given["groups"] > 1 and dilated


@caught_by("equalize.random-networks", "draws-0?")
class WrongForLinearAtRank4(_WrongWhere):
    def wrong(self, given):
        return given["weight"].ndim == 2 and given["input"].ndim == 4


@caught_by("equalize.random-networks", "draws-0[0125]")
class WrongForASingleVolume(_WrongWhere):
    def wrong(self, given):
        return given["weight"].ndim == 5 and given["input"].ndim == 4


@caught_by("equalize.random-networks", "draws-0[0124]")
class WrongForConvolutionsInBFloat16(_WrongWhere):
    def wrong(self, given):
        return given["weight"].ndim > 2 and given["weight"].dtype is torch.bfloat16


@caught_by("equalize.random-networks", "draws-03")
class WrongForReflectionIn1d(Reference):
    def equalize(self, model, batches, *, layers=None):
        model = super().equalize(model, batches, layers=layers)
        for layer in model.modules():
            if isinstance(layer, nn.Conv1d) and layer.padding_mode == "reflect":
                layer.padding_mode = "replicate"
        return model


class _Swapped(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *inputs):
        found = self.model(*inputs)
        if isinstance(found, dict) and len(inputs) == 2:
            return dict(zip(found, reversed(found.values()), strict=True))
        return found


@caught_by("equalize.random-networks", "draws-0[35]")
class WrongForTwoInputsAndADictionary(Reference):
    def equalize(self, model, batches, *, layers=None):
        return _Swapped(super().equalize(model, batches, layers=layers)).eval()


class _OtherPassThroughs(Reference):
    """Another opinion of what lets a scale through."""

    def passes(self, node, root):
        raise NotImplementedError

    def equalize(self, model, batches, *, layers=None):
        right = folding.passes_through

        def passes_through(node, root, axis):
            opinion = self.passes(node, root)
            return right(node, root, axis) if opinion is None else opinion

        with patch.object(folding, "passes_through", passes_through):
            return super().equalize(model, batches, layers=layers)


@caught_by("chain.random-networks", "draws-0[234]")
class MissesReluInPlace(_OtherPassThroughs):
    def passes(self, node, root):
        return False if node.target in {F.relu_, torch.relu_, "relu_"} else None
