"""Suite "memory": bytes at the peak of calibration and of convert.

Calibration is held against the plain forward pass, convert against the weights themselves: a pass
that returns a new model needs them once. On the CPU the profiler of torch counts what its allocator
gives out and takes back; on a GPU torch keeps a statistic.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from eqconform import Implementation
from eqconform_benchmarks.workloads.networks import calibrated, network
from eqconform_benchmarks.workloads.workload import Weighed, Workload

_NETWORKS = ("alexnet", "resnet18", "densenet121", "vit_b_16")
_QUICK = "resnet18"


def listed() -> Iterator[Workload]:
    """Both peaks of some networks."""
    for name in _NETWORKS:
        for step, limit, make in (
            ("calibrate", "plain forward pass", _calibration),
            ("convert", "the weights", _conversion),
        ):
            yield Workload(
                suite="memory",
                name=f"{name}-{step}",
                limit=limit,
                needs=("equalize", "prepare", "convert"),
                relies_on=(f"equalize.vision/{name}",),
                make=partial(make, name),
                quick=name == _QUICK,
                weighed=True,
            )


def peak_bytes(run: Callable[[], object], device: torch.device) -> int:
    """Bytes that torch had given out at the worst moment of `run`, beyond those before it."""
    with torch.no_grad():
        return _cuda_peak(run) if device.type == "cuda" else _cpu_peak(run)


def _calibration(name: str, implementation: Implementation, device: torch.device) -> Weighed:
    model, images = network(name, 1, device)
    prepared = calibrated(model, images, implementation)
    return Weighed(
        peak_bytes(lambda: prepared(images), device), peak_bytes(lambda: model(images), device)
    )


def _conversion(name: str, implementation: Implementation, device: torch.device) -> Weighed:
    model, images = network(name, 1, device)
    prepared = calibrated(model, images, implementation)
    return Weighed(peak_bytes(lambda: implementation.convert(prepared), device), _bytes_of(model))


def _bytes_of(model: nn.Module) -> int:
    return sum(each.nbytes for each in model.parameters())


def _cuda_peak(run: Callable[[], object]) -> int:
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    run()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def _cpu_peak(run: Callable[[], object]) -> int:
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        run()
    with tempfile.TemporaryDirectory(prefix="eqconform-") as folder:
        trace = Path(folder) / "trace.json"
        profiled.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    steps = sorted(
        (float(event["ts"]), int(event["args"]["Bytes"]))
        for event in events
        if event.get("name") == "[memory]"
    )
    held = peak = 0
    for _, change in steps:
        held += change
        peak = max(peak, held)
    return peak
