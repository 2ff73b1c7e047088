"""The registry of clauses, `clauses.toml`, read and held to its own rules.

Knows nothing of torch: the command line lists clauses and reads results without it.
"""

import hashlib
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LEVELS = ("MUST", "SHOULD", "MAY", "QUIRK")
CLAIMS = (
    "observe",
    "scale",
    "qparams",
    "configure",
    "equalize",
    "chain",
    "quantize",
    "select",
    "distributed",
)

_SLUG = re.compile(r"[a-z]+\.[a-z][a-z0-9]*(-[a-z0-9]+)*")


class RegistryError(Exception):
    """The registry contradicts itself or the checks; the message says where."""


@dataclass(frozen=True)
class Clause:
    """One sentence that an implementation can be held to.

    Attributes:
        id: `claim.what-must-hold`.
        level: one of `LEVELS`.
        claim: one of `CLAIMS`.
        text: what must hold.
        source: where it comes from.
        check: how it is judged, or None.
        excluded: why it is not judged, or None; exactly one of the two is given.
        torch: the versions of torch that can compute what it is about, or None for all.
    """

    id: str
    level: str
    claim: str
    text: str
    source: str
    check: str | None = None
    excluded: str | None = None
    torch: str | None = None

    def is_judged_with(self, torch: str) -> bool:
        """Whether it can be judged with a version of torch, whatever that was built for."""
        versions = SpecifierSet(self.torch or "")
        return versions.contains(Version(torch).public, prereleases=True)


@cache
def clauses() -> dict[str, Clause]:
    """Every clause by id, in the order of the registry.

    Raises:
        RegistryError: an entry breaks a rule.
    """
    return parse(_source())


def digest() -> str:
    """Identifies this set of clauses, so that results of different sets are not mixed up."""
    return "sha256:" + hashlib.sha256(_source().encode()).hexdigest()


def parse(text: str) -> dict[str, Clause]:
    """The clauses of a registry's text.

    Raises:
        RegistryError: it is not TOML, or an entry breaks a rule.
    """
    try:
        entries = tomllib.loads(text).get("clause", [])
    except tomllib.TOMLDecodeError as error:
        raise RegistryError(f"clauses.toml: {error}") from error
    found: dict[str, Clause] = {}
    for entry in entries:
        clause = _clause(entry)
        if clause.id in found:
            raise RegistryError(f"clause {clause.id!r} is entered twice")
        found[clause.id] = clause
    _require_order(found.values())
    return found


def match_checks(checked: Iterable[str], registry: dict[str, Clause]) -> None:
    """Hold checks and registry together.

    Args:
        checked: the clause that each check names.
        registry: the clauses.

    Raises:
        RegistryError: a check names no clause or an excluded one, two name the same, or a
            clause has neither check nor exclusion.
    """
    names = list(checked)
    judged = {clause.id for clause in registry.values() if clause.excluded is None}
    problems = [
        f"two checks name {name!r}" for name in sorted({n for n in names if names.count(n) > 1})
    ]
    for name in sorted(set(names) - judged):
        state = "excluded" if name in registry else "unknown"
        problems.append(f"a check names {name!r}, which is {state}")
    problems += [f"no check names {name!r}" for name in sorted(judged - set(names))]
    if problems:
        raise RegistryError("; ".join(problems))


def _source() -> str:
    return files("eqconform").joinpath("clauses.toml").read_text(encoding="utf-8")


def _clause(entry: dict[str, Any]) -> Clause:
    """The clause of one TOML table.

    Raises:
        RegistryError: a key is missing, unknown or no text; a value is not one that is known.
    """
    name = entry.get("id", "without id")
    known = {field.name for field in fields(Clause)}
    required = {"id", "level", "claim", "text", "source"}
    if wrong := (required - entry.keys()) | (entry.keys() - known):
        raise RegistryError(f"clause {name!r}: missing or unknown {', '.join(sorted(wrong))}")
    if empty := [key for key, value in entry.items() if not (isinstance(value, str) and value)]:
        raise RegistryError(f"clause {name!r}: {', '.join(empty)} must be text")
    if ("check" in entry) == ("excluded" in entry):
        raise RegistryError(f"clause {name!r}: give either check or excluded")
    clause = Clause(**entry)
    _require_known_words(clause)
    return clause


def _require_known_words(clause: Clause) -> None:
    if not _SLUG.fullmatch(clause.id) or not clause.id.startswith(f"{clause.claim}."):
        raise RegistryError(f"clause {clause.id!r}: the id is not '{clause.claim}.a-slug'")
    if clause.level not in LEVELS:
        raise RegistryError(f"clause {clause.id!r}: level {clause.level!r} is none of {LEVELS}")
    if clause.claim not in CLAIMS:
        raise RegistryError(f"clause {clause.id!r}: claim {clause.claim!r} is none of {CLAIMS}")
    try:
        SpecifierSet(clause.torch or "")
    except InvalidSpecifier as error:
        raise RegistryError(f"clause {clause.id!r}: torch is no version range: {error}") from error


def _require_order(found: Iterable[Clause]) -> None:
    """Claims stand together and in order, so that generated lists follow the file."""
    order = [CLAIMS.index(clause.claim) for clause in found]
    if order != sorted(order):
        raise RegistryError(f"clauses.toml: claims must stand in the order {', '.join(CLAIMS)}")
