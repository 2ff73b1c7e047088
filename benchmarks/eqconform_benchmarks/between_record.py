"""The record of comparisons between environments: one JSON file per device in the store.

Comparisons of a side with itself are its A/A study, which stands below every other one.
"""

import json
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from eqconform.files import write_whole
from eqconform_benchmarks.between import Shift, Shifts
from eqconform_benchmarks.noise_record import rate


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
    write_whole(path, json.dumps([*_read(path), comparison], indent=1) + "\n")


def closing_line(path: Path) -> str:
    """What stands below a comparison: how often this machine finds a side slower than itself."""
    shifts = [
        Shift(**each)
        for comparison in _read(path)
        if len(set(comparison["between"])) == 1
        for each in comparison["shifts"]
        if each["launches"]
    ]
    if not shifts:
        return (
            "How often this machine finds a side slower than itself is not known: give --between "
            "the same side twice."
        )
    found = rate(sum(each.verdict == "regression" for each in shifts), len(shifts))
    return f"On this machine a side was called slower than itself in {found}, see {path}."


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return found
