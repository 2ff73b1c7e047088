"""The history of a store: each benchmark's ratio from run to run, and where it changed.

Change points are found by ruptures (extra `history`): the exact segmentation (PELT) of the
logarithms of the ratios into stretches of constant mean. The penalty is that of the Bayesian
information criterion, 2 sigma^2 ln n for each change, with sigma from the differences of
neighbouring runs, which a change of level hardly touches.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from math import log
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from pytest_benchmark.storage.file import FileStorage

from eqconform.selection import UsageError
from eqconform_benchmarks.conditions import require_alike
from eqconform_benchmarks.ruling import SLOWER, Estimate

_SHORTEST = 3  # runs between two changes
_FEWEST = 2 * _SHORTEST
_MAD_TO_SIGMA = 1.4826  # of a normal distribution


@dataclass(frozen=True)
class Point:
    """One run's result of one benchmark.

    Attributes:
        run: file name in the store.
        seconds: of one repetition; None where bytes were counted.
        limit_seconds: of one repetition of the limit.
        conditions: see `eqconform_benchmarks.session.conditions`.
    """

    run: str
    ratio: Estimate
    seconds: float | None
    limit_seconds: float | None
    conditions: Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """A step in a series: from the run named on, the ratio is another."""

    run: str
    before: float
    after: float

    def __str__(self) -> str:
        kind = "slower" if self.after > self.before else "faster"
        return f"{kind} from {self.run} on: {self.before:.2f} to {self.after:.2f}"


Series = dict[tuple[str, str], list[Point]]
"""Workload and implementation to the points, oldest first."""


def read(store: Path, device: str) -> Series:
    """The series of a store on a device.

    Raises:
        UsageError: there is no run, or two differ in timer, threads or device.
    """
    found: Series = {}
    first: Mapping[str, Any] | None = None
    for name, run in _runs(store):
        conditions = run["machine_info"].get("eqconform")
        if conditions is None or conditions["device"] != device:
            continue
        first = first or conditions
        require_alike(first, conditions)
        for benchmark in run["benchmarks"]:
            about = benchmark["extra_info"]
            key = (about["workload"], about["implementation"])
            found.setdefault(key, []).append(_point(name, about, conditions))
    if not found:
        raise UsageError(f"no run on {device} is saved in {store}; `eqconform bench` saves one")
    return found


def changes(points: list[Point]) -> list[Change]:
    """Where the ratio changed by more than 3 %, oldest first."""
    if len(points) < _FEWEST:
        return []
    ratios = [point.ratio.median for point in points]
    bounds = [0, *_breaks(ratios)]
    levels = [median(ratios[a:b]) for a, b in pairwise(bounds)]
    return [
        Change(points[at].run, before, after)
        for at, (before, after) in zip(bounds[1:-1], pairwise(levels), strict=True)
        if max(before / after, after / before) > SLOWER
    ]


def _runs(store: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if store.is_dir():
        runs: Any = FileStorage(store, logging.getLogger(__name__))  # type: ignore[no-untyped-call]
        for path, run in runs.load():
            yield Path(path).stem, run


def _point(run: str, about: Mapping[str, Any], conditions: Mapping[str, Any]) -> Point:
    own, limit = (about.get(key) for key in ("seconds", "baseline_seconds"))
    return Point(
        run,
        Estimate(*about["ratio"]),
        median(own) if own else None,
        median(limit) if limit else None,
        conditions,
    )


def _breaks(ratios: list[float]) -> list[int]:
    """The end of each stretch of one level, the last being the end of the series."""
    try:
        ruptures: Any = import_module("ruptures")  # an extra, and untyped
    except ImportError as error:
        raise UsageError("change points need ruptures: pip install eqconform[history]") from error
    signal = np.log(ratios)
    steps = np.diff(signal)
    sigma = _MAD_TO_SIGMA * float(np.median(np.abs(steps - np.median(steps)))) / 2**0.5
    # A series without any noise still has the digits that were stored.
    penalty = 2 * max(sigma, 1e-6) ** 2 * log(len(ratios))
    return list(
        ruptures.Pelt(model="l2", min_size=_SHORTEST, jump=1).fit(signal).predict(pen=penalty)
    )
