"""Runs of an untouched model that do what an exact equalizer does, and how they are looked at.

A *stand-in* multiplies every layer's input by scales drawn at random and divides its weight by
them, multiplies its rows and bias by other ones and divides its output by those. A norm with an
affine part takes random factors likewise. It computes the model's function exactly, save for the
roundings that an equalizer commits too: `eqconform.judge.rounding`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from eqconform.contract import Batch
from eqconform.judge.channels import (
    against_input,
    against_weight,
    channel_axis,
    rows_against_weight,
)
from eqconform.probe import layer_arguments, outputs

_NORMS: Mapping[Callable[..., Tensor], tuple[str, ...]] = {
    F.batch_norm: (
        *("input", "running_mean", "running_var", "weight", "bias"),
        *("training", "momentum", "eps"),
    ),
    F.layer_norm: ("input", "normalized_shape", "weight", "bias", "eps"),
    F.group_norm: ("input", "num_groups", "weight", "bias", "eps"),
}
_OCTAVES = 3.0  # scales lie between 1/8 and 8; rounding is relative, so their size matters little


@dataclass(frozen=True)
class Sample:
    """One run: outputs by place, and every layer call's input with the axis of its channels."""

    outputs: dict[str, Tensor]
    inputs: list[tuple[Tensor, int]]


class Watched(TorchFunctionMode):
    """The model as it is; keeps the layers' inputs."""

    def __init__(self, *, keep_inputs: bool) -> None:
        super().__init__()
        self.inputs: list[tuple[Tensor, int]] = []
        self._keep_inputs = keep_inputs

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        del types
        arguments = layer_arguments(func, args, kwargs or {})
        if arguments is None:
            return self.other(func, args, kwargs or {})
        if self._keep_inputs:
            self.inputs.append((arguments["input"].clone(), channel_axis(arguments["weight"])))
        return self.layer(func, arguments)

    def layer(self, function: Callable[..., Tensor], arguments: dict[str, Any]) -> Tensor:
        """Compute a layer."""
        return function(**arguments)

    def other(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        """Compute what is no layer."""
        return function(*args, **kwargs)


class StandIn(Watched):
    """The model with every layer and norm equalized by random factors, and undone at once."""

    def __init__(self, seed: int, precision: torch.dtype, *, keep_inputs: bool) -> None:
        super().__init__(keep_inputs=keep_inputs)
        self._generator = torch.Generator().manual_seed(seed)
        self._precision = precision

    def layer(self, function: Callable[..., Tensor], arguments: dict[str, Any]) -> Tensor:
        """W becomes diag(r) W diag(1/s), x becomes s x, and the output is divided by r."""
        weight, bias = arguments["weight"], arguments.get("bias")
        groups = arguments.get("groups", 1)
        s = self._factors(weight.shape[1] * groups, weight)
        r = self._factors(weight.shape[0], weight)
        columns = self._rounded(weight * against_weight(self._rounded(1 / s), weight, groups))
        arguments["weight"] = self._rounded(columns * rows_against_weight(r, weight))
        arguments["input"] = self._rounded(arguments["input"] * against_input(s, weight))
        if bias is not None:
            arguments["bias"] = self._rounded(bias * r)
        return self._rounded(function(**arguments) / against_input(r, weight))

    def other(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        """A norm's affine part takes random factors, undone at once; the rest is as it is."""
        arguments = {**dict(zip(_NORMS.get(function, ()), args, strict=False)), **kwargs}
        if function not in _NORMS or arguments.get("weight") is None:
            return function(*args, **kwargs)
        weight, bias = arguments["weight"], arguments.get("bias")
        r = self._factors(weight.numel(), weight).reshape(weight.shape)
        arguments["weight"] = self._rounded(weight * r)
        if bias is not None:
            arguments["bias"] = self._rounded(bias * r)
        out = function(**arguments)
        last = function is F.layer_norm
        return self._rounded(out / (r if last else r.reshape(-1, *[1] * (out.ndim - 2))))

    def _factors(self, count: int, like: Tensor) -> Tensor:
        """Random factors of shape (count,), rounded as an implementation's scales are."""
        octaves = (2 * torch.rand(count, generator=self._generator) - 1) * _OCTAVES
        return self._rounded(torch.exp2(octaves).to(like))

    def _rounded(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._precision).to(tensor.dtype)


def run_under(model: nn.Module, batch: Batch, mode: Watched) -> Sample:
    """Run the model on a batch under a mode, without gradients, and keep what it gives."""
    with mode:
        return Sample(_returned(model, batch), mode.inputs)


def _returned(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    with torch.no_grad():
        return outputs(model(*(batch if isinstance(batch, tuple) else (batch,))))
