"""What a model that was equalized exactly may lose because a number is too small for its dtype.

Below the smallest normal number digits are lost, and where subnormals are flushed, as processors
and compilers may, all of them. An equalizer meets such numbers where the untouched model meets
none: s x where the scale s is small, W / s where it is large, r y where r is that of the layer
behind. A layer with large weights may multiply what was lost up again. The stand-ins of
`eqconform.judge.rounding` show nothing of it, for their scales are near 1, and no torch on a CPU
flushes unless it is told to.

So the model is run in float64, where nothing is too small, and loses on purpose what may be lost:
in one run all of it, in the others what the toss of a coin says, number by number. How far the
runs land from the one that loses nothing is what underflow can do to *this* network on *this*
batch. Where no number is that small, that is nothing.

What a single number is off by is never more than itself, so that losing all of it is the worst.
From the largest of n movements follows a bound as it does for roundings.

Sources: Higham, "Accuracy and Stability of Numerical Algorithms" (2002), section 2.1, for
underflow, gradual and abrupt; PyTorch, torch.set_flush_denormal.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from eqconform.judge.channels import against_input, against_weight, rows_against_weight
from eqconform.judge.expectation import ExpectedScale, expected_scales, scales_within
from eqconform.judge.rounding import (
    DEVIATIONS,
    Bounds,
    batches_of,
    bounds,
    cast,
    largest_deviate,
    movement,
)
from eqconform.judge.standins import Sample, Watched, run_under
from eqconform_models import Network

_TOSSES = 8  # runs that lose some of what may be lost, besides the one that loses all

_Known = WeakKeyDictionary[Network, dict[tuple[str, torch.dtype], "Losses | None"]]
_known: _Known = WeakKeyDictionary()  # no longer than the network lives


@dataclass(frozen=True)
class Losses:
    """How far underflow may move what a model computes for one batch.

    Attributes:
        outputs: by place, broadcastable to each.
        inputs: of each layer call, shape (C,).
    """

    outputs: Mapping[str, Tensor]
    inputs: tuple[Tensor, ...]


@dataclass(frozen=True)
class _Reach:
    """Between what an equalizer's scale of a layer call lies, by either formula; shapes (C,)."""

    low: Tensor
    high: Tensor


def widened(limits: Bounds, lost: Losses) -> Bounds:
    """The bounds of what rounds and loses what is too small."""
    outputs = {place: each + lost.outputs[place] for place, each in limits.tolerance.items()}
    inputs = tuple(
        each + more for each, more in zip(limits.input_tolerance, lost.inputs, strict=True)
    )
    return replace(limits, tolerance=outputs, input_tolerance=inputs)


def losses(network: Network, batch: str, *, dtype: torch.dtype = torch.float32) -> Losses | None:
    """What underflow may do to a network on one of its batches; None where nothing is too small.

    It is measured once as long as there is the network. Of a large one, whose layers' inputs
    `bounds` does not keep, it is not.

    Args:
        network: its weights are rounded to `dtype` first, as for `bounds`.
        batch: name of a judgement batch, or "calibration-0" and so on.
        dtype: in which the judged model runs.
    """
    known, key = _known.setdefault(network, {}), (batch, dtype)
    if key not in known:
        known[key] = _measured(network, batch, dtype)
    return known[key]


def scales_of_what_is_left(network: Network, formula: str) -> tuple[ExpectedScale, ...]:
    """As `expected_scales`, of ranges that were observed without what is too small."""
    return scales_within(network, formula, lambda batch: allowing(network, batch).input_tolerance)


def allowing(
    network: Network,
    batch: str,
    *,
    dtype: torch.dtype = torch.float32,
    precision: torch.dtype | None = None,
) -> Bounds:
    """The bounds of what rounds, and loses what is too small.

    Args:
        network: as of `bounds`.
        batch: as there.
        dtype: as there.
        precision: as there.
    """
    limits = bounds(network, batch, dtype=dtype, precision=precision)
    lost = losses(network, batch, dtype=dtype)
    return limits if lost is None else widened(limits, lost)


def _measured(network: Network, batch: str, dtype: torch.dtype) -> Losses | None:
    if not bounds(network, batch, dtype=dtype).inputs:
        return None
    scales = _scales(network, dtype)
    model = network.build().to(dtype).double()
    given = cast(cast(batches_of(network)[batch], dtype), torch.float64)
    smallest = torch.finfo(dtype).smallest_normal
    everything = _Losing(smallest, scales, toss=None)
    worst = run_under(model, given, everything)
    if not everything.lost:
        return None
    tossed = [_Losing(smallest, scales, toss=seed) for seed in range(_TOSSES)]
    samples = [worst, *(run_under(model, given, each) for each in tossed)]
    return _losses(samples, run_under(model, given, Watched(keep_inputs=True)))


def _losses(samples: Sequence[Sample], exact: Sample) -> Losses:
    outputs = {}
    for place, value in exact.outputs.items():
        moved = movement([each.outputs[place] for each in samples], value)
        outputs[place] = _bound(moved, list(range(min(1, value.ndim - 1))), len(samples))
    inputs = []
    for index, (value, axis) in enumerate(exact.inputs):
        moved = movement([each.inputs[index][0] for each in samples], value)
        others = [i for i in range(value.ndim) if i != value.ndim + axis]
        inputs.append(_bound(moved, others, len(samples)).flatten())
    return Losses(outputs, tuple(inputs))


def _bound(moved: Tensor, pooled: list[int], samples: int) -> Tensor:
    """The bound of each feature, from the largest movement over the axes that tell none apart."""
    count = samples * prod(moved.shape[axis] for axis in pooled)
    largest = moved.amax(pooled, keepdim=True) if pooled else moved
    return DEVIATIONS / largest_deviate(count) * largest


def _scales(network: Network, dtype: torch.dtype) -> list[tuple[_Reach, _Reach | None]]:
    """Of each layer call what its scale is, and what is folded into its rows, if anything."""
    either = [
        expected_scales(network, formula, measured=False, dtype=dtype)
        for formula in ("range", "absmax")
    ]
    reach = [
        _Reach(torch.minimum(one.value, other.value), torch.maximum(one.value, other.value))
        for one, other in zip(*either, strict=True)
    ]
    consumers = {producer: call for call, producer in network.folds.items()}
    rows = [consumers.get(index) for index in range(len(reach))]
    return [
        (own, None if consumer is None else reach[consumer])
        for own, consumer in zip(reach, rows, strict=True)
    ]


class _Losing(Watched):
    """The model in float64, without what a right implementation may lose.

    Args:
        smallest: normal number of the judged dtype.
        scales: of every layer call, from `_scales`.
        toss: seed of the coin that says what is lost; None: everything is.
    """

    def __init__(
        self,
        smallest: float,
        scales: Sequence[tuple[_Reach, _Reach | None]],
        *,
        toss: int | None,
    ) -> None:
        super().__init__(keep_inputs=True)
        self.lost = False
        self._smallest, self._scales = smallest, iter(scales)
        self._coin = None if toss is None else torch.Generator().manual_seed(toss)

    def layer(self, function: Callable[..., Tensor], arguments: dict[str, Any]) -> Tensor:
        """S x, diag(r) W diag(1/s), r b and r y may be too small, as may each without its scale."""
        weight, bias = arguments["weight"], arguments.get("bias")
        own, behind = next(self._scales)
        rows = weight.new_ones(weight.shape[0]) if behind is None else behind.low.clamp(max=1)
        columns = against_weight(own.high.clamp(min=1), weight, arguments.get("groups", 1))
        arguments["input"] = self._without(
            arguments["input"], against_input(own.low.clamp(max=1), weight)
        )
        arguments["weight"] = self._without(weight, rows_against_weight(rows, weight) / columns)
        if bias is not None:
            arguments["bias"] = self._without(bias, rows)
        return self._without(function(**arguments), against_input(rows, weight))

    def other(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        """What a function makes may be too small; what it changes in place, or shows, it keeps."""
        result = function(*args, **kwargs)
        if not isinstance(result, Tensor) or not result.is_floating_point():
            return result
        if result.layout is not torch.strided or _shares_memory(result, [*args, *kwargs.values()]):
            return result
        return self._without(result, result.new_ones(()))

    def _without(self, tensor: Tensor, factor: Tensor) -> Tensor:
        """The tensor without the elements that, times their factor, are below the smallest.

        Args:
            tensor: float64.
            factor: broadcastable to it.
        """
        small = (tensor != 0) & (tensor.abs() * factor < self._smallest)
        if not small.any():
            return tensor
        self.lost = True
        if self._coin is not None:
            small &= (torch.rand(small.shape, generator=self._coin) < 0.5).to(small.device)  # noqa: PLR2004  a fair one
        return tensor.masked_fill(small, 0.0)


def _shares_memory(result: Tensor, arguments: Sequence[Any]) -> bool:
    tensors = [each for each in arguments if isinstance(each, Tensor)]
    place = result.untyped_storage().data_ptr()
    return any(each.untyped_storage().data_ptr() == place for each in tensors)
