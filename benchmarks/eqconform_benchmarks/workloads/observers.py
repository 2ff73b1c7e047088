"""Suite "observers": an observer's call on one batch, against reading that batch once.

Shapes, layouts and dtypes that calibration meets. The limit is one `amax` over the elements in the
order in which they lie in memory: half of what an observer has to find, without any channels. (A
sum is quicker still, by up to a quarter where the batch fits the cache.)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import prod

import torch
from torch import Tensor, nn

from eqconform import Implementation
from eqconform_benchmarks.pairing import Work, work
from eqconform_benchmarks.workloads.answers import bounds_of, require_extremes
from eqconform_benchmarks.workloads.sliding import SPIKES, Sliding
from eqconform_benchmarks.workloads.workload import Timed, Workload

_BASE = ("observe.extremes/*", "observe.observer-module/*")


@dataclass(frozen=True)
class Batch:
    """What is observed."""

    shape: tuple[int, ...]
    channel_axis: int
    relies_on: tuple[str, ...]
    channels_last: bool = False
    goal: float | None = None
    goal_seconds: float | None = None

    def views(self, dtype: torch.dtype, device: torch.device) -> Sliding:
        """Batches of this form, another one for each call."""
        return Sliding(self.shape, dtype, device, channels_last=self.channels_last)


_CONVOLUTION = (32, 64, 56, 56)
BATCHES = {
    "nchw": Batch(_CONVOLUTION, 1, _BASE, goal=2.5),
    "channels-last": Batch(
        _CONVOLUTION, 1, (*_BASE, "observe.memory-layout/*"), channels_last=True, goal=3.0
    ),
    # A number of channels that is no multiple of what vector instructions take, as in MobileNets.
    "channels-last-24": Batch(
        (32, 24, 56, 56), 1, (*_BASE, "observe.memory-layout/*"), channels_last=True
    ),
    "tokens": Batch((8, 197, 768), 2, (*_BASE, "observe.last-axis/*"), goal=3.0),
    "features": Batch((32, 512), 1, _BASE),
    "tiny": Batch((2, 4), 1, _BASE, goal_seconds=10e-6),
}
_DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def bytes_of(name: str) -> int:
    """What one read of the batch moves, for `name` of an observer workload."""
    shape, _, dtype = name.rpartition("-")
    return prod(BATCHES[shape].shape) * torch.empty(0, dtype=getattr(torch, dtype)).element_size()


def listed() -> Iterator[Workload]:
    """Every shape in every dtype."""
    for name, batch in BATCHES.items():
        for dtype in _DTYPES:
            plain = dtype is torch.float32
            yield Workload(
                suite="observers",
                name=f"{name}-{str(dtype).removeprefix('torch.')}",
                limit="flat read",
                needs=("input_observer", "observed_range"),
                relies_on=batch.relies_on if plain else (*batch.relies_on, "observe.dtypes/*"),
                make=partial(_make, batch, dtype),
                goal=batch.goal if plain else None,
                goal_seconds=batch.goal_seconds if plain else None,
                quick=plain,
            )


def _make(
    batch: Batch, dtype: torch.dtype, implementation: Implementation, device: torch.device
) -> Timed:
    views = batch.views(dtype, device)

    def made() -> nn.Module:
        return implementation.input_observer(channel_axis=batch.channel_axis).to(device)

    def observe(seen: nn.Module, x: Tensor, *, begun: bool = False) -> None:
        values = x.movedim(batch.channel_axis, 0).flatten(1)  # (C, values)
        before = bounds_of(implementation.observed_range(seen), values) if begun else None
        seen(x)
        require_extremes(implementation.observed_range(seen), values, before)

    def verify() -> None:
        other = made()
        observe(other, views.first)
        observer(views.first)
        views.rise()
        for each in (observer, other):
            observe(each, views.first, begun=True)
        for _ in range(SPIKES):
            views.spike()
            observe(observer, views.first, begun=True)
        observe(made(), views.last)

    observer = made()
    return Timed(Work(observer, views.fresh), _flat_read(views.first), verify)


def _flat_read(x: Tensor) -> Work:
    """Every element read once, in the order in which they lie in memory."""
    return work(x.detach().as_strided((x.numel(),), (1,)).amax)
