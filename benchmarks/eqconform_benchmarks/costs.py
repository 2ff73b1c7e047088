"""What an implementation costs: in calibration, and in convert against a bare weight pass."""

import copy

import torch
from torch import Tensor, nn

from eqconform import Implementation
from eqconform_benchmarks.ratios import Ratio, interleaved


def calibration_cost(
    implementation: Implementation, model: nn.Module, batch: Tensor, *, pairs: int
) -> Ratio:
    """A forward pass of the prepared model as a multiple of the plain one's."""
    prepared = implementation.prepare(copy.deepcopy(model))
    with torch.no_grad():
        return interleaved(
            lambda ready: ready(batch), lambda: model(batch), pairs=pairs, setup=lambda: prepared
        )


def convert_cost(
    implementation: Implementation, model: nn.Module, batch: Tensor, *, pairs: int
) -> Ratio:
    """Convert as a multiple of reading every weight's column ranges and scaling it in place."""
    prepared = implementation.prepare(copy.deepcopy(model))  # some change what they are given
    weights = [w.detach().clone() for w in model.parameters() if w.ndim > 1]
    with torch.no_grad():
        prepared(batch)
        return interleaved(
            implementation.convert,
            lambda: _weight_pass(weights),
            pairs=pairs,
            setup=lambda: copy.deepcopy(prepared),  # some implementations convert in place
        )


def _weight_pass(weights: list[Tensor]) -> None:
    for weight in weights:
        axes = (0, *range(2, weight.ndim))
        width = weight.amax(axes, keepdim=True) - weight.amin(axes, keepdim=True)
        weight.mul_(torch.ones_like(width))  # the same work every time, and the same weight
