"""Reducing over processes beyond what the suite asks: whole models, NaN, and what is refused."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn

from eqconform_reference import InputEqualizationObserver, prepare, reduce_ranges

_SCRIPT = """
import os
from contextlib import suppress
import torch, torch.distributed as dist
from torch import nn
from eqconform_reference import ChannelMismatch, InputEqualizationObserver, prepare, reduce_ranges

dist.init_process_group("gloo")
rank = dist.get_rank()

prepared = prepare(nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1)).eval())
observers = [each for each in prepared.modules() if isinstance(each, InputEqualizationObserver)]
if rank == 0:
    prepared(torch.tensor([[1.0, 2.0], [3.0, 5.0]]))
    expected = [each.range() for each in observers]
reduce_ranges(prepared)
found = [each.range() for each in observers]
dist.broadcast(sent := torch.cat([torch.cat(tuple(each)) for each in found]), 0)
assert torch.equal(sent, torch.cat([torch.cat(tuple(each)) for each in found]))
assert len(observers) == 2 and all(each.ndim == 2 for each in observers)
assert rank or all(torch.equal(a.min, b.min) for a, b in zip(found, expected))

mixed = InputEqualizationObserver(channel_axis=1)
batch = torch.ones(2, 3) if rank else torch.zeros(2, 3, 1, dtype=torch.float16)
batch[0, 0] = torch.nan if rank else 7
mixed(batch)
reduce_ranges(mixed)
assert mixed.ndim == -1 and mixed.min.dtype is torch.float32
assert mixed.max.isnan().tolist() == mixed.min.isnan().tolist() == [True, False, False]
assert mixed.max[1:].tolist() == [1, 1] and mixed.min[1:].tolist() == [0, 0]

other = InputEqualizationObserver(channel_axis=1)
other(torch.ones(2, 3 + rank))
try:
    reduce_ranges(other)
except ChannelMismatch as error:
    assert "3 channels" in str(error) and "4" in str(error)
else:
    raise AssertionError("no mismatch")
# In the place of destroy_process_group, which PyTorch 2.1 may never come back from; a group that
# the interpreter takes down at its end may abort.
with suppress(RuntimeError):
    dist.barrier()
os._exit(0)
"""


def test_two_processes(tmp_path: Path) -> None:
    """A whole model that one of them never called; NaN, ranks and dtypes that differ; channels."""
    script = tmp_path / "calibrate.py"
    script.write_text(_SCRIPT)
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
    ]
    ended = subprocess.run(
        [*command, str(script)], capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_a_module_without_observers_is_refused() -> None:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        with pytest.raises(ValueError, match="Linear holds no observer"):
            reduce_ranges(nn.Linear(2, 2))
    finally:
        dist.destroy_process_group()


def test_without_a_group_the_error_says_how_to_get_one() -> None:
    with pytest.raises(RuntimeError, match=r"init_process_group.*torchrun"):
        reduce_ranges(prepare(nn.Sequential(nn.Linear(2, 2)).eval()))


def test_one_process_keeps_what_it_saw() -> None:
    observer = InputEqualizationObserver(channel_axis=1)
    observer(torch.tensor([[1.0, -2.0], [3.0, -0.0]]))
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        reduce_ranges(observer)
    finally:
        dist.destroy_process_group()
    assert observer.min.tolist() == [1, -2]
    assert observer.max.tolist() == [3, 0]
