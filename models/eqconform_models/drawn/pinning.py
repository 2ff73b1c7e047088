"""Pinned networks: descriptions that were found once and are judged in every run since.

A JSON file holds a list of {"why": what went wrong, "network": the description}. `pinned.json`
beside this file is the suite's own; a project may keep one for itself.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eqconform_models.drawn.description import Description, from_plain

SHIPPED = Path(__file__).with_name("pinned.json")


def pinned(file: Path = SHIPPED) -> dict[str, Description]:
    """The networks of a file, by name: "pinned-" and the fingerprint.

    Raises:
        ValueError: the file does not hold what it should.
    """
    found = (_described(file, entry) for entry in _entries(file))
    return {f"pinned-{each.fingerprint}": each for each in found}


def pin(description: Description, why: str, file: Path = SHIPPED) -> bool:
    """Add a network to a file, which need not be there yet; False where it holds it already.

    Args:
        description: of the network.
        why: what went wrong on it, for the reader.
        file: to write.

    Raises:
        ValueError: the file does not hold what it should.
        OSError: it cannot be read or written.
    """
    entries = _entries(file) if file.exists() else []
    if any(_described(file, entry) == description for entry in entries):
        return False
    entries.append({"why": why, "network": asdict(description)})
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in entries)
    file.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    return True


def _entries(file: Path) -> list[Any]:
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file} is no JSON: {error}") from error
    if not isinstance(entries, list):
        raise ValueError(f"{file} holds no list of pinned networks")  # noqa: TRY004  of its content
    return entries


def _described(file: Path, entry: Any) -> Description:
    try:
        network: Mapping[str, Any] = entry["network"]
        return from_plain(network)
    except (KeyError, TypeError) as error:
        raise ValueError(
            f'{file} holds {str(entry)[:80]!r}, which is no {{"why": ..., "network": ...}} as '
            "`eqconform run --search --pin` writes it"
        ) from error
