"""Where the channels are: vectors of shape (C,) laid against inputs and weights."""

import torch
from torch import Tensor


def channel_axis(weight: Tensor) -> int:
    """The channels' axis, from the end: -1 for linear (rank 2), -(N + 1) for an N-d convolution."""
    return -1 if weight.ndim == 2 else 1 - weight.ndim  # noqa: PLR2004  a matrix


def against_input(values: Tensor, weight: Tensor) -> Tensor:
    """`values` of shape (C,), or (out,), as they broadcast against the layer's input, or output."""
    return values.reshape(-1, *[1] * (-channel_axis(weight) - 1))


def against_weight(values: Tensor, weight: Tensor, groups: int) -> Tensor:
    """`values`, one per input channel, as they broadcast against the weight.

    Args:
        values: shape (C,).
        weight: shape (out, C / groups, *kernel).
        groups: of the convolution; row o belongs to group o // (out / groups).

    Returns:
        Shape (out, C / groups, 1, ...).
    """
    rows = weight.shape[0] // groups
    table = values.reshape(groups, -1).repeat_interleave(rows, dim=0)  # (out, C / groups)
    return table.reshape(*table.shape, *[1] * (weight.ndim - 2))


def rows_against_weight(values: Tensor, weight: Tensor) -> Tensor:
    """`values` of shape (out,), one per output row, as they broadcast against the weight."""
    return values.reshape(-1, *[1] * (weight.ndim - 1))


def column_extremes(weight: Tensor, groups: int) -> tuple[Tensor, Tensor]:
    """Smallest and largest weight of every input channel, over its rows and the kernel.

    Returns:
        Two tensors of shape (C,).
    """
    out, width = weight.shape[:2]
    columns = weight.reshape(groups, out // groups, width, -1)  # (G, out / G, C / G, K)
    return columns.amin(dim=(1, 3)).flatten(), columns.amax(dim=(1, 3)).flatten()


def input_extremes(data: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Smallest and largest value of every channel, over all other axes.

    Returns:
        Two tensors of shape (C,).
    """
    rows = data.movedim(axis, 0)
    return torch.aminmax(rows.reshape(len(rows), -1), dim=1)
