"""Does something else to its process in each model of a list, and is right about all others.

The environment's TINY_MORE is the list; a model's width says which of it, see `suite/tiny.py`.
"""

import os

import hostile_process
import hostile_result
import hostile_state
from good import Good
from torch import nn

FIRST = 100  # the width of the first model of the list
BEHAVIOURS = {
    **hostile_process.BEHAVIOURS,
    **hostile_state.BEHAVIOURS,
    **hostile_result.BEHAVIOURS,
}


class Hostile(Good):
    name = "hostile"

    def equalize(self, model: nn.Module, *_: object, **__: object) -> object:
        names = os.environ.get("TINY_MORE", "").split(",")
        name = names[model.in_features - FIRST] if model.in_features >= FIRST else ""
        equalized = super().equalize(model)
        behaviour = BEHAVIOURS.get(name)
        return equalized if behaviour is None else behaviour(model, equalized)
