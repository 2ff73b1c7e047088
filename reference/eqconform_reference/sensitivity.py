"""Sensitivity: how much noise reaches each layer's output, and which layers are worth equalizing.

Both models run whole, so that a layer's noise includes what it inherits from the layers before.
Sources: PyTorch 2.15, torch/ao/quantization/fx/_equalize.py, get_layer_sqnr_dict and
get_equalization_qconfig_dict.
"""

from __future__ import annotations

import math
import operator
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, SupportsIndex

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from eqconform_reference.calling import call
from eqconform_reference.folded import unfolded
from eqconform_reference.layers import FUNCTIONS, tensor_names
from eqconform_reference.tensors import own_tensors


class _LayerOutput(NamedTuple):
    """What one layer call gave, and the weight and bias that it was called with."""

    weight: Tensor
    bias: Tensor | None
    value: Tensor


def layer_sqnr(float_model: nn.Module, changed_model: nn.Module, batch: Any) -> dict[str, float]:
    """The signal-to-noise ratio of every layer's output, in decibels.

    20 · log10(‖y‖ / ‖y - ŷ‖) in float64, over all elements of all calls of the layer: infinite
    without noise, -infinite where there is noise and no signal, NaN where an output holds NaN or
    infinity, or no element at all. A scale that `equalize` folded into the rows of a layer is
    undone before the comparison.

    Args:
        float_model: gives the signal.
        changed_model: a quantized or equalized copy, which calls its layers in the same order.
        batch: as for `equalize`.

    Returns:
        The ratios by the names that a configuration knows: a module's, or that of a functional
        layer's weight, by the first where there are several. In the order of execution; a layer
        whose weight is computed is left out, and modules that share weight and bias are one.

    Raises:
        ValueError: the models do not call the same layers.
    """
    before, after = (_layer_outputs(model, batch) for model in (float_model, changed_model))
    _check_alike(before, after)
    layers, tensors = _layer_names(float_model), tensor_names(float_model)
    found: dict[str, list[tuple[Tensor, Tensor]]] = defaultdict(list)
    for old, new in zip(before, after, strict=True):
        if path := layers.get(_ids(old.weight, old.bias)) or tensors.get(id(old.weight)):
            pair = _unfolded(old, float_model, path), _unfolded(new, changed_model, path)
            found[path.removesuffix(".weight")].append(pair)
    return {name: _decibels(pairs) for name, pairs in found.items()}


def select_layers(sqnr: Mapping[str, float], count: int) -> list[str]:
    """The `count` layers with the lowest ratio, the lowest first.

    Equal ratios are taken in the order of the names. A NaN comes after every number: equalization
    does not mend what is broken.

    Args:
        sqnr: ratios by layer, as `layer_sqnr` returns them.
        count: how many.

    Raises:
        TypeError: `sqnr` is no mapping to numbers, or `count` is no whole number.
        ValueError: `count` is negative, or larger than the number of layers.
    """
    if not isinstance(sqnr, Mapping):
        raise TypeError(
            "sqnr must be a mapping of layer names to ratios, as layer_sqnr returns it, not "
            f"{type(sqnr).__name__}."
        )
    if not isinstance(count, SupportsIndex):
        raise TypeError(f"count must be a whole number of layers, not {count!r}.")
    wanted = operator.index(count)
    if not 0 <= wanted <= len(sqnr):
        raise ValueError(f"cannot select {wanted} layers of {len(sqnr)}: choose 0 to {len(sqnr)}.")
    return sorted(sqnr, key=lambda name: (_is_nan(name, sqnr[name]), sqnr[name], name))[:wanted]


def _is_nan(layer: str, ratio: float) -> bool:
    try:
        return math.isnan(ratio)
    except TypeError as error:
        raise TypeError(f"the ratio of {layer!r} must be a number of dB, not {ratio!r}.") from error


class _Listener(TorchFunctionMode):
    """Notes the weight and the output of every layer call as it passes."""

    def __init__(self) -> None:
        super().__init__()
        self.outputs: list[_LayerOutput] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        del types
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func in FUNCTIONS:
            given = {**dict(zip(("input", "weight", "bias"), args, strict=False)), **kwargs}
            # A copy, for an activation may work in place.
            value = result.detach().clone()
            self.outputs.append(_LayerOutput(given["weight"], given.get("bias"), value))
        return result


def _layer_outputs(model: nn.Module, batch: Any) -> list[_LayerOutput]:
    listener = _Listener()
    with torch.no_grad(), listener:
        call(model, batch)
    return listener.outputs


def _layer_names(model: nn.Module) -> dict[tuple[int, int], str]:
    """Ids of the weight and bias of each module to the name of its weight.

    A weight alone does not tell: two modules may share it, and have biases of their own.
    """
    found: dict[tuple[int, int], str] = {}
    for path, module in model.named_modules():
        own = dict(own_tensors(module))
        if "weight" in own:
            name = f"{path}.weight" if path else "weight"
            found.setdefault(_ids(own["weight"], own.get("bias")), name)
    return found


def _ids(weight: Tensor, bias: Tensor | None) -> tuple[int, int]:
    return id(weight), id(bias)


def _check_alike(before: Sequence[_LayerOutput], after: Sequence[_LayerOutput]) -> None:
    shapes = [[tuple(each.value.shape) for each in outputs] for outputs in (before, after)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"the models do not call the same layers: outputs of shape {shapes[0]} in the one, of "
            f"shape {shapes[1]} in the other. Compare a model with a changed copy of itself."
        )


def _unfolded(output: _LayerOutput, model: nn.Module, path: str) -> Tensor:
    return unfolded(output.value.double(), model, path, channel_axis=1 - output.weight.ndim)


def _decibels(pairs: Sequence[tuple[Tensor, Tensor]]) -> float:
    signal = torch.stack([y.square().sum() for y, _ in pairs]).sum().item()
    noise = torch.stack([(y - changed).square().sum() for y, changed in pairs]).sum().item()
    if not math.isfinite(signal + noise) or not any(y.numel() for y, _ in pairs):
        return math.nan
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf
