"""What numbers depend on: stored with them, and looked at before any two are compared.

pytest-benchmark compares a wall-clock run with a CPU-time run, or one thread with two, without a
word.
"""

import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

import torch
from pytest_benchmark import plugin

from eqconform.selection import UsageError
from eqconform_benchmarks.clocks import NAMES

_MUST_AGREE = ("timer", "threads", "device", "device_name")


def conditions(device: str) -> dict[str, Any]:
    """Timer, threads, device and versions: what two runs must share, or are compared over."""
    return {
        "timer": NAMES[device],
        "threads": 1,
        "device": device,
        "device_name": torch.cuda.get_device_name() if device == "cuda" else _processor(),
        "versions": {
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            **{name: version(name) for name in ("torchvision", "eqconform")},
        },
    }


@cache
def _processor() -> str:
    """As pytest-benchmark names it in its machine info."""
    hooks: Any = plugin
    machine: Mapping[str, Any] = hooks.pytest_benchmark_generate_machine_info()
    return str(machine["cpu"].get("brand_raw", platform.machine()))


def difference(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    """What forbids to compare two measurements, with both values; or ""."""
    for key in _MUST_AGREE:
        if first.get(key) != second.get(key):
            return f"{key}: {first.get(key)!r} and {second.get(key)!r}"
    return ""


def require_alike(first: Mapping[str, Any], second: Mapping[str, Any]) -> None:
    """Refuse to compare what cannot be compared.

    Raises:
        UsageError: they differ in timer, threads or device.
    """
    if found := difference(first, second):
        raise UsageError(f"the two differ in {found}; measure both in the same way")
