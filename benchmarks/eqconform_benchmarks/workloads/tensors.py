"""Suites "scale" and "weights": the formula on ranges, and the ranges of weight columns.

Limits: the bare formula in torch, without any check; one `amax` over the weight as it lies in
memory. Scaling one, which the contract knows as a part of convert, is in
`eqconform_benchmarks.workloads.networks`.
"""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from eqconform import ChannelRange, Implementation
from eqconform_benchmarks.pairing import Work, work
from eqconform_benchmarks.workloads.answers import require_extremes, require_scale
from eqconform_benchmarks.workloads.sliding import SPIKES, Sliding
from eqconform_benchmarks.workloads.workload import Timed, Workload

_CHANNELS = (64, 4096)
LINEAR = (4096, 1024)
"""Shape of a weight, (out, in)."""
_WEIGHTS = {  # name to shape and groups
    "convolution": ((512, 512, 3, 3), 1),
    "linear": (LINEAR, 1),
    "depthwise": ((960, 1, 3, 3), 960),
}


def listed() -> Iterator[Workload]:
    """One workload per number of channels, and one per kind of weight."""
    for channels in _CHANNELS:
        yield Workload(
            suite="scale",
            name=f"{channels}-channels",
            limit="bare formula",
            needs=("equalization_scale",),
            relies_on=("scale.formula/*", "scale.degenerate/*"),
            make=partial(_scale, channels),
            quick=True,
        )
    for name, (shape, groups) in _WEIGHTS.items():
        clauses = ("observe.columns/*", *(("observe.grouped-columns/*",) if groups > 1 else ()))
        yield Workload(
            suite="weights",
            name=name,
            limit="flat read",
            needs=("observe_weight",),
            relies_on=clauses,
            make=partial(_columns, shape, groups),
            quick=True,
        )


def _scale(channels: int, implementation: Implementation, device: torch.device) -> Timed:
    sides = tuple(_Bounds(channels, seed, device) for seed in (0, 1))
    firsts = tuple(each.first for each in sides)
    (low, high), (lowest, highest) = firsts

    def bare() -> Tensor:
        return torch.sqrt((highest - lowest) / (high - low))

    def verify() -> None:
        require_scale(implementation, *firsts)
        sides[0].grow()  # and every scale is half of what it was
        for given in (firsts, tuple(each.last for each in sides)):
            require_scale(implementation, *given)
        for _ in range(SPIKES):
            sides[0].spike()
            require_scale(implementation, *firsts)

    candidate = Work(
        lambda given: implementation.equalization_scale(*given),
        lambda: tuple(each.fresh() for each in sides),
    )
    return Timed(candidate, work(bare), verify)


class _Bounds:
    """Ranges that hold zero, another one for each call; the same every time."""

    def __init__(self, channels: int, seed: int, device: torch.device) -> None:
        self._low, self._high = (
            Sliding((channels,), torch.float32, device, seed=2 * seed + i).magnitudes(sign)
            for i, sign in enumerate((-1, 1))
        )
        self.first = ChannelRange(self._low.first, self._high.first)
        self.last = ChannelRange(self._low.last, self._high.last)

    def fresh(self) -> ChannelRange:
        return ChannelRange(self._low.fresh(), self._high.fresh())

    def spike(self) -> None:
        """One channel twice as wide as any other, in place."""
        self._high.spike()

    def grow(self) -> None:
        """Four times as wide, in place."""
        self._low.grow()
        self._high.grow()


def _columns(
    shape: tuple[int, ...], groups: int, implementation: Implementation, device: torch.device
) -> Timed:
    views = Sliding(shape, torch.float32, device)

    def columns(weight: Tensor) -> object:
        return implementation.observe_weight(weight, groups=groups)

    def check(weight: Tensor) -> None:
        # (groups, out / groups, in / groups, kernel) to (in, values)
        parts = weight.reshape(groups, shape[0] // groups, shape[1], -1)
        require_extremes(columns(weight), parts.transpose(1, 2).flatten(0, 1).flatten(1))

    def verify() -> None:
        check(views.first)
        views.rise()
        for each in (views.first, views.last):
            check(each)
        for _ in range(SPIKES):
            views.spike()
            check(views.first)

    return Timed(Work(columns, views.fresh), work(views.first.flatten().amax), verify)
