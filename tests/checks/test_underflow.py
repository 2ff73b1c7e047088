"""What float32 cannot hold is no fault of an equalizer."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from eqconform.adapters.reference import Reference
from eqconform.contract import Batch
from eqconform.judge.guard import Guarded
from eqconform.judge.outcome import Evidence
from eqconform.judge.placement import judge_inputs, placement
from eqconform_models import network
from eqconform_models.drawn.values import batch, filled

SEED = 43803  # drawn by a search


class _Peaked(nn.Module):
    """A layer that is called before and behind a softmax; in float64 that makes 3e-47."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(5, 6, bias=False)
        self.twice = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.twice(torch.softmax(self.twice(self.first(x)), -1))
        return result


def inputs(number: int) -> Tensor:
    shapes, axes = [(3, 2, 3, 4), (3, 5)], [-1, -1]
    return batch(shapes, axes, SEED, number, decades=4)[1]


def judged_on() -> dict[str, Batch]:
    return {"fresh": inputs(3), "times-3": 3 * inputs(3)}


def test_a_softmax_that_underflows() -> None:
    peaked = replace(
        network("chain-relu-module"),
        build=lambda: filled(_Peaked(), SEED, silent=True),
        calibration=lambda: [inputs(number) for number in range(3)],
        judgement=judged_on,
        folds={1: 0},
        multiplied=frozenset({0, 2}),
    )
    assert isinstance(judge_inputs(placement(Guarded(Reference()), peaked)), Evidence)
