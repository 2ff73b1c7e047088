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
    grouped = weight.detach().view(
        groups, -1, *weight.shape[1:]
    )  # (groups, out / groups, C / groups, *k)
    # Rows first: over the few elements of a kernel a reduction is up to 25 times slower.
    low, high = grouped.amin(1), grouped.amax(1)  # (groups, C / groups, *kernel)
    kernel = tuple(range(2, low.ndim))
    return ChannelRange(
        _reduce(torch.amin, low, kernel).flatten(), _reduce(torch.amax, high, kernel).flatten()
    )


def _reduce(reduction: Callable[..., Tensor], x: Tensor, axes: tuple[int, ...]) -> Tensor:
    # torch reduces over *all* axes when given none
    return reduction(x, axes) if axes else x
