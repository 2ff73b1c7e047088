"""Never comes back from `equalize`: in Python for one model, in C for another."""

import time
from collections import deque
from itertools import repeat

from good import Good
from torch import nn


class Hanging(Good):
    name = "hanging"

    def equalize(self, model: nn.Module, *_: object, **__: object) -> nn.Module:
        if model.in_features == 3:
            while True:
                time.sleep(0.01)
        if model.in_features == 5:
            deque(repeat(0), maxlen=0)  # no signal is looked at in this loop
        return super().equalize(model)
