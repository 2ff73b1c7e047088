"""From ranges to scales: the formula, and nothing else.

Sources: PyTorch 2.15, torch/ao/quantization/fx/_equalize.py, calculate_equalization_scale;
Nagel et al. 2019 (arXiv 1906.04721), section 4.1, for the folding of a scale into the rows of
the layer before; Xiao et al. 2022 (arXiv 2211.10438), equation 4 at alpha = 0.5, for "absmax".
"""

from typing import Literal

import torch
from torch import Tensor

from eqconform_reference.errors import ChannelMismatch, NotCalibrated, NotFinite, counted
from eqconform_reference.ranges import ChannelRange

Statistic = Literal["range", "absmax"]


def equalization_scale(
    inputs: ChannelRange,
    weights: ChannelRange,
    *,
    statistic: Statistic = "range",
    dtype: torch.dtype | None = None,
    layer: str = "?",
) -> Tensor:
    """The factor, per channel, at which the input range and the weight range meet.

    s = sqrt(weights.width / inputs.width), so that inputs.width * s == weights.width / s.
    A channel whose quotient is 0, infinite or not a number has nothing to trade: its scale is 1.

    Args:
        inputs: ranges of the layer's input channels; bounds of shape (C,).
        weights: ranges of the layer's weight columns; bounds of shape (C,).
        statistic: "range" is max - min; "absmax" the largest magnitude, which does not let a
            channel that is nearly constant around a large mean blow up the scaled input.
        dtype: the scale is rounded to it, since the weights that it divides have it;
            by default that of the ranges, float32 at least.
        layer: qualified name, for the error only.

    Returns:
        s of shape (C,), finite and > 0. Multiply the input by s, divide the weight by s.

    Raises:
        ChannelMismatch: `inputs` and `weights` disagree on C.
        NotCalibrated: neither side has a channel.
        NotFinite: a bound is NaN or infinite.

    Clauses: scale.formula, scale.degenerate.
    """
    _check(inputs, weights, layer)
    above, below = (r.width if statistic == "range" else r.magnitude for r in (weights, inputs))
    scale = torch.sqrt(above / below.to(above.device))
    scale = scale.to(dtype or scale.dtype)
    # A subnormal scale would lose bits in every product: it counts as 0.
    usable = torch.isfinite(scale) & (scale >= torch.finfo(scale.dtype).tiny)
    return torch.where(usable, scale, torch.ones_like(scale))


def scaled_input_range(inputs: ChannelRange, scale: Tensor) -> tuple[Tensor, Tensor]:
    """What the quantizer of the scaled input must be given: min and max over all channels.

    Args:
        inputs: bounds of shape (C,).
        scale: shape (C,).

    Raises:
        ChannelMismatch: the two disagree on C.

    Source: PyTorch 2.15, _InputEqualizationObserver.calculate_scaled_minmax.
    """
    if inputs.min.shape != scale.shape:
        raise ChannelMismatch(
            f"cannot scale a range of {counted(inputs.min.numel(), 'channel')} by "
            f"{counted(scale.numel(), 'scale')}: "
            "give one scale per channel."
        )
    return inputs.scaled(scale)


def divide_columns(weight: Tensor, scale: Tensor, groups: int) -> Tensor:
    """The weight with the column of each input channel divided by its scale, group by group.

    Args:
        weight: shape (out, C / groups, *kernel).
        scale: shape (C,).
        groups: of the convolution.
    """
    grouped = weight.detach().view(
        groups, -1, *weight.shape[1:]
    )  # (groups, out / groups, C / groups, *k)
    divisor = scale.view(groups, 1, -1, *[1] * (weight.ndim - 2))
    return (grouped / divisor).flatten(0, 1)


def fold_costs_precision(weight: Tensor, rows: Tensor) -> bool:
    """Whether scaling the rows of a producer leaves its per-tensor weight quantizer worse off.

    A per-tensor step is as wide as the widest row makes it, so a row of magnitude r loses
    (max r / r)² in noise relative to its own signal; what counts is the sum over the rows,
    before and after. Rows of zeros carry no signal and do not count. The weight of a norm, one
    element per row, meets no such quantizer.

    Args:
        weight: of the producer, its own columns already scaled; shape (out, ...).
        rows: the scale that its rows would take, shape (out,).
    """
    if weight.ndim == 1:
        return False
    magnitude = weight.detach().abs().flatten(1).amax(1)
    alive = magnitude > 0
    return bool(_noise((magnitude * rows)[alive]) > _noise(magnitude[alive]))


def _noise(magnitude: Tensor) -> Tensor:
    return (magnitude.amax() / magnitude).square().sum() if magnitude.numel() else magnitude.sum()


def _check(inputs: ChannelRange, weights: ChannelRange, layer: str) -> None:
    if inputs.min.shape != weights.min.shape:
        raise ChannelMismatch(
            f"cannot equalize layer {layer!r}: its input was observed with "
            f"{counted(inputs.min.numel(), 'channel')}, but its weight has "
            f"{counted(weights.min.numel(), 'input channel')}. Leave the layer out of the "
            "configuration, or check that the calibration input has the shape that the model is "
            "used with."
        )
    for side, bounds in (("calibration input", inputs), ("weight", weights)):
        if not bounds.min.numel():
            raise NotCalibrated(f"cannot equalize layer {layer!r}: its {side} was never observed.")
        if not bounds.finite:
            bad = torch.nonzero(~torch.isfinite(bounds.min + bounds.max)).flatten().tolist()
            raise NotFinite(
                f"cannot equalize layer {layer!r}: the {side} holds NaN or infinity in channels "
                f"{bad[:8]}. Remove the batches that produce it, or leave the layer out."
            )
