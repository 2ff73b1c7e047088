"""Affine quantization: from a range to scale and zero point, from values to levels and back.

Source: PyTorch 2.15, torch/ao/quantization/observer.py, UniformQuantizationObserverBase.
"""

import torch
from torch import Tensor

_BOUNDS = {
    torch.qint8: (-128, 127),
    torch.int8: (-128, 127),
    torch.quint8: (0, 255),
    torch.uint8: (0, 255),
}
_AFFINE = (torch.per_tensor_affine, torch.per_channel_affine)
_SYMMETRIC = (torch.per_tensor_symmetric, torch.per_channel_symmetric)
_PER_CHANNEL = (torch.per_channel_affine, torch.per_channel_symmetric)


def affine_parameters(
    minimum: Tensor, maximum: Tensor, *, dtype: torch.dtype, qscheme: torch.qscheme
) -> tuple[Tensor, Tensor]:
    """Scale and zero point at which [minimum, maximum] and 0 are representable.

    affine: scale = (max - min) / (q_max - q_min), with 0 swept into the range, and a zero point
    that represents 0 exactly. symmetric: scale = max(|min|, |max|) / ((q_max - q_min) / 2), zero
    point in the middle. An empty range gets the smallest normal number of float32, never 0.
    (PyTorch raises every scale to the eps of float32, and ranges below 3e-5 lose their digits.)

    Args:
        minimum: any shape, one element per quantizer.
        maximum: of the same shape.
        dtype: `torch.qint8` or `torch.quint8` (or the plain integer types).
        qscheme: affine or symmetric.

    Returns:
        Scale (floating point) and zero point (int64), of the shape of `minimum`.

    Raises:
        TypeError: another dtype, or another scheme.
    """
    if dtype not in _BOUNDS:
        raise TypeError(f"cannot quantize to {dtype}: use torch.qint8 or torch.quint8.")
    if qscheme not in (*_AFFINE, *_SYMMETRIC):
        known = ", ".join(map(str, (*_AFFINE, *_SYMMETRIC)))
        raise TypeError(f"cannot quantize by the scheme {qscheme}: use one of {known}.")
    lowest, highest = _BOUNDS[dtype]
    # In float32 at least: the width of a float16 range can be more than float16 holds.
    wide = torch.promote_types(minimum.dtype, torch.float32)
    below, above = minimum.to(wide).clamp(max=0), maximum.to(wide).clamp(min=0)
    smallest = torch.finfo(torch.float32).tiny
    if qscheme in _SYMMETRIC:
        scale = torch.maximum(-below, above) / ((highest - lowest) / 2)
        middle = (lowest + highest + 1) // 2
        return scale.clamp(min=smallest), torch.full_like(scale, middle, dtype=torch.int64)
    steps = highest - lowest
    # Divided one by one, for the width of a range can be more than even float32 holds.
    scale = (above / steps - below / steps).clamp(min=smallest)
    zero_point = lowest - torch.round(below / scale).to(torch.int64)
    return scale, zero_point.clamp(lowest, highest)


def weight_parameters(
    weight: Tensor, *, dtype: torch.dtype, qscheme: torch.qscheme
) -> tuple[Tensor, Tensor]:
    """Scale and zero point of a weight of shape (out, ...).

    Returns:
        Scalars for a per-tensor scheme, shape (out,) for a per-channel one.
    """
    rows = weight.detach().flatten(1) if qscheme in _PER_CHANNEL else weight.detach().flatten()
    return affine_parameters(rows.amin(-1), rows.amax(-1), dtype=dtype, qscheme=qscheme)


def fake_quantize(x: Tensor, scale: Tensor, zero_point: Tensor, *, dtype: torch.dtype) -> Tensor:
    """Quantized and dequantized: (clamp(round(x / scale) + zero point) - zero point) * scale.

    Args:
        x: any shape.
        scale: scalar, or shape (out,) for one quantizer per element of axis 0.
        zero_point: of the same shape.
        dtype: of the levels, `torch.qint8` or `torch.quint8`.

    Returns:
        Of the shape and dtype of `x`, at most 256 values per quantizer; what lies outside the
        range comes out as its end, ties go to the even level.
    """
    lowest, highest = _BOUNDS[dtype]
    shape = (-1, *[1] * (x.ndim - 1)) if scale.ndim else ()
    # In float32 at least: bfloat16 cannot tell all levels apart, and float16 takes a step for 0.
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    step, zero = scale.to(wide).view(shape), zero_point.to(x.device).view(shape)
    levels = (torch.round(wide / step) + zero).clamp(lowest, highest)
    return ((levels - zero) * step).to(x.dtype)
