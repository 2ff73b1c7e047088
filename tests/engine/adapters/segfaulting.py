"""Reads address 0 in `equalize` of one model."""

import ctypes

from good import Good
from torch import nn


class Segfaulting(Good):
    name = "segfaulting"

    def equalize(self, model: nn.Module, *_: object, **__: object) -> nn.Module:
        if model.in_features == 3:
            ctypes.string_at(0)
        return super().equalize(model)
