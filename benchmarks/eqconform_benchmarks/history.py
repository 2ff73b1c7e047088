"""The history of a store: each benchmark's ratio from run to run, and where it changed.

Change points are found by ruptures (extra `history`): the exact segmentation (PELT) of the
logarithms of the ratios into stretches of constant mean. The penalty is that of the modified
Bayesian information criterion (Zhang and Siegmund 2007, Biometrics 63), 3 sigma^2 ln n for each
change, with sigma from the differences of neighbouring runs, which a change of level hardly
touches.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import import_module
from itertools import pairwise
from math import inf, log
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from pytest_benchmark.storage.file import FileStorage

from eqconform.selection import UsageError, near
from eqconform_benchmarks.conditions import require_alike
from eqconform_benchmarks.ruling import SLOWER, Estimate
from eqconform_benchmarks.store import broken

_SHORTEST = 3  # runs between two changes
FEWEST = 2 * _SHORTEST
"""Runs in which a change can be seen."""
_MAD_TO_SIGMA = 1.4826  # of a normal distribution


@dataclass(frozen=True)
class Point:
    """One run's result of one benchmark.

    Attributes:
        run: path in the store, without its ending.
        started: when it was.
        seconds: of one repetition; None where bytes were counted.
        limit_seconds: of one repetition of the limit.
        conditions: see `eqconform_benchmarks.session.conditions`.
    """

    run: str
    started: datetime
    ratio: Estimate
    seconds: float | None
    limit_seconds: float | None
    conditions: Mapping[str, Any]


@dataclass(frozen=True)
class Level:
    """Runs in a row that do not differ: the first of them, and their median ratio."""

    run: str
    ratio: float


@dataclass(frozen=True)
class Change:
    """A step in a series: from the run named on, the ratio is another."""

    run: str
    before: float
    after: float

    def __str__(self) -> str:
        kind = "slower" if self.after > self.before else "faster"
        return f"{kind} from {self.run} on: {self.before:.2f} to {self.after:.2f}"


@dataclass(frozen=True)
class _Run:
    """A saved run, and what is read of it."""

    name: str
    started: datetime
    conditions: Mapping[str, Any]
    points: list[tuple[tuple[str, str], Point]]


Series = dict[tuple[str, str], list[Point]]
"""Workload and implementation to the points, oldest first."""


def read(store: Path, device: str, *, since: str | None = None) -> Series:
    """The series of a store on a device.

    Args:
        store: folder of the saved runs.
        device: "cpu" or "cuda".
        since: the first run that counts, as `Point.run`; None for all of them.

    Raises:
        UsageError: there is no run, or not that one; one is broken, or two differ in timer,
            threads or device.
    """
    found: Series = {}
    first: Mapping[str, Any] | None = None
    for run in _from(since, _runs(store, device), store):
        first = first or run.conditions
        require_alike(first, run.conditions)
        for key, point in run.points:
            found.setdefault(key, []).append(point)
    if not found:
        raise UsageError(f"no run on {device} is saved in {store}; `eqconform bench` saves one")
    return found


def levels(points: list[Point]) -> list[Level]:
    """The stretches of a series, oldest first; none where there are too few runs."""
    if len(points) < FEWEST:
        return []
    ratios = [point.ratio.median for point in points]
    bounds = [0, *_breaks(ratios)]
    return [Level(points[a].run, median(ratios[a:b])) for a, b in pairwise(bounds)]


def changes(points: list[Point]) -> list[Change]:
    """Where the ratio changed by more than 3 %, oldest first.

    A level is held against the one that was told last: what creeps in small steps is told as soon
    as it comes to 3 %.
    """
    found: list[Change] = []
    known: Level | None = None
    for level in levels(points):
        if known is not None and not 1 / SLOWER <= level.ratio / known.ratio <= SLOWER:
            found.append(Change(level.run, known.ratio, level.ratio))
        if known is None or (found and found[-1].run == level.run):
            known = level
    return found


def better(points: list[Point]) -> Level | None:
    """The best earlier level, if the last one is slower than that by more than 3 %."""
    if len(found := levels(points)) < 2:  # noqa: PLR2004  a last one and an earlier one
        return None
    *earlier, last = found
    best = min(earlier, key=lambda level: level.ratio)
    return best if last.ratio > SLOWER * best.ratio else None


def _runs(store: Path, device: str) -> list[_Run]:
    """The runs on a device, oldest first: every Python has a folder, and numbers of its own."""
    if not store.is_dir():
        return []
    files: Any = FileStorage(store, logging.getLogger(__name__))  # type: ignore[no-untyped-call]
    runs = (_run(path, store.resolve()) for path in files.query("[0-9][0-9][0-9][0-9]_"))
    found = [run for run in runs if run is not None and run.conditions["device"] == device]
    return sorted(found, key=lambda run: run.started)


def _from(since: str | None, runs: list[_Run], store: Path) -> list[_Run]:
    """The runs from the one of that name on, which may be that of its file."""
    if since is None:
        return runs
    names = [run.name for run in runs]
    wanted = since.removesuffix(".json")
    found = [name for name in names if wanted in (name, name.rpartition("/")[2])]
    if len(found) != 1:
        known = near(wanted, names) or f" The last one is {names[-1]}."
        raise UsageError(f"{len(found) or 'no'} runs in {store} are called {since!r}.{known}")
    return runs[names.index(found[0]) :]


def _run(path: Path, store: Path) -> _Run | None:
    """What a file holds; None where it is a run of other benchmarks than these."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if "eqconform" not in content["machine_info"]:
            return None
        return _understood(str(path.relative_to(store).with_suffix("")), content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise broken(path, error) from error


def _understood(name: str, content: Mapping[str, Any]) -> _Run:
    conditions = content["machine_info"]["eqconform"]
    _text(conditions["device"])
    started = datetime.fromisoformat(content["datetime"])
    started = started.replace(tzinfo=started.tzinfo or timezone.utc)  # pytest-benchmark writes UTC
    points = []
    for benchmark in content["benchmarks"]:
        about = benchmark["extra_info"]
        key = (_text(about["workload"]), _text(about["implementation"]))
        points.append((key, _point(name, started, about, conditions)))
    return _Run(name, started, conditions, points)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text was expected, not {value!r}")
    return value


def _point(
    run: str, started: datetime, about: Mapping[str, Any], conditions: Mapping[str, Any]
) -> Point:
    own, limit = (_median(about.get(key)) for key in ("seconds", "baseline_seconds"))
    return Point(run, started, _ratio(about["ratio"]), own, limit, conditions)


def _median(seconds: list[float] | None) -> float | None:
    return float(median(seconds)) if seconds else None


def _ratio(values: list[float]) -> Estimate:
    found = Estimate(*values)
    bounded = found.low <= found.median <= found.high  # NaN is not
    if not (bounded and 0 < found.median < inf):
        raise ValueError(f"{values} is no ratio with its interval")
    return found


def _breaks(ratios: list[float]) -> list[int]:
    """The end of each stretch of one level, the last being the end of the series."""
    try:
        ruptures: Any = import_module("ruptures")  # an extra, and untyped
    except ImportError as error:
        raise UsageError(
            "change points need ruptures: pip install '.[history]' in a checkout"
        ) from error
    signal = np.log(ratios)
    steps = np.diff(signal)
    sigma = _MAD_TO_SIGMA * float(np.median(np.abs(steps - np.median(steps)))) / 2**0.5
    # A series without any noise still has the digits that were stored.
    penalty = 3 * max(sigma, 1e-6) ** 2 * log(len(ratios))
    # The linear kernel's cost is the sum of squares, in C.
    search = ruptures.KernelCPD(kernel="linear", min_size=_SHORTEST, jump=1)
    return _moved(signal, search.fit(signal.reshape(-1, 1)).predict(pen=penalty))


def _moved(signal: "np.ndarray[Any, Any]", ends: list[int]) -> list[int]:
    """The ends, each change moved by up to two runs to where it fits best.

    The search leaves every stretch three runs, so that of two new ones an older one would bear the
    blame; here two are enough.
    """
    found = [0, *ends]
    for index in range(1, len(found) - 1):
        before, end, after = found[index - 1 : index + 2]
        near_by = range(max(before + 2, end - 2), min(after - 2, end + 2) + 1)
        found[index] = min(near_by, key=lambda cut: _squares(signal[before:cut], signal[cut:after]))
    return found[1:]


def _squares(*stretches: "np.ndarray[Any, Any]") -> float:
    return sum(float(((each - each.mean()) ** 2).sum()) for each in stretches)
