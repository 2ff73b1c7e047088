"""Result files: one JSON object a line, written as the cases end.

A header, one line per case, a footer. A file without footer is incomplete, and the reader
says so. `results.schema.json` describes a line of each kind. A number that JSON cannot hold
(NaN, infinity) is written as the string "nan", "inf" or "-inf".
"""

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO, TypedDict, get_type_hints

from eqconform.deviations.entries import Listed
from eqconform.exclusive import open_alone
from eqconform.json_types import fits

SCHEMA_VERSION = 2
_BEYOND_JSON = ("nan", "inf", "-inf")
_SHOWN = 80  # characters of a value that is refused
_LONGEST_NAME = 200  # bytes; file systems allow 255, and readers put endings of their own
STATUSES = ("pass", "fail", "error", "timeout", "crash", "unsupported", "vacuous", "not-run")


class ResultError(Exception):
    """The file is not the result of a complete run; the message says what is wrong with it."""


@dataclass(frozen=True)
class Header:
    """What was judged, with what, and how much of it.

    Attributes:
        suite: version of eqconform.
        clauses: digest of the clause set.
        implementation: spec, name, version, homepage, formula, claims.
        versions: of Python, torch and what else numbers depend on.
        device: "cpu" or "cuda".
        seed: every case seeds its generators from this and its id.
        budget: "quick" or "full".
        selection: claims, clauses and case, as they were asked for.
        case_timeout: seconds that a case may take.
        memory: gigabytes that a worker could take beyond what it began with, or None.
        planned: number of cases.
        not_claimed: ids of the selected clauses that the implementation does not claim.
        started: ISO 8601, UTC.
        deviations: the entries that list some of the cases; None where no file was gone by.
    """

    suite: str
    clauses: str
    implementation: Mapping[str, Any]
    versions: Mapping[str, str]
    device: str
    seed: int
    budget: str
    selection: Mapping[str, Any]
    case_timeout: float
    memory: float | None
    planned: int
    not_claimed: tuple[str, ...]
    started: str
    deviations: Listed | None = None


@dataclass(frozen=True)
class CaseResult:
    """What came of one case.

    `error` and `tolerance` are numbers where one was measured; `deviation` is the place, among
    the header's, of the entry that lists the case; `output` is what the implementation printed,
    shortened, of a case that did not pass.
    """

    id: str
    clause: str
    claim: str
    level: str
    status: str
    seconds: float
    network: str | None
    expected: str | None
    observed: str | None
    error: float | None
    tolerance: float | None
    message: str | None
    reproduce: str
    suite_fault: bool = False
    deviation: int | None = None
    output: str | None = None


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


# Where a field of the header is looser than what a reader needs of it.
_CLOSER = {"implementation": _Implementation, "selection": _Asked}


@dataclass(frozen=True)
class Run:
    """A complete result file."""

    header: Header
    cases: tuple[CaseResult, ...]
    seconds: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)


def file_name(implementation: str) -> str:
    """The name of the result file of an implementation, whatever it is called.

    A name that no file system would take is cut, and told apart by a digest of the whole.
    """
    name = re.sub(r"[^\w.+-]+", "_", implementation).strip(".") or "_"
    encoded = name.encode()
    if len(encoded) > _LONGEST_NAME:
        digest = hashlib.sha256(encoded).hexdigest()[:8]
        name = f"{encoded[:_LONGEST_NAME].decode(errors='ignore')}-{digest}"
    return name + ".jsonl"


def counted(cases: Iterable[CaseResult]) -> dict[str, int]:
    """Number of cases by status, every status named."""
    found = Counter(case.status for case in cases)
    return {status: found[status] for status in STATUSES}


class Writer:
    """Writes a result file line by line; each line is on disk before the next case ends.

    Raises:
        UsageError: another run is writing the file.
        OSError: it cannot be written.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.cases: list[CaseResult] = []
        self._header = header
        self._stream: TextIO = open_alone(path)
        self._write("header", {"schema": SCHEMA_VERSION, **asdict(header)})

    def case(self, result: CaseResult) -> None:
        """Add the line of one case."""
        self.cases.append(result)
        self._write("case", asdict(result))

    def footer(self, *, seconds: float, conformant: bool) -> Run:
        """Add the last line, which makes the file complete; the run that it holds."""
        counts = counted(self.cases)
        self._write("footer", {"counts": counts, "seconds": seconds, "conformant": conformant})
        return Run(self._header, tuple(self.cases), seconds, counts)

    def close(self) -> None:
        """Close the file, complete or not."""
        self._stream.close()

    def _write(self, kind: str, content: Mapping[str, Any]) -> None:
        line = {"kind": kind, **{key: _written(value) for key, value in content.items()}}
        self._stream.write(json.dumps(line, allow_nan=False) + "\n")
        self._stream.flush()


def read(path: Path) -> Run:
    """The run that a result file holds.

    Raises:
        ResultError: the file cannot be read, is no result file, or is incomplete.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ResultError(f"cannot read {path}: {error}") from error
    return _parse(path, text)


def _parse(path: Path, text: str) -> Run:
    lines = _lines(path, text)
    header = _header(path, lines)
    cases = _cases(path, lines, header)
    if lines[-1]["kind"] != "footer":
        raise ResultError(
            f"{path} is incomplete: {len(cases)} of {header.planned} cases and no footer, "
            "so the run was interrupted; run it again"
        )
    footer = lines[-1]
    if len(lines) != len(cases) + 2 or footer.get("counts") != counted(cases):
        raise ResultError(f"{path}: the counts of the footer are not those of the cases")
    if len(cases) != header.planned:
        raise ResultError(
            f"{path} holds {len(cases)} cases, and its header says that {header.planned} were "
            "planned; run it again"
        )
    _require_fit(path, len(lines), {"seconds": footer.get("seconds")}, {"seconds": float})
    return Run(header, cases, footer["seconds"], footer["counts"])


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
            value = json.loads(line)
        except (ValueError, RecursionError) as error:  # of syntax, long numbers, deep nesting
            raise ResultError(f"{path} is not JSON at line {number}: {error}") from error
        if not isinstance(value, dict) or value.get("kind") not in ("header", "case", "footer"):
            raise ResultError(f"{path}, line {number}: no header, case or footer")
        found.append(value)
    return found


def _header(path: Path, lines: list[dict[str, Any]]) -> Header:
    first = lines[0]
    if first["kind"] != "header":
        raise ResultError(f"{path} does not begin with a header")
    if first.get("schema") != SCHEMA_VERSION:
        raise ResultError(
            f"{path} has schema version {first.get('schema')!r}; this version of eqconform "
            f"reads {SCHEMA_VERSION}"
        )
    values = _fields(path, 1, first, Header)
    listed = values["deviations"]
    values["deviations"] = None if listed is None else Listed.from_json(listed)
    return Header(**{**values, "not_claimed": tuple(values["not_claimed"])})


def _cases(path: Path, lines: list[dict[str, Any]], header: Header) -> tuple[CaseResult, ...]:
    listed = len(header.deviations.entries) if header.deviations else 0
    found: dict[str, CaseResult] = {}
    for number, line in enumerate(lines, start=1):
        if line["kind"] != "case":
            continue
        values = _fields(path, number, line, CaseResult)
        case = CaseResult(**values)
        if case.deviation is not None and not 0 <= case.deviation < listed:
            raise ResultError(
                f"{path}, line {number}: no deviation {case.deviation} among the header's {listed}"
            )
        if case.id in found:
            raise ResultError(f"{path}, line {number}: case {case.id!r} is there twice")
        if case.status not in STATUSES:
            raise ResultError(f"{path}, line {number}: unknown status {case.status!r}")
        found[case.id] = case
    return tuple(found.values())


def _fields(path: Path, number: int, line: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """The values of a line by the fields of a dataclass, each of its field's type."""
    kinds = {**get_type_hints(kind), **(_CLOSER if kind is Header else {})}
    if missing := [name for name in kinds if name not in line]:
        raise ResultError(f"{path}, line {number}: {', '.join(missing)} missing")
    values = {name: line[name] for name in kinds}
    if kind is CaseResult:
        values.update({name: _number(values[name]) for name in ("error", "tolerance")})
    _require_fit(path, number, values, kinds)
    return values


def _require_fit(
    path: Path, number: int, values: Mapping[str, Any], kinds: Mapping[str, Any]
) -> None:
    for name, kind in kinds.items():
        if not fits(values[name], kind):
            raise ResultError(
                f"{path}, line {number}: {name} is {str(values[name])[:_SHOWN]!r}, which "
                "results.schema.json does not allow"
            )


def _written(value: Any) -> Any:
    """The value as JSON has it."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _number(value: Any) -> Any:
    """The number that `_written` wrote as a string; everything else as it is."""
    return float(value) if value in _BEYOND_JSON else value
