"""Ranges over processes: what each observer saw alone becomes what all of them saw together.

Ranges merge by min and max, so two reductions are enough, for any number of observers: one agrees
on what was seen at all, one carries the bounds. Source: torch.distributed, `all_reduce`.
"""

from __future__ import annotations

from functools import reduce

import torch
import torch.distributed as dist
from torch import Tensor, nn

from eqconform_reference.errors import ChannelMismatch, counted
from eqconform_reference.observers import InputEqualizationObserver, WeightEqualizationObserver

_Observer = InputEqualizationObserver | WeightEqualizationObserver

_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_NOTHING = torch.iinfo(torch.int64).min  # loses against every fact of a process that saw a batch


def reduce_ranges(module: nn.Module, group: dist.ProcessGroup | None = None) -> None:
    """Widen every observer's range to what its counterparts in all processes have seen; exact.

    Every process of the group calls it, between calibration and `convert`. One that saw no batch
    takes part like the others, and comes away with the whole range.

    Args:
        module: an observer, or a module that holds some, as `prepare` returns it; with the same
            observers in every process. They are changed in place.
        group: of `torch.distributed`; None: the default group.

    Raises:
        RuntimeError: no process group is initialized.
        ValueError: `module` holds no observer.
        ChannelMismatch: an observer saw other channels than its counterparts.
    """
    if not (dist.is_available() and dist.is_initialized()):
        raise RuntimeError(
            "reduce_ranges needs an initialized process group, and there is none: call "
            "torch.distributed.init_process_group first, in a program that torchrun starts. "
            "A single process has nothing to reduce."
        )
    observers = [each for each in module.modules() if isinstance(each, _Observer)]
    if not observers:
        raise ValueError(f"{type(module).__name__} holds no observer; give what prepare returned.")
    device = torch.device("cuda" if dist.get_backend(group) == "nccl" else "cpu")
    facts = torch.tensor([_facts(each) for each in observers], device=device)
    dist.all_reduce(facts, dist.ReduceOp.MAX, group)
    rows: list[list[int]] = facts.tolist()
    for place, row in enumerate(rows):
        _check_channels(row, place)
    bounds = [_bounds(each, max(row[0], 0)) for each, row in zip(observers, rows, strict=True)]
    joined = torch.cat(bounds).to(device)
    dist.all_reduce(joined, dist.ReduceOp.MAX, group)
    parts = torch.split(joined, [len(each) for each in bounds])
    for observer, row, part in zip(observers, rows, parts, strict=True):
        if len(part):
            _take(observer, row, part)


def _facts(observer: _Observer) -> list[int]:
    """Channels and rank, each with its negative, and which dtype: what maxima tell extremes of."""
    seen = observer.range()
    if seen is None:
        return [_NOTHING] * (4 + len(_DTYPES))
    channels, ndim = seen.min.numel(), observer.ndim
    return [channels, -channels, ndim, -ndim, *(int(seen.min.dtype == d) for d in _DTYPES)]


def _check_channels(row: list[int], place: int) -> None:
    # In every process alike, so that none waits for one that has raised.
    if row[0] != _NOTHING and row[0] != -row[1]:
        raise ChannelMismatch(
            f"observer {place} saw {counted(-row[1], 'channel')} in one process and {row[0]} in "
            "another: "
            "all processes must calibrate the same network with inputs of the same form."
        )


def _bounds(observer: _Observer, channels: int) -> Tensor:
    """Max, -min, and where they are NaN, shape (4 · C,); of nothing seen it loses to all others.

    A maximum would lose a NaN or keep it, as the backend likes; so it travels beside the numbers.
    """
    seen = observer.range()
    if seen is None:
        return torch.tensor([-torch.inf, 0.0], dtype=torch.float64).repeat_interleave(2 * channels)
    values = torch.cat([seen.max, -seen.min]).double().cpu()
    broken = values.isnan()
    return torch.cat([values.masked_fill(broken, -torch.inf), broken.double()])


def _take(observer: _Observer, row: list[int], part: Tensor) -> None:
    """Set the observer's range to the reduced one."""
    values, broken = part.chunk(2)
    values = values.masked_fill(broken > 0, torch.nan)
    present = [dtype for dtype, flag in zip(_DTYPES, row[4:], strict=True) if flag > 0]
    high, negated_low = values.to(observer.min.device, reduce(torch.promote_types, present)).chunk(
        2
    )
    observer.min, observer.max = -negated_low, high
    observer.ndim = row[2] if row[2] == -row[3] else -1
