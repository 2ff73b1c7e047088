"""Layers and batches for the claim "quantize": drawn evenly, with ranges that are exact.

A range that is a matter of luck would decide what a quantizer makes of a tensor. Here the extremes
of every channel, or of every weight column, are put where they belong.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from eqconform.judge.noise import Layer

_CONVOLUTIONS: dict[str, type[nn.Conv1d | nn.Conv2d | nn.Conv3d]] = {
    "conv1d": nn.Conv1d,
    "conv2d": nn.Conv2d,
    "conv3d": nn.Conv3d,
}
_SPATIAL = {"linear": (), "conv1d": (16,), "conv2d": (5, 5), "conv3d": (3, 3, 3)}
_SAMPLES = {"linear": 1024, "conv1d": 128, "conv2d": 128, "conv3d": 128}
"""In a batch: enough that few values of the next one lie outside the range of three."""


def evenly(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Values between -1 and 1."""
    return 2 * torch.rand(tuple(shape), generator=generator) - 1


def samples(kind: str, channels: int, generator: torch.Generator, *, batches: int = 1) -> Tensor:
    """Inputs of a layer of a kind, between -1 and 1, as many as in so many batches.

    Returns:
        Shape (N, C) for "linear", (N, C, *spatial) for "conv1d", "conv2d" and "conv3d".
    """
    return evenly((batches * _SAMPLES[kind], channels, *_SPATIAL[kind]), generator)


def new_layer(
    kind: str, channels: int, out: int, generator: torch.Generator, **geometry: Any
) -> Layer:
    """A layer of a kind, its weights between -1 and 1, its bias a tenth of that.

    Args:
        kind: "linear", "conv1d", "conv2d" or "conv3d"; a convolution has three taps an axis.
        channels: of the input.
        out: of the output.
        generator: of the values.
        geometry: groups, stride, dilation and the like of a convolution, which pads by one.
    """
    layer: Layer
    if kind == "linear":
        layer = nn.Linear(channels, out)
    else:
        layer = _CONVOLUTIONS[kind](channels, out, 3, **{"padding": 1, **geometry})
    layer.weight = nn.Parameter(evenly(layer.weight.shape, generator))
    layer.bias = nn.Parameter(0.1 * evenly((out,), generator))
    return layer


def groups_of(layer: Layer) -> int:
    """The groups of a convolution; 1 of Linear."""
    return 1 if isinstance(layer, nn.Linear) else layer.groups


def span_inputs(given: Tensor, low: float, high: float) -> None:
    """Let every channel of a batch, shape (N, C, ...), reach from low to high, in place.

    Each does so in samples of its own: all at once they would make an output like no other.
    """
    each = torch.arange(given.shape[1])
    flat = given.unsqueeze(-1).flatten(2)  # (N, C, positions), a view
    flat[2 * each, each, 0], flat[2 * each + 1, each, 0] = high, low


def span_columns(weight: Tensor, groups: int, low: float, high: float) -> None:
    """Let the weight column of every input channel reach from low to high, in place.

    Args:
        weight: shape (out, C / groups, *kernel), with two rows a group, or two taps, at least.
        groups: of the convolution.
        low: of every column.
        high: of every column.
    """
    columns = weight.view(groups, -1, *weight.shape[1:2], weight[0, 0].numel())
    if columns.shape[1] > 1:
        columns[:, 0, :, 0], columns[:, 1, :, 0] = high, low
    else:
        columns[:, 0, :, 0], columns[:, 0, :, 1] = high, low
