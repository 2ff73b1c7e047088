"""Raises what ordinary code does not catch, a different thing for each model."""

import sys

import pytest
from good import Good
from torch import nn


class Exiting(Good):
    name = "exiting"

    def equalize(self, model: nn.Module, *_: object, **__: object) -> nn.Module:
        if model.in_features == 1:
            sys.exit("done for today")
        if model.in_features == 3:
            raise KeyboardInterrupt
        return pytest.skip("nothing to see")
