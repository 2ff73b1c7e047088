"""Swallows the interruption of its time limit, and returns as if nothing had been."""

import contextlib
import time

from good import Good
from torch import nn


class Deaf(Good):
    name = "deaf"

    def equalize(self, model: nn.Module, *_: object, **__: object) -> nn.Module:
        with contextlib.suppress(BaseException):
            time.sleep(3600)
        return super().equalize(model)
