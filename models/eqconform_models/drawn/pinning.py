"""Pinned networks: descriptions that were found once and are judged in every run since.

A JSON file holds a list of {"why": what went wrong, "clause": by which, "network": the
description}; the network of an entry without a clause is for every clause. `pinned.json` beside
this file is the suite's own; a project may keep one for itself.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eqconform_models.drawn.description import Description, from_plain

SHIPPED = Path(__file__).with_name("pinned.json")


@dataclass(frozen=True)
class Pin:
    """A network that is pinned.

    Attributes:
        description: of the network.
        clause: the one under which it is judged; None for every one.
    """

    description: Description
    clause: str | None = None

    @property
    def name(self) -> str:
        """What its case is called: pinned- and the fingerprint."""
        return f"pinned-{self.description.fingerprint}"

    def judged_under(self, clause: str) -> bool:
        """Whether the network is for this clause."""
        return self.clause in (None, clause)


def pinned(file: Path = SHIPPED) -> list[Pin]:
    """What a file pins; a network may stand there once for each clause.

    Raises:
        ValueError: the file does not hold what it should.
    """
    return [_pin_of(file, entry) for entry in _entries(file)]


def pin(description: Description, clause: str, why: str, file: Path = SHIPPED) -> bool:
    """Add a network to a file, which need not be there yet; False where it holds it already.

    Args:
        description: of the network.
        clause: under which it is judged.
        why: what went wrong on it, for the reader.
        file: to write.

    Raises:
        ValueError: the file does not hold what it should.
        OSError: it cannot be read or written.
    """
    entries = _entries(file) if file.exists() else []
    held = [_pin_of(file, entry) for entry in entries]
    if any(each.description == description and each.judged_under(clause) for each in held):
        return False
    entries.append({"why": why, "clause": clause, "network": asdict(description)})
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in entries)
    file.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    return True


def _entries(file: Path) -> list[Any]:
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is no JSON: {error}") from error
    if not isinstance(entries, list):
        raise ValueError(f"{file} holds no list of pinned networks")  # noqa: TRY004  of its content
    return entries


def _pin_of(file: Path, entry: Any) -> Pin:
    try:
        network: Mapping[str, Any] = entry["network"]
        return Pin(from_plain(network), entry.get("clause"))
    except (KeyError, TypeError) as error:
        raise ValueError(
            f'{file} holds {str(entry)[:80]!r}, which is no {{"why": ..., "network": ...}} as '
            "`eqconform run --search --pin` writes it"
        ) from error
