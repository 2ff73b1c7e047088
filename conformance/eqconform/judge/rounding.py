"""How far rounding alone may move a model that was equalized exactly.

No bound is typed in. A model is run many times as a *stand-in* (`eqconform.judge.standins`), in
the precision that is judged. Each stand-in computes the model's function exactly, save for
roundings, and commits those that an equalizer commits: of the scale's reciprocal (shared by a
channel), of the input, weight and bias products, and of every sum done at another scale. How far
the stand-ins land from the float64 run of the untouched model is what rounding can do to *this*
network on *this* batch: reduction lengths, cancellation and depth are all in it, and nothing else.
What is too small for the precision is another matter: `eqconform.judge.underflow`.

The movement is taken per feature (over the draws and the first axis), so that a small output is
not judged by the size of its neighbours. From the largest of n movements follows their standard
deviation, and the bound lies at `DEVIATIONS` of them.

A bound grows with every draw, for its divisor is that of all draws from the start. So what is
within the bound of the first few is within that of all: who has many small networks to judge asks
for a few draws, and for all of them only where those do not suffice.

Sources: D. Stott Parker, "Monte Carlo Arithmetic" (1997), and J. Vignes, "A stochastic arithmetic
for reliable scientific computation" (1993), for measuring rounding by random perturbation;
N. Higham, "Accuracy and Stability of Numerical Algorithms" (2002), ch. 2-3, for what rounds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from eqconform.contract import Batch
from eqconform.judge.standins import Sample, StandIn, Watched, run_under
from eqconform_models import Network

DEVIATIONS = 10.0
"""Where the bound lies, in standard deviations of a feature's movement.

The judged model is one more draw, and the largest of 10^4 normal deviates lies at four. The rest
is for what an equalizer may do otherwise than a stand-in: take its products in another order, fold
a norm as well, add up in another order; measured, no such thing has passed five.
"""

_DRAWS = ((500_000, 16), (50_000_000, 4), (float("inf"), 2))
"""Up to so many parameters, so many draws: a large network has many features to learn from."""

FEW = 2
"""Draws that are enough for most models; see `bounds`."""


@dataclass(frozen=True)
class Bounds:
    """What a model with the function of the untouched one may compute for one batch.

    Attributes:
        expected: the untouched model's outputs in float64, by place (`eqconform.probe.outputs`).
        plain: the same in the judged dtype.
        tolerance: of each output, broadcastable to it.
        inputs: the input of each layer call in float64; empty for a large network.
        input_tolerance: of each, shape (C,).
    """

    expected: Mapping[str, Tensor]
    plain: Mapping[str, Tensor]
    tolerance: Mapping[str, Tensor]
    inputs: tuple[Tensor, ...]
    input_tolerance: tuple[Tensor, ...]


def bounds(
    network: Network,
    batch: str,
    *,
    dtype: torch.dtype = torch.float32,
    precision: torch.dtype | None = None,
    draws: int | None = None,
) -> Bounds:
    """The bounds of a network on one of its batches, measured once as long as there is the network.

    Args:
        network: its weights are rounded to `dtype` first: that network is the truth.
        batch: name of a judgement batch, or "calibration-0" and so on.
        dtype: in which the judged model runs.
        precision: in which scales and products are rounded, if less than `dtype`: an
            implementation may keep its statistics in float32 whatever the model's dtype is.
        draws: how many stand-ins are run, if fewer than the size of the network asks for; then
            the tolerances are lower bounds of those of all draws.
    """
    known = _known.setdefault(network, {})
    key = (batch, dtype, precision or dtype, draws)
    if key not in known:
        given = cast(batches_of(network)[batch], dtype)
        known[key] = _measure(network.build().to(dtype), given, precision or dtype, draws)
    return known[key]


def cast(batch: Batch, dtype: torch.dtype) -> Batch:
    """The batch with its floating tensors in `dtype`; token ids and masks stay as they are."""
    if isinstance(batch, tuple):
        return tuple(_cast(each, dtype) for each in batch)
    return _cast(batch, dtype)


def unit_roundoff(dtype: torch.dtype) -> float:
    """The largest relative error of one rounding to nearest."""
    return torch.finfo(dtype).eps / 2


def batches_of(network: Network) -> dict[str, Batch]:
    """The network's batches by name: "calibration-0" and so on, and those of judgement."""
    calibration = {f"calibration-{i}": batch for i, batch in enumerate(network.calibration())}
    return calibration | network.judgement()


def _cast(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


# By the network's identity, and no longer than it lives: of drawn networks there are thousands.
_known: "WeakKeyDictionary[Network, dict[tuple[Any, ...], Bounds]]" = WeakKeyDictionary()


@dataclass(frozen=True)
class _Count:
    """How many draws there are: those that the network's size asks for, and those that were run."""

    planned: int
    run: int

    @property
    def complete(self) -> bool:
        return self.run == self.planned


def _measure(model: nn.Module, batch: Batch, precision: torch.dtype, draws: int | None) -> Bounds:
    parameters = sum(each.numel() for each in model.parameters())
    all_draws = next(count for limit, count in _DRAWS if parameters <= limit)
    keep = all_draws == _DRAWS[0][1]  # the inputs of a large network's layers would fill the memory
    seeds = range(all_draws if draws is None else min(draws, all_draws))
    stand_ins = [StandIn(seed, precision, keep_inputs=keep) for seed in seeds]
    samples = [run_under(model, batch, each) for each in [*stand_ins, Watched(keep_inputs=keep)]]
    plain = samples[-1].outputs
    exact = run_under(model.double(), cast(batch, torch.float64), Watched(keep_inputs=keep))
    return _bounds(
        plain, samples, exact, unit_roundoff(precision), _Count(all_draws + 1, len(samples))
    )


def _bounds(
    plain: dict[str, Tensor],
    samples: Sequence[Sample],
    exact: Sample,
    roundoff: float,
    count: _Count,
) -> Bounds:
    tolerance = {}
    for place, value in exact.outputs.items():
        moved = movement([each.outputs[place] for each in samples], value)
        first = list(range(min(1, value.ndim - 1)))
        tolerance[place] = _tolerance(moved, value.double().abs(), first, count, roundoff)
    input_tolerance = []
    for index, (value, axis) in enumerate(exact.inputs):
        moved = movement([each.inputs[index][0] for each in samples], value)
        others = [i for i in range(value.ndim) if i != value.ndim + axis]
        allowed = _tolerance(moved, value.abs(), others, count, roundoff)
        input_tolerance.append(allowed.flatten())
    inputs = tuple(value for value, _ in exact.inputs)
    return Bounds(exact.outputs, plain, tolerance, inputs, tuple(input_tolerance))


def movement(samples: Sequence[Tensor], exact: Tensor) -> Tensor:
    """The largest distance of any sample from `exact`, element by element."""
    moved = torch.zeros_like(exact, dtype=torch.float64)
    for sample in samples:
        same = sample == exact  # infinities too, whose difference is no number
        distance = (sample.double() - exact.double()).abs()
        moved = torch.maximum(moved, torch.where(same, 0.0, distance))
    return moved


def _tolerance(
    moved: Tensor, size: Tensor, pooled: list[int], count: _Count, roundoff: float
) -> Tensor:
    """The bound of each feature.

    Few draws leave some features alone by chance. Such a feature gets what is typical of its
    tensor: in proportion to its size, where movements follow sizes; the lower quartile, where all
    features move alike; and never less than one rounding. The quartile may fall as draws are
    added, for the features that move first move most; so where draws are left out it is too.

    Args:
        moved: the largest of the draws, per element.
        size: magnitude of each element.
        pooled: the axes that do not tell features apart.
        count: of the draws.
        roundoff: of the judged precision.
    """
    samples = count.planned * prod(moved.shape[axis] for axis in pooled)
    if pooled:
        moved, size = moved.amax(pooled, keepdim=True), size.amax(pooled, keepdim=True)
    moving = moved[moved > 0]
    if count.complete and not moving.numel():
        return DEVIATIONS * roundoff * size
    largest = torch.maximum(moved, size * _typical_share(moved, size).clamp(min=roundoff))
    if count.complete:
        largest = largest.clamp(min=_lower_quartile(moving))
    return DEVIATIONS / largest_deviate(samples) * largest


def _typical_share(moved: Tensor, size: Tensor) -> Tensor:
    """What a feature moves by, as a share of its size: the median; 0 where all sizes are 0."""
    shares = (moved / size)[size > 0]
    return shares.median() if shares.numel() else size.new_zeros(())


def largest_deviate(samples: int) -> float:
    """The median of the largest magnitude among so many normal deviates, and at least 1."""
    probability = torch.tensor((1 + 0.5 ** (1 / max(samples, 1))) / 2, dtype=torch.float64)
    return max(float(torch.special.ndtri(probability)), 1.0)


def _lower_quartile(values: Tensor) -> float:
    return float(values.kthvalue(1 + (values.numel() - 1) // 4).values)
