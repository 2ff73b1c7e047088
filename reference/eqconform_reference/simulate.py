"""A simulated int8 model: every layer's input and weight is rounded to int8 and back.

The quantizers are placed after equalization and calibrated on the model that came of it, so each
of them sees the scaled range, between folded layers too. PyTorch 2.15
(torch/ao/quantization/fx/_equalize.py, convert_eq_obs) leaves the quantizer between two folded
layers with the range from before.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from eqconform_reference.config import Config, Observers, given_or_default
from eqconform_reference.convert import calibrated
from eqconform_reference.convert import equalize as equalized
from eqconform_reference.errors import NotFinite
from eqconform_reference.observers import InputEqualizationObserver
from eqconform_reference.prepare import Prepared, check_names
from eqconform_reference.quantize import fake_quantize, weight_parameters
from eqconform_reference.ranges import ChannelRange


class Quantizer(nn.Module):
    """Rounds a tensor to the levels of a quantizer, and back.

    Args:
        scale: scalar.
        zero_point: scalar.
        dtype: of the levels, `torch.qint8` or `torch.quint8`.
    """

    scale: Tensor
    zero_point: Tensor

    def __init__(self, scale: Tensor, zero_point: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("scale", scale)
        self.register_buffer("zero_point", zero_point)
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        """`x`, any shape, as its levels stand for it."""
        return fake_quantize(x, self.scale, self.zero_point, dtype=self.dtype)


def quantize(
    model: nn.Module,
    batches: Collection[Any],
    config: Config | None = None,
    *,
    equalize: bool = True,
    weight_qscheme: torch.qscheme = torch.per_tensor_symmetric,
) -> nn.Module:
    """The model as int8 would compute it, with or without equalization before.

    Quantizers stand in front of every layer that can be equalized, whether it is or not, so that
    both models differ in nothing but the scales. Biases stay in floating point. Nothing of it
    requires gradients: what an optimizer moves leaves its levels.

    Args:
        model: in eval mode; it stays as it is.
        batches: calibration inputs, gone through twice; see `equalize`.
        config: what to equalize, by default every layer; the observers of its `default` tell the
            dtype and scheme of the inputs' quantizers, by default quint8, affine. The choice of
            layers is no choice of what to quantize.
        equalize: False: only quantize.
        weight_qscheme: of the weights' qint8 quantizers, per tensor or per output channel.

    Raises:
        TypeError: `batches` is an iterator, which can be gone through once; or see `equalize`.
        ChannelMismatch, NotCalibrated, NotFinite, NotTraceable, ValueError: see `equalize`.
    """
    if isinstance(batches, Iterator):
        raise TypeError(
            f"batches are gone through twice, to equalize and to quantize, and {batches!r} can be "
            "gone through once: use list(batches)."
        )
    config = given_or_default(config)
    if equalize:
        model = equalized(model, batches, config)
    prepared = calibrated(model, batches, _everywhere(config))
    if not equalize:  # a name that is wrong is wrong even where it chooses nothing
        check_names(config, prepared.layouts())
    return _simulated(prepared, weight_qscheme)


def _everywhere(config: Config) -> Config:
    """The configuration with an observer in front of every layer."""
    default = config.default or Observers()
    return replace(config, default=default, types={}, patterns={}, names={})


def _simulated(prepared: Prepared, weight_qscheme: torch.qscheme) -> nn.Module:
    """A copy whose weights are rounded, with quantizers in the place of observers."""
    # The copy finds each rounded weight in the memo, in every place that holds the original.
    memo: dict[int, Any] = {}
    for layout in prepared.layouts():
        for first, *_ in layout.groups():
            if (observer := layout.observer(first)) is not None:
                _check_finite(observer.range(), first.name)
                memo[id(first.held_weight)] = _rounded(first.held_weight, weight_qscheme)
    simulated = copy.deepcopy(prepared.model, {**prepared.restarted(), **memo})
    for path, module in list(simulated.named_modules()):
        if isinstance(module, InputEqualizationObserver):
            parent, _, name = path.rpartition(".")
            simulated.get_submodule(parent).add_module(name, _quantizer(module))
    simulated.requires_grad_(requires_grad=False)
    return simulated.eval()  # quantizers are born in training mode


def _check_finite(seen: ChannelRange | None, layer: str) -> None:
    if seen is not None and not seen.finite:
        raise NotFinite(
            f"cannot quantize layer {layer!r}: its calibration input holds NaN or infinity, for "
            "which there is no step. Remove the batches that produce it."
        )


def _rounded(weight: Tensor, qscheme: torch.qscheme) -> Tensor:
    parameters = weight_parameters(weight, dtype=torch.qint8, qscheme=qscheme)
    rounded = fake_quantize(weight.detach(), *parameters, dtype=torch.qint8)
    if isinstance(weight, nn.Parameter):
        return nn.Parameter(rounded)
    return rounded


def _quantizer(observer: InputEqualizationObserver) -> nn.Module:
    """For the tensor that was observed, as it is; nothing for one that never came."""
    seen = observer.range()
    if seen is None:
        return nn.Identity()
    parameters = observer.quantization_parameters(torch.ones_like(seen.min))
    return Quantizer(*parameters, observer.dtype)
