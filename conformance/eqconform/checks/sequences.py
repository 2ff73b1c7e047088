"""Networks for the claim "quantize": layers in a row, balanced, and imbalanced on purpose.

In a *balanced* sequence all input channels of a layer span one range, and so do all its weight
columns: equalization has nothing to win there. *Planting* multiplies channels by powers of two and
divides the weight columns that meet them by the same: the function stays, bit by bit, and int8
loses what it loses to imbalance. The scale of a planted channel is the balanced one over its
factor, so that equalization leads back to the balanced network, up to one factor per tensor, which
no quantizer notices.

Source: Nagel et al. 2019, arXiv 1906.04721, section 3.1 (what imbalance costs) and section 4.1.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor, nn

from eqconform.checks.drawing import groups_of, new_layer, samples, span_columns, span_inputs
from eqconform.judge.channels import (
    against_input,
    against_weight,
    column_extremes,
    input_extremes,
)
from eqconform.judge.noise import Layer
from eqconform_models.network import seed_of

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
_POOLS = {"conv1d": nn.MaxPool1d, "conv2d": nn.MaxPool2d, "conv3d": nn.MaxPool3d}

_LOWEST = 0.9
"""Of inputs and weights that reach up to 1: of -1 and 1 the zero point would be a tie."""


@dataclass(frozen=True)
class Shape:
    """What a sequence is made of.

    Attributes:
        kind: of its layers: "linear", "conv1d", "conv2d" or "conv3d".
        channels: of the input, between the layers, and of the output.
        between: what follows every layer but the last: "relu", "pool" (after a ReLU), "" nothing.
        groups: of the last layer.
    """

    kind: str = "linear"
    channels: tuple[int, ...] = (32, 32, 24)
    between: str = "relu"
    groups: int = 1


@dataclass(frozen=True, eq=False)
class Tried:
    """A model and its batches.

    Attributes:
        model: a sequence, in eval mode.
        calibration: three batches.
        fresh: a batch that was never calibrated on.
    """

    model: nn.Sequential
    calibration: list[Tensor]
    fresh: Tensor

    @property
    def places(self) -> list[int]:
        """Where the layers stand in the sequence."""
        return [i for i, each in enumerate(self.model) if isinstance(each, _LAYERS)]

    @property
    def layers(self) -> list[Layer]:
        """The layers in the order of execution."""
        return [each for each in self.model if isinstance(each, _LAYERS)]

    def input_of(self, layer: int, batch: Tensor) -> Tensor:
        """What a layer, counted from 0, sees of a batch; in the dtype of the batch."""
        before = deepcopy(self.model[: self.places[layer]]).to(batch.dtype)
        with torch.no_grad():
            return before(batch)  # type: ignore[no-any-return]  # a Sequential is not typed

    def output_of(self, layer: int, seen: Tensor) -> Tensor:
        """The output of the model when a layer sees this; in its dtype."""
        after = deepcopy(self.model[self.places[layer] :]).to(seen.dtype)
        with torch.no_grad():
            return after(seen)  # type: ignore[no-any-return]  # as above

    def smallest_layer(self) -> int:
        """The number of weights of the layer that has the fewest."""
        return min(layer.weight.numel() for layer in self.layers)


def balanced(shape: Shape, formula: str = "range") -> Tried:
    """A sequence whose layers see channels of one range, through weight columns of one range.

    Args:
        shape: of the sequence.
        formula: "range", or "absmax" for one largest magnitude in place of one range.
    """
    generator = torch.Generator().manual_seed(seed_of(repr(shape)))
    parts: list[nn.Module] = []
    widths = list(pairwise(shape.channels))
    for number, (channels, out) in enumerate(widths):
        last = number == len(widths) - 1
        groups = shape.groups if last else 1
        layer = new_layer(shape.kind, channels, out, generator, groups=groups)
        _even_columns(layer, last=last)
        parts.append(layer)
        parts += [] if last else _between(shape)
    calibration = _LOWEST * samples(shape.kind, shape.channels[0], generator, batches=3)
    span_inputs(calibration, -_LOWEST, 1)
    fresh = _LOWEST * samples(shape.kind, shape.channels[0], generator)
    tried = Tried(nn.Sequential(*parts).eval(), list(calibration.chunk(3)), fresh)
    for number in range(1, len(widths)):
        spans = _statistic(*extremes(tried, number), formula)
        scale_rows(tried.layers[number - 1], 1 / spans)
    return tried


def planted(tried: Tried, layer: int, factors: Tensor) -> Tried:
    """The same function, with the input channels of a layer multiplied and its columns divided.

    Args:
        tried: stays as it is.
        layer: counted from 0; of the first layer the batches are multiplied, of any other the
            rows of the layer before.
        factors: powers of two, shape (C,).
    """
    changed = replace(tried, model=deepcopy(tried.model))
    divide_columns(changed.layers[layer], factors)
    if layer:
        scale_rows(changed.layers[layer - 1], factors)
        return changed
    return multiplied(changed, factors)


def multiplied(tried: Tried, factors: Tensor) -> Tried:
    """The same model with the channels of its batches multiplied."""
    outer = against_input(factors, tried.layers[0].weight)
    batches = [batch * outer for batch in tried.calibration]
    return replace(tried, calibration=batches, fresh=tried.fresh * outer)


def powers_of_two(channels: int, largest: int, seed: int) -> Tensor:
    """Factors from 1 / largest to largest, shape (C,).

    The first two are the largest, and no other comes within 8 of them: then the constant rows of
    `balanced` decide the range of every weight column, planted or not.
    """
    top = largest.bit_length() - 1
    generator = torch.Generator().manual_seed(seed)
    exponents = torch.randint(-top, max(top - 2, 1 - top), (channels,), generator=generator)
    exponents[:2], exponents[2] = top, -top
    return torch.ldexp(torch.ones(channels), exponents)


def divide_columns(layer: Layer, factors: Tensor) -> None:
    """Divide the weight column of each input channel, shape (C,), in place."""
    divisors = against_weight(factors.to(layer.weight), layer.weight, groups_of(layer))
    with torch.no_grad():
        layer.weight /= divisors


def scale_rows(layer: Layer, factors: Tensor) -> None:
    """Multiply the rows and the bias, shape (out,), in place."""
    with torch.no_grad():
        layer.weight *= factors.to(layer.weight).reshape(-1, *[1] * (layer.weight.ndim - 1))
        if layer.bias is not None:
            layer.bias *= factors.to(layer.bias)


def formula_scale(tried: Tried, layer: int, formula: str) -> Tensor:
    """The scale of a layer's input channels by the closed formula, shape (C,), float64.

    Args:
        tried: its calibration batches are observed.
        layer: counted from 0.
        formula: "range" or "absmax".
    """
    own = tried.layers[layer]
    columns = column_extremes(own.weight.detach().double(), groups_of(own))
    spans = columns, extremes(tried, layer)
    above, below = (_statistic(low, high, formula) for low, high in spans)
    return torch.sqrt(above / below)


def equalized_by_formula(tried: Tried, formula: str) -> Tried:
    """The sequence with every scale folded into the layer before; the first into the batches.

    Args:
        tried: stays as it is.
        formula: "range" or "absmax".
    """
    count = len(tried.layers)
    scales = [formula_scale(tried, layer, formula) for layer in range(count)]
    changed = replace(tried, model=deepcopy(tried.model).double())
    for layer, scale in enumerate(scales):
        divide_columns(changed.layers[layer], scale)
        if layer:
            scale_rows(changed.layers[layer - 1], scale)
    changed.model.float()
    return multiplied(changed, scales[0].float())


def extremes(tried: Tried, layer: int) -> tuple[Tensor, Tensor]:
    """What a layer's input channels span over the calibration batches, shapes (C,), float64."""
    seen = tried.input_of(layer, torch.cat(tried.calibration).double())
    return input_extremes(seen, 1)


def _statistic(low: Tensor, high: Tensor, formula: str) -> Tensor:
    return torch.maximum(-low, high) if formula == "absmax" else high - low


def _even_columns(layer: Layer, *, last: bool) -> None:
    """Let every weight column span one range, by two rows that go further than all others, or taps.

    The rows change signs from column to column, lest a ReLU silences what only they feed. In the
    last layer, which planting leaves its rows, nothing negative is as large as the largest weight:
    a symmetric quantizer would find it on a tie.
    """
    groups, lowest = groups_of(layer), -_LOWEST if last else -1
    with torch.no_grad():
        layer.weight *= _LOWEST
        if layer.weight.shape[0] == groups:  # one column per row: its kernel alone can span it
            span_columns(layer.weight, groups, -_LOWEST, 1)
            return
        rows = layer.weight.view(groups, -1, *layer.weight.shape[1:])  # (G, out / G, C / G, *k)
        rows[:, 0, ::2], rows[:, 0, 1::2] = 1, lowest
        rows[:, 1, ::2], rows[:, 1, 1::2] = lowest, 1


def _between(shape: Shape) -> Sequence[nn.Module]:
    if shape.between == "pool":
        return [nn.ReLU(), _POOLS[shape.kind](2)]
    return [nn.ReLU()] if shape.between == "relu" else []
