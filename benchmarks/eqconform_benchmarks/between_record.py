"""The record of comparisons between environments: one JSON file per device in the store.

Comparisons of a side with itself are its A/A study, which stands below every other one.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from eqconform.files import write_whole
from eqconform_benchmarks.between import Shift, Shifts
from eqconform_benchmarks.conditions import difference
from eqconform_benchmarks.noise_record import rate
from eqconform_benchmarks.store import alone_with, broken


def path_in(store: Path, device: str) -> Path:
    """Where the record of a device lies."""
    return store / f"between-{device}.json"


def add(path: Path, between: tuple[str, str], found: Shifts) -> None:
    """Add a comparison to a record, or begin one."""
    about = dict(zip(("first", "second"), found.about, strict=True))
    comparison = {
        "between": list(between),
        "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        **about,
        "shifts": [asdict(each) for each in found.each],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone_with(path):
        write_whole(path, json.dumps([*read(path), comparison], indent=1) + "\n")


def closing_line(path: Path, conditions: Mapping[str, Any]) -> str:
    """What stands below a comparison: how often this machine finds a side slower than itself.

    Args:
        path: of the record.
        conditions: those of the comparison; what was measured under others tells nothing about it.
    """
    verdicts = [
        verdict
        for comparison in read(path)
        if len(set(comparison["between"])) == 1 and not difference(comparison["first"], conditions)
        for verdict in _verdicts(comparison)
    ]
    if not verdicts:
        return (
            "How often this machine finds a side slower than itself is not known: give --between "
            "the same side twice."
        )
    found = rate(verdicts.count("regression"), len(verdicts))
    return f"On this machine a side was called slower than itself in {found}, see {path}."


def read(path: Path) -> list[dict[str, Any]]:
    """The comparisons of a record; none where there is no record.

    Raises:
        UsageError: the record is broken.
    """
    if not path.is_file():
        return []
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return [_comparison(each) for each in _listed(found)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise broken(path, error) from error


def _listed(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"a list was expected, not {type(value).__name__}")
    return value


def _comparison(value: dict[str, Any]) -> dict[str, Any]:
    """The comparison, if it has all that is read of it."""
    set(_listed(value["between"]))
    dict(value["first"])
    _verdicts(value)
    return value


def _verdicts(comparison: Mapping[str, Any]) -> list[str]:
    """Of each benchmark that was timed."""
    shifts = (Shift(**each) for each in comparison["shifts"])
    return [each.verdict for each in shifts if each.launches]
