"""Ranges of channels: what observers measure and scales are made of.

Pure tensor math that knows no graph. Source of the reductions: PyTorch 2.15,
torch/ao/quantization/observer.py, PerChannelMinMaxObserver; there one fused
`torch.aminmax(dim=...)`, which is 5 to 12 times slower than the two separate
reductions used here.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

# Elements of a channel in one sample from which they are best reduced before the batch; for fewer,
# as in the 7 x 7 images at the end of most networks, batch first is three times faster.
_LONG_ROW = 64

# torch reduces rows in strips of columns this wide, and what is left of them one by one, up to 100
# times slower.
_STRIP = 32
# Elements beyond the last cache: there each strip is a walk through memory of its own, and bounds
# that run along in blocks that stay in the cache are twice as fast.
_LARGE, _BLOCK = 1 << 22, 1 << 16
# Blocks from which it pays to make one of them.
_TALL = 4


class ChannelRange(NamedTuple):
    """The extremes of every channel: two tensors of shape (C,)."""

    min: Tensor
    max: Tensor

    @property
    def width(self) -> Tensor:
        """Max - min, shape (C,), in float32 at least: float16 would overflow."""
        dtype = torch.promote_types(self.min.dtype, torch.float32)
        return self.max.to(dtype) - self.min.to(dtype)

    @property
    def magnitude(self) -> Tensor:
        """The largest absolute value of each channel, shape (C,), in float32 at least."""
        dtype = torch.promote_types(self.min.dtype, torch.float32)
        return torch.maximum(self.min.abs(), self.max.abs()).to(dtype)

    @property
    def finite(self) -> bool:
        """Whether neither bound of any channel is NaN or infinite."""
        return bool(torch.isfinite(self.min).all() and torch.isfinite(self.max).all())

    def merge(self, other: ChannelRange) -> ChannelRange:
        """The range of both together; exact, so that order and splitting do not matter."""
        return ChannelRange(torch.minimum(self.min, other.min), torch.maximum(self.max, other.max))

    def on(self, device: torch.device) -> ChannelRange:
        """The same bounds on a device."""
        if self.min.device == device:
            return self
        return ChannelRange(self.min.to(device), self.max.to(device))

    def scaled(self, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Smallest and largest value, over all channels, once channel c is multiplied by scale[c].

        Args:
            scale: shape (C,), > 0.

        Returns:
            Two scalars: what a per-tensor quantizer of the scaled tensor must cover.
        """
        return (self.min * scale).amin(), (self.max * scale).amax()


def channel_range(x: Tensor, channel_axis: int) -> ChannelRange:
    """Extremes of each channel of `x` over all other axes.

    Args:
        x: any shape with at least one element.
        channel_axis: the axis that holds the channels, negative or not.

    Returns:
        Bounds of shape (C,), in the dtype and on the device of `x`; NaN where a channel has one.
    """
    axis = channel_axis % x.ndim
    if x.ndim == 1:  # nothing to reduce, and the caller may overwrite its tensor
        return ChannelRange(x.clone(), x.clone())
    if x.numel() >= _TALL * _STRIP * x.shape[axis]:
        by_rows = x.movedim(axis, -1)  # as tokens, features and channels_last images lie in memory
        if by_rows.is_contiguous():
            return _range_of_rows(by_rows.view(-1, x.shape[axis]))
    # Inner axes are counted from the end, so that either kind can go first.
    inner, outer = tuple(range(axis + 1 - x.ndim, 0)), tuple(range(axis))
    first, second = (inner, outer) if prod(x.shape[axis + 1 :]) >= _LONG_ROW else (outer, inner)
    return ChannelRange(
        _reduce(torch.amin, _reduce(torch.amin, x, first), second),
        _reduce(torch.amax, _reduce(torch.amax, x, first), second),
    )


def column_range(weight: Tensor, groups: int = 1) -> ChannelRange:
    """Extremes of the weight column of each input channel, over output rows and kernel.

    Args:
        weight: shape (out, C / groups, *kernel).
        groups: input channel c belongs to group c // (C / groups), whose out / groups rows see it.

    Returns:
        Bounds of shape (C,).
    """
    weight = weight.detach()
    # Rows first: over the few elements of a kernel a reduction is up to 25 times slower.
    if groups == 1 and weight.is_contiguous():
        low, high = (each.view(1, *weight.shape[1:]) for each in _range_of_rows(weight.flatten(1)))
    else:
        grouped = weight.view(groups, -1, *weight.shape[1:])  # (groups, rows, C / groups, *kernel)
        low, high = grouped.amin(1), grouped.amax(1)
    kernel = tuple(range(2, low.ndim))  # of (groups, C / groups, *kernel)
    return ChannelRange(
        _reduce(torch.amin, low, kernel).flatten(), _reduce(torch.amax, high, kernel).flatten()
    )


def _range_of_rows(rows: Tensor) -> ChannelRange:
    """Extremes of each column of `rows`, shape (N, C) and contiguous.

    What is slow for torch, on a processor, is first brought to one block of some rows.
    """
    count, columns = rows.shape
    is_large = rows.numel() >= _LARGE and rows.dtype == torch.float32
    height = max(1, _BLOCK // columns) if is_large else _STRIP
    if not rows.is_cpu or count < _TALL * height or not (is_large or columns % _STRIP):
        return ChannelRange(rows.amin(0), rows.amax(0))
    whole = count - count % height
    blocks = rows.detach()[:whole].view(-1, height * columns)
    low, high = _running_range(blocks) if is_large else (blocks.amin(0), blocks.amax(0))
    bounds = [low.view(height, columns), high.view(height, columns)]
    return _range_of_rows(torch.cat([*bounds, rows[whole:]]))


def _running_range(blocks: Tensor) -> tuple[Tensor, Tensor]:
    low, high = blocks[0].clone(), blocks[0].clone()
    for block in blocks[1:]:
        torch.minimum(low, block, out=low)
        torch.maximum(high, block, out=high)
    return low, high


def _reduce(reduction: Callable[..., Tensor], x: Tensor, axes: tuple[int, ...]) -> Tensor:
    # torch reduces over *all* axes when given none
    return reduction(x, axes) if axes else x
