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
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TextIO

from eqconform.deviations.entries import Listed
from eqconform.exclusive import open_alone

SCHEMA_VERSION = 2
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
    cases = _cases(path, lines)
    if lines[-1]["kind"] != "footer":
        raise ResultError(
            f"{path} is incomplete: {len(cases)} of {header.planned} cases and no footer, "
            "so the run was interrupted; run it again"
        )
    footer = lines[-1]
    if len(lines) != len(cases) + 2 or footer.get("counts") != counted(cases):
        raise ResultError(f"{path}: the counts of the footer are not those of the cases")
    return Run(header, cases, footer["seconds"], footer["counts"])


def _lines(path: Path, text: str) -> list[dict[str, Any]]:
    """The objects of the file, without a last line that an interruption left unfinished."""
    finished, _, _ = text.rpartition("\n")
    if not finished:
        raise ResultError(f"{path} is empty")
    found = []
    for number, line in enumerate(finished.split("\n"), start=1):
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            raise ResultError(f"{path} is not JSON at line {number}: {error.msg}") from error
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


def _cases(path: Path, lines: list[dict[str, Any]]) -> tuple[CaseResult, ...]:
    found: dict[str, CaseResult] = {}
    for number, line in enumerate(lines, start=1):
        if line["kind"] != "case":
            continue
        values = _fields(path, number, line, CaseResult)
        values.update({key: _number(values[key]) for key in ("error", "tolerance")})
        case = CaseResult(**values)
        if case.id in found:
            raise ResultError(f"{path}, line {number}: case {case.id!r} is there twice")
        if case.status not in STATUSES:
            raise ResultError(f"{path}, line {number}: unknown status {case.status!r}")
        found[case.id] = case
    return tuple(found.values())


def _fields(path: Path, number: int, line: Mapping[str, Any], kind: type) -> dict[str, Any]:
    names = [each.name for each in fields(kind)]
    if missing := [name for name in names if name not in line]:
        raise ResultError(f"{path}, line {number}: {', '.join(missing)} missing")
    return {name: line[name] for name in names}


def _written(value: Any) -> Any:
    """The value as JSON has it."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
