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
from eqconform_benchmarks.pairing import work
from eqconform_benchmarks.workloads.answers import require_extremes, require_scale
from eqconform_benchmarks.workloads.workload import Timed, Workload

_CPU = torch.device("cpu")
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
    inputs, weights = _range(channels, 0, device), _range(channels, 1, device)
    return Timed(
        work(lambda: implementation.equalization_scale(inputs, weights)),
        work(lambda: torch.sqrt((weights.max - weights.min) / (inputs.max - inputs.min))),
        lambda: require_scale(implementation, device, *(_range(channels, i, _CPU) for i in (0, 1))),
    )


def _columns(
    shape: tuple[int, ...], groups: int, implementation: Implementation, device: torch.device
) -> Timed:
    weight = _normal(shape, 0, device)

    def columns() -> object:
        return implementation.observe_weight(weight, groups=groups)

    def verify() -> None:
        # (groups, out / groups, in / groups, kernel) to (in, values)
        parts = weight.reshape(groups, shape[0] // groups, shape[1], -1)
        require_extremes(columns(), parts.transpose(1, 2).flatten(0, 1).flatten(1))

    return Timed(work(columns), work(weight.flatten().amax), verify)


def _range(channels: int, seed: int, device: torch.device) -> ChannelRange:
    bounds = _normal((2, channels), seed, device)
    return ChannelRange(bounds.amin(0), bounds.amax(0))


def _normal(shape: tuple[int, ...], seed: int, device: torch.device) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(device)
