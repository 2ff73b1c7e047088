"""The record of A/A studies: one JSON file per device in the store, and what it adds up to."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from scipy import stats

from eqconform.files import write_whole
from eqconform_benchmarks.conditions import conditions as conditions_here
from eqconform_benchmarks.conditions import difference, require_alike
from eqconform_benchmarks.noise import Try
from eqconform_benchmarks.store import alone_with, broken

_UNKNOWN = "How often this machine errs is not known"


@dataclass(frozen=True)
class Rate:
    """How often something happened.

    Attributes:
        low: of the exact 95 % confidence interval.
        high: likewise.
    """

    count: int
    tries: int
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.count} of {self.tries} ({100 * self.low:.1f} to {100 * self.high:.1f} %)"


@dataclass(frozen=True)
class Summary:
    """What the tries of one workload at one slowdown add up to."""

    workload: str
    slowdown: float
    alarms: Rate
    regressions: Rate

    def __str__(self) -> str:
        kind = f"{100 * self.slowdown:.0f} % slower" if self.slowdown else "the same code"
        return f"{self.workload:<26} {kind:<14} {self.regressions}; first alarms {self.alarms}"


def rate(count: int, tries: int) -> Rate:
    """With its exact (Clopper-Pearson) 95 % confidence interval."""
    interval = stats.binomtest(count, tries).proportion_ci(0.95)
    return Rate(count, tries, float(interval.low), float(interval.high))


def summaries(tries: Iterable[Try]) -> list[Summary]:
    """One for each workload and slowdown, in the order in which they come."""
    grouped: dict[tuple[str, float], list[Try]] = {}
    for each in tries:
        grouped.setdefault((each.workload, each.slowdown), []).append(each)
    return [
        Summary(
            workload,
            slowdown,
            rate(sum(each.alarm for each in group), len(group)),
            rate(sum(each.regression for each in group), len(group)),
        )
        for (workload, slowdown), group in grouped.items()
    ]


def path_in(store: Path, device: str) -> Path:
    """Where the record of a device lies."""
    return store / f"noise-{device}.json"


def add(path: Path, tried: Try, conditions: Mapping[str, Any]) -> None:
    """Add a try to a record, or begin one; what others add meanwhile stays.

    Raises:
        UsageError: see `recorded`; or it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone_with(path):
        record = {
            "conditions": conditions,
            "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "tries": [asdict(each) for each in (*recorded(path, conditions), tried)],
        }
        write_whole(path, json.dumps(record, indent=1) + "\n")


def recorded(path: Path, conditions: Mapping[str, Any]) -> list[Try]:
    """The tries of a record, none where there is no record.

    Raises:
        UsageError: they were measured with another timer, thread count or device, or are broken.
    """
    if not path.is_file():
        return []
    about, tries = _read(path)
    require_alike(about, conditions)
    return tries


def closing_line(store: Path, device: str) -> str:
    """What stands below every verdict: how far it can be trusted on this machine.

    Raises:
        UsageError: the record is broken.
    """
    path = path_in(store, device)
    about, tries = _read(path) if path.is_file() else ({}, [])
    same = [each for each in tries if not each.slowdown]
    if not same:
        return f"{_UNKNOWN}: `eqconform bench noise` measures it."
    if other := difference(about, conditions_here(device)):
        return f"{_UNKNOWN}: {path} was measured otherwise ({other})."
    found = rate(sum(each.regression for each in same), len(same))
    return (
        f"On this machine the same code against itself was called a regression in {found}, "
        f"see {path}."
    )


def _read(path: Path) -> tuple[Mapping[str, Any], list[Try]]:
    """What the tries of a record depend on, and the tries."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return dict(record["conditions"]), [_try(each) for each in record["tries"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise broken(path, error) from error


def _try(values: Mapping[str, Any]) -> Try:
    found = Try(**values)
    answers = (found.alarm, found.regression)
    if not (isinstance(found.slowdown, float | int) and all(isinstance(a, bool) for a in answers)):
        raise TypeError(f"no try: {values}")
    return found
