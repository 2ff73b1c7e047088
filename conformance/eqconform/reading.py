"""Reads result files, and refuses by name what is no complete and consistent one.

A reader trusts nothing: a file may be cut off, edited, merged by hand, or of another version. What
it says of itself (how many cases were planned, their counts, the verdict) must follow from its
lines. Files of schema version 2 are read too: they hold no sketches, scripts and shards.
`results.schema.json` says the same of a line, and more, but only the tests have a validator for it.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypedDict, get_type_hints

from eqconform.deviations.entries import Listed
from eqconform.files import why_unread
from eqconform.json_types import fits
from eqconform.registry import LEVELS, clauses, digest
from eqconform.results import (
    SCHEMA_VERSION,
    STATUSES,
    CaseResult,
    Header,
    ResultError,
    Run,
    Shard,
    counted,
)
from eqconform.selection import MOST_SHARDS
from eqconform.sketches import Sketch
from eqconform.verdict import conformant

_READ = (2, SCHEMA_VERSION)
_ADDED: dict[type, dict[str, Any]] = {
    Header: {"shard": None},
    CaseResult: {"sketch": None, "script": None},
}
"""What lines of schema version 2 lack, and what stands for it."""

_BEYOND_JSON = ("nan", "inf", "-inf")
_SHOWN = 80  # characters of a value that is refused
_DIGITS = 20  # of the longest whole number: a seed has 64 bits
_CASE = re.compile(r"((?P<claim>[a-z]+)\.[a-z0-9-]+)/.+", re.DOTALL)


class _Implementation(TypedDict):
    """What a header must say of the implementation."""

    spec: str
    name: str
    version: str
    homepage: str
    formula: str
    claims: tuple[str, ...]


class _Asked(TypedDict):
    """What a header must say of the selection."""

    claims: tuple[str, ...]
    clauses: tuple[str, ...]
    case: str | None


class _Footer(TypedDict):
    """What the last line must say."""

    counts: Mapping[str, int]
    seconds: float
    conformant: bool


# Where a field of the header is looser than what a reader needs of it.
_CLOSER = {"implementation": _Implementation, "selection": _Asked}


def read(path: Path, *, partial: bool = False) -> Run:
    """The run that a result file holds.

    Args:
        path: of the file.
        partial: take a file without footer too, as a run that is not complete.

    Raises:
        ResultError: the file cannot be read, is no result file, contradicts itself, or is
            incomplete.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ResultError(f"cannot read {path}: {why_unread(error)}") from error
    lines = _lines(path, text)
    header = _header(path, lines[0])
    cases = _cases(path, lines, header)
    if lines[-1]["kind"] == "footer":
        return _complete(path, lines, header, cases)
    if partial and len(lines) == len(cases) + 1:
        return Run(header, cases, sum(c.seconds for c in cases), counted(cases), complete=False)
    raise ResultError(
        f"{path} is incomplete: {len(cases)} of {header.planned} cases and no footer, so the run "
        "was interrupted; run it again, or look at what there is with `eqconform report --partial`"
    )


def _complete(
    path: Path, lines: list[dict[str, Any]], header: Header, cases: tuple[CaseResult, ...]
) -> Run:
    """The run, if the footer says of it what follows from its cases."""
    footer = _fields(path, len(lines), lines[-1], _Footer)
    if len(lines) != len(cases) + 2 or footer["counts"] != counted(cases):
        raise ResultError(f"{path}: the counts of the footer are not those of the cases")
    if len(cases) != header.planned:
        raise ResultError(
            f"{path} holds {len(cases)} cases, and its header says that {header.planned} were "
            "planned; run it again"
        )
    run = Run(header, cases, footer["seconds"], footer["counts"])
    if footer["conformant"] != conformant(run):
        words = ("conformant", "not conformant")
        says, is_so = words if footer["conformant"] else words[::-1]
        raise ResultError(f"{path}: its footer says {says!r}, and by its cases it is {is_so!r}")
    return run


def _lines(path: Path, text: str) -> list[dict[str, Any]]:
    """The objects of the file, without a last line that an interruption left unfinished."""
    if not text.strip():
        raise ResultError(f"{path} is empty")
    finished, newline, _ = text.rpartition("\n")
    if not newline:
        raise ResultError(
            f"{path} is incomplete: its first line is unfinished, so the run was interrupted; "
            "run it again"
        )
    found = []
    for number, line in enumerate(finished.split("\n"), start=1):
        try:
            value = json.loads(
                line,
                object_pairs_hook=_object,
                parse_constant=_refuse,
                parse_int=_integer,
                parse_float=_decimal,
            )
        except (ValueError, RecursionError) as error:  # of syntax, numbers, keys, deep nesting
            raise ResultError(f"{path} is not JSON at line {number}: {error}") from error
        if not isinstance(value, dict) or value.get("kind") not in ("header", "case", "footer"):
            raise ResultError(f"{path}, line {number}: no header, case or footer")
        found.append(value)
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; one with a key twice says two things, of which `json` would take the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise ValueError(f"key {twice[:_SHOWN]!r} is there {counts[twice]} times")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"JSON has no {constant}")


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError(f"a whole number of {len(text)} digits")
    return int(text)


def _decimal(text: str) -> float:
    if math.isinf(value := float(text)):
        raise ValueError(f"{text[:_SHOWN]} is beyond every number")
    return value


def _header(path: Path, first: dict[str, Any]) -> Header:
    if first["kind"] != "header":
        raise ResultError(f"{path} does not begin with a header")
    if first.get("schema") not in _READ:
        raise ResultError(
            f"{path} has schema version {first.get('schema')!r}; this version of eqconform "
            f"reads {' and '.join(map(str, _READ))}"
        )
    added = _ADDED[Header] if first["schema"] < SCHEMA_VERSION else {}
    without_version = {name: first[name] for name in first if name != "schema"}
    values = _fields(path, 1, {**added, **without_version}, Header)
    listed, shard = values["deviations"], values["shard"]
    values["deviations"] = None if listed is None else Listed.from_json(listed)
    values["shard"] = None if shard is None else _shard(path, Shard(**shard))
    return Header(**{**values, "not_claimed": tuple(values["not_claimed"])})


def _shard(path: Path, shard: Shard) -> Shard:
    """The shard, if it is one that `--shard` could have asked for."""
    if not 1 <= shard.index <= shard.count <= MOST_SHARDS or shard.planned < 0:
        raise ResultError(
            f"{path}, line 1: {shard} of {shard.planned} cases is no shard; shards are numbered "
            f"from 1, and at most {MOST_SHARDS}"
        )
    return shard


def _cases(path: Path, lines: list[dict[str, Any]], header: Header) -> tuple[CaseResult, ...]:
    found: dict[str, CaseResult] = {}
    levels: dict[str, str] = {}
    same_clauses = header.clauses == digest()
    if same_clauses:
        _require_known(path, header)
    added = _ADDED[CaseResult] if lines[0]["schema"] < SCHEMA_VERSION else {}
    for number, line in enumerate(lines, start=1):
        if line["kind"] != "case":
            continue
        values = _fields(path, number, {**added, **line}, CaseResult)
        sketch = values["sketch"]
        values["sketch"] = None if sketch is None else Sketch.from_json(sketch)
        case = CaseResult(**values)
        for problem in _contradictions(case, header, same_clauses=same_clauses):
            raise ResultError(f"{path}, line {number}: {problem}")
        if case.id in found:
            raise ResultError(f"{path}, line {number}: case {case.id!r} is there twice")
        if (level := levels.setdefault(case.clause, case.level)) != case.level:
            raise ResultError(
                f"{path}, line {number}: {case.clause} is {case.level}, and before it {level}"
            )
        found[case.id] = case
    return tuple(found.values())


def _require_known(path: Path, header: Header) -> None:
    """Deviations of this suite's clause set are from clauses of it.

    Raises:
        ResultError: not so.
    """
    for entry in header.deviations.entries if header.deviations else ():
        if entry.clause not in clauses():
            raise ResultError(
                f"{path}, line 1: a deviation is from {entry.clause[:_SHOWN]!r}, and no clause is "
                "called so, though the clause set is this suite's"
            )


def _contradictions(case: CaseResult, header: Header, *, same_clauses: bool) -> Iterator[str]:
    """What is wrong with a case, in itself or beside the header."""
    if case.status not in STATUSES:
        yield f"unknown status {case.status!r}"
    if case.level not in LEVELS:
        yield f"unknown level {case.level!r}"
    yield from _beyond_tolerance(case)
    yield from _not_listed(case, header)
    if case.suite_fault and case.status != "error":
        yield f"a fault of the suite is an 'error', and {case.id[:_SHOWN]!r} is {case.status!r}"
    if case.sketch is not None and not case.sketch.is_drawable:
        yield "its sketch has a step that takes from none before it, or a layer call below 0"
    named = _CASE.fullmatch(case.id)
    if named is None or named[1] != case.clause:
        yield f"case {case.id[:_SHOWN]!r} is none of clause {case.clause[:_SHOWN]!r}"
    elif named["claim"] != case.claim:
        yield f"clause {case.clause!r} is not of claim {case.claim[:_SHOWN]!r}"
    elif same_clauses and case.clause not in clauses():
        yield f"no clause is called {case.clause!r}, though the clause set is this suite's"
    elif same_clauses and clauses()[case.clause].level != case.level:
        yield f"{case.clause} is {clauses()[case.clause].level}, and not {case.level}"


def _beyond_tolerance(case: CaseResult) -> Iterator[str]:
    """A case passes within its tolerance; where nothing was measured, there is none to be beyond.

    A NaN, of which it cannot be said, is let be.
    """
    error, tolerance = case.error, case.tolerance
    if tolerance is not None and tolerance < 0:
        yield f"{case.id[:_SHOWN]!r} has the tolerance {tolerance:g}, which is below 0"
    if case.status == "pass" and error is not None and tolerance is not None and error > tolerance:
        yield f"{case.id[:_SHOWN]!r} passed, with error {error:g} above its tolerance {tolerance:g}"


def _not_listed(case: CaseResult, header: Header) -> Iterator[str]:
    """The deviation that a case names is among the header's, and lists the case."""
    entries = header.deviations.entries if header.deviations else ()
    if case.deviation is None:
        return
    if not 0 <= case.deviation < len(entries):
        yield f"no deviation {case.deviation} among the header's {len(entries)}"
    elif not (entry := entries[case.deviation]).lists(case.id):
        yield f"{case.id[:_SHOWN]!r} is not listed by deviation {entry.title[:_SHOWN]!r}"


def _fields(path: Path, number: int, line: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """The values of a line by the fields of a class, each of its field's type, and no others."""
    kinds = {**get_type_hints(kind), **(_CLOSER if kind is Header else {})}
    if missing := [name for name in kinds if name not in line]:
        raise ResultError(f"{path}, line {number}: {', '.join(missing)} missing")
    if unknown := sorted(line.keys() - kinds.keys() - {"kind"}):
        names = ", ".join(name[:_SHOWN] for name in unknown)
        raise ResultError(f"{path}, line {number}: {names}: no such field in a {line['kind']}")
    values = {name: line[name] for name in kinds}
    if kind is CaseResult:
        values.update({name: _number(values[name]) for name in ("error", "tolerance")})
    for name, annotation in kinds.items():
        if not fits(values[name], annotation):
            raise ResultError(
                f"{path}, line {number}: {name} is {str(values[name])[:_SHOWN]!r}, which "
                "results.schema.json does not allow"
            )
    return values


def _number(value: Any) -> Any:
    """The number that was written as a string, for JSON has none like it; else what it was."""
    return float(value) if value in _BEYOND_JSON else value
