"""The scale that each layer call must get: the closed formulas, from the untouched model.

Sources: PyTorch 2.15, torch/ao/quantization/fx/_equalize.py, calculate_equalization_scale, for
"range"; Xiao et al. 2022, "SmoothQuant" (arXiv 2211.10438), at alpha = 0.5, for "absmax".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from eqconform.judge.channels import column_extremes, input_extremes
from eqconform.judge.rounding import bounds, cast, unit_roundoff
from eqconform.probe import LayerCall, Recording, record
from eqconform_models import Network

_FORMULA_ROUNDINGS = 4
"""Of a scale in float32: each width is rounded once and halved by the root, 2 · 1/2; the quotient
half, the root one: 2.5 unit roundoffs, and 4 if the scale is made from its reciprocal."""


@dataclass(frozen=True)
class ExpectedScale:
    """The scale of one layer call.

    Attributes:
        value: shape (C,), float64, positive.
        uncertainty: shape (C,), relative: how far rounding may move it. The ranges that an
            implementation sees carry the rounding of the layers before.
    """

    value: Tensor
    uncertainty: Tensor


@dataclass(frozen=True)
class _Extremes:
    """What a channel has seen, shapes (C,), and how far rounding may have moved it."""

    low: Tensor
    high: Tensor
    slack: Tensor

    def merged(self, other: "_Extremes") -> "_Extremes":
        return _Extremes(
            torch.minimum(self.low, other.low),
            torch.maximum(self.high, other.high),
            torch.maximum(self.slack, other.slack),
        )

    def spread(self, formula: str) -> Tensor:
        """The statistic that the formula is about: the range, or the largest magnitude."""
        if formula == "absmax":
            return torch.maximum(self.low.abs(), self.high.abs())
        return self.high - self.low


_Known = WeakKeyDictionary[Network, dict[tuple[str, bool, torch.dtype], tuple[ExpectedScale, ...]]]
_known: "_Known" = WeakKeyDictionary()  # no longer than the network lives


def expected_scales(
    network: Network, formula: str, *, measured: bool = True, dtype: torch.dtype = torch.float32
) -> tuple[ExpectedScale, ...]:
    """The scale of every layer call, from the ranges before any weight changes.

    Calls that share a weight share one scale, from the ranges of all of them.

    Args:
        network: is calibrated on its own batches.
        formula: "range" or "absmax".
        measured: the uncertainty holds the rounding of the layers before, from stand-ins; else it
            is that of the formula alone, which is less, and enough where an implementation
            computes its ranges as the untouched network does.
        dtype: that the network is calibrated in. What varies in float32 may be constant in
            bfloat16, and then its scale is 1.
    """
    known, key = _known.setdefault(network, {}), (formula, measured, dtype)
    if key not in known:
        rounding = partial(_rounding, network, dtype) if measured else None
        known[key] = scales_within(network, formula, rounding, dtype=dtype)
    return known[key]


def _rounding(network: Network, dtype: torch.dtype, batch: str) -> Sequence[Tensor]:
    return bounds(network, batch, dtype=dtype).input_tolerance


def scales_within(
    network: Network,
    formula: str,
    slack: Callable[[str], Sequence[Tensor]] | None,
    *,
    dtype: torch.dtype = torch.float32,
) -> tuple[ExpectedScale, ...]:
    """As `expected_scales`, of inputs that may be off.

    Args:
        network: as there.
        formula: as there.
        slack: how far the input of each layer call may be off on a batch, "calibration-0" and so
            on, shapes (C,); None: not at all.
        dtype: as there.
    """
    model = network.build().to(dtype)
    recordings = [record(model, cast(batch, dtype)) for batch in network.calibration()]
    seen = _observed(recordings, slack)
    calls = recordings[0].calls
    return tuple(_scale(call, seen[call.weight_key], formula) for call in calls)


def _observed(
    recordings: Sequence[Recording], slack: Callable[[str], Sequence[Tensor]] | None
) -> dict[tuple[int, ...], _Extremes]:
    """What every weight's inputs span, over all batches and all calls that use it."""
    seen: dict[tuple[int, ...], _Extremes] = {}
    for number, recording in enumerate(recordings):
        slacks = repeat(None) if slack is None else slack(f"calibration-{number}")
        for call, measure in zip(recording.calls, slacks, strict=slack is not None):
            low, high = input_extremes(call.input.double(), call.channel_axis)
            off = torch.zeros_like(low) if measure is None else measure
            extremes, key = _Extremes(low, high, off), call.weight_key
            seen[key] = seen[key].merged(extremes) if key in seen else extremes
    return seen


def _scale(call: LayerCall, inputs: _Extremes, formula: str) -> ExpectedScale:
    low, high = column_extremes(call.weight.double(), call.groups)
    weights = _Extremes(low, high, torch.zeros_like(low)).spread(formula)
    spread = inputs.spread(formula)
    quotient = weights / spread
    degenerate = ~(quotient > 0) | quotient.isinf()
    numbers = torch.finfo(call.weight.dtype)
    roundings = _FORMULA_ROUNDINGS * unit_roundoff(call.weight.dtype)
    # Both ends may move by the slack, and one too small may be lost; the root halves it.
    lost = numbers.smallest_normal / spread + numbers.smallest_normal / weights
    uncertainty = roundings + inputs.slack / spread + lost
    value = quotient.sqrt()
    # What the model's dtype cannot hold may count as degenerate: 1, or the formula.
    smallest = torch.stack([quotient, weights, spread]).amin(0)
    ambiguous = ~degenerate & ((smallest < numbers.smallest_normal) | (quotient > numbers.max))
    either = torch.maximum(value, 1 / value) * (1 + uncertainty)
    uncertainty = either.where(ambiguous, uncertainty)
    return ExpectedScale(
        value.where(~degenerate & ~ambiguous, torch.ones_like(value)),
        uncertainty.where(~degenerate, torch.zeros_like(value)),
    )
