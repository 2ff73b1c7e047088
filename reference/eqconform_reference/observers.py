"""Observers: modules that watch a layer's input, or its weight, and keep the running ranges.

They keep two bounds per channel and no batch. Source: PyTorch 2.15,
torch/ao/quantization/fx/_equalize.py, _InputEqualizationObserver and
_WeightEqualizationObserver, where the channel axis is always 1.
"""

import threading
from typing import Any

import torch
from torch import Tensor, nn

from eqconform_reference.errors import ChannelMismatch, counted
from eqconform_reference.quantize import affine_parameters
from eqconform_reference.ranges import ChannelRange, channel_range, column_range
from eqconform_reference.scale import scaled_input_range

# One lock for all: merging takes microseconds, and a module with a lock of its own does not pickle.
_MERGING = threading.Lock()

_PER_TENSOR = (torch.per_tensor_affine, torch.per_tensor_symmetric)


class _RangeObserver(nn.Module):
    """The running range; its buffers are empty until the first batch.

    `ndim` is the number of axes of what was seen: 0 before the first batch, -1 if it varied.
    """

    min: Tensor
    max: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("min", torch.empty(0))
        self.register_buffer("max", torch.empty(0))
        self.ndim = 0  # a plain number: reading a buffer would wait for the device at every batch

    def range(self) -> ChannelRange | None:
        """What was seen so far, bounds of shape (C,); None before the first batch."""
        low, high = self._buffers["min"], self._buffers["max"]
        if low is None or high is None or not low.numel():
            return None
        return ChannelRange(low, high)

    def _see(self, seen: ChannelRange, ndim: int) -> None:
        with _MERGING:
            known = self.range()
            if known is None:
                self.ndim = ndim
            else:
                _check_channels(known, seen)
                seen = known.on(seen.min.device).merge(seen)
                if self.ndim != ndim:
                    self.ndim = -1
            # Past nn.Module's __setattr__, which takes longer than observing a small batch.
            self._buffers["min"], self._buffers["max"] = seen

    def get_extra_state(self) -> int:
        """The rank that was seen, for `state_dict`."""
        return self.ndim

    def set_extra_state(self, state: int) -> None:
        """Take the rank over from a `state_dict`."""
        self.ndim = state

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # The saved bounds have C elements, a fresh observer's none.
        for name in ("min", "max"):
            saved = state_dict.get(prefix + name)
            if saved is not None:
                setattr(self, name, torch.empty_like(saved, device=getattr(self, name).device))
        super()._load_from_state_dict(state_dict, prefix, *rest)


class InputEqualizationObserver(_RangeObserver):
    """Watches the input of one layer; returns it as it came.

    Args:
        channel_axis: the axis that holds the channels; negative ones serve batched and unbatched
            inputs alike: -1 for Linear, -(spatial + 1) for a convolution.
        dtype: of the quantizer that the scaled input will meet.
        qscheme: of that quantizer, per tensor.

    Raises:
        TypeError: `qscheme` is per channel: an input has one scale and zero point.
    """

    def __init__(
        self,
        *,
        channel_axis: int = 1,
        dtype: torch.dtype = torch.quint8,
        qscheme: torch.qscheme = torch.per_tensor_affine,
    ) -> None:
        if qscheme not in _PER_TENSOR:
            raise TypeError(
                f"an input is quantized per tensor, not by {qscheme}: "
                "use torch.per_tensor_affine or torch.per_tensor_symmetric."
            )
        super().__init__()
        self.channel_axis = channel_axis
        self.dtype = dtype
        self.qscheme = qscheme

    def forward(self, x: Tensor) -> Tensor:
        """Widen the ranges by `x` and return `x` itself.

        Raises:
            ValueError: `x` has too few axes to have channels.
            ChannelMismatch: `x` has other channels than the batches before.
        """
        if not -x.ndim <= self.channel_axis < x.ndim:
            raise ValueError(
                f"cannot observe an input of shape {tuple(x.shape)}: it has no axis "
                f"{self.channel_axis} for the channels."
            )
        if x.numel():
            self._see(channel_range(x.detach(), self.channel_axis), x.ndim)
        return x

    def quantization_parameters(self, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Scale and zero point for the input once it is multiplied by `scale`, shape (C,).

        Raises:
            ChannelMismatch: `scale` has another length than the observed range, or none was seen.
        """
        bounds = scaled_input_range(ChannelRange(self.min, self.max), scale)
        return affine_parameters(*bounds, dtype=self.dtype, qscheme=self.qscheme)


class WeightEqualizationObserver(_RangeObserver):
    """Watches the weight of one layer column by column; returns it as it came.

    Args:
        groups: of the convolution.
    """

    def __init__(self, *, groups: int = 1) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, weight: Tensor) -> Tensor:
        """Widen the ranges by `weight`, shape (out, C / groups, *kernel), and return it itself.

        Raises:
            ValueError: `weight` has fewer than two axes.
            ChannelMismatch: `weight` has other channels than the one before.
        """
        if weight.ndim < 2:  # noqa: PLR2004  rows and columns
            raise ValueError(
                f"a weight has the shape (out, channels, *kernel), not {tuple(weight.shape)}."
            )
        if weight.numel():
            self._see(column_range(weight, self.groups), weight.ndim)
        return weight


def _check_channels(known: ChannelRange, seen: ChannelRange) -> None:
    if seen.min.shape != known.min.shape:
        raise ChannelMismatch(
            f"observed {counted(known.min.numel(), 'channel')} so far, and now "
            f"{seen.min.numel()}. "
            "One observer watches one layer: check the calibration batches and channel_axis."
        )
