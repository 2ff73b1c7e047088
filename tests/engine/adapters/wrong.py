"""Wrong in arithmetic and in a MAY clause, and it raises once: every pytest outcome at once."""

import os

from good import Good
from torch import Tensor, nn

from eqconform import ChannelRange, Unsupported


class Wrong(Good):
    name = "wrong"

    def merge_ranges(self, first: ChannelRange, second: ChannelRange) -> ChannelRange:
        return first._replace(max=second.max)

    def equalization_scale(self, inputs: ChannelRange, weights: ChannelRange) -> Tensor:
        return (weights.max - weights.min) / (inputs.max - inputs.min)

    def equalize(self, model: nn.Module, *_: object, **__: object) -> nn.Module:
        if model.in_features == 2:
            os.write(1, b"looking at the layer\n")
            raise ValueError("cannot trace [this] layer \u2603 \udcff")
        if model.in_features == 3:
            raise Unsupported("three inputs are out of scope")
        return super().equalize(model) if model.in_features > 4 else model
