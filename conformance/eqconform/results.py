"""Result files: one JSON object a line, written as the cases end.

A header, one line per case, a footer. A file without footer is incomplete, and the reader
(`eqconform.reading`) says so. `results.schema.json` describes a line of each kind. A number that
JSON cannot hold (NaN, infinity) is written as the string "nan", "inf" or "-inf".
"""

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from eqconform.deviations.entries import Listed
from eqconform.exclusive import open_alone
from eqconform.sketches import Sketch

SCHEMA_VERSION = 3
_LONGEST_NAME = 200  # bytes; file systems allow 255, and readers put endings of their own
STATUSES = ("pass", "fail", "error", "timeout", "crash", "unsupported", "vacuous", "not-run")


class ResultError(Exception):
    """The file is not the result of a complete run; the message says what is wrong with it."""


@dataclass(frozen=True)
class Shard:
    """The part of a run that a file is of, where the cases are shared out over several runs.

    Attributes:
        index: which, from 1.
        count: how many there are.
        planned: number of cases of all of them together.
    """

    index: int
    count: int
    planned: int

    def __str__(self) -> str:
        """As on the command line: `1/3`."""
        return f"{self.index}/{self.count}"


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
        shard: the part of a run that this is; None for a whole one.
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
    shard: Shard | None = None


@dataclass(frozen=True)
class CaseResult:
    """What came of one case.

    `error` and `tolerance` are numbers where one was measured; `deviation` is the place, among
    the header's, of the entry that lists the case; `output` is what the implementation printed,
    shortened, of a case that did not pass; `sketch` is the network, of one that broke its clause;
    `script` shows the failure and needs torch alone, where there is one.
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
    sketch: Sketch | None = None
    script: str | None = None


@dataclass(frozen=True)
class Run:
    """What a result file holds.

    Attributes:
        header: the first line.
        cases: in the order in which they ended.
        seconds: from the first to the last.
        counts: number of cases by status.
        complete: the run came to its end; what was interrupted holds no verdict.
    """

    header: Header
    cases: tuple[CaseResult, ...]
    seconds: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)
    complete: bool = True


def file_name(implementation: str, shard: str | None = None) -> str:
    """The name of the result file of an implementation, whatever it is called.

    A name that no file system would take is cut, and told apart by a digest of the whole. The file
    of a shard, `1/3`, says which it is: several may lie side by side.
    """
    name = re.sub(r"[^\w.+-]+", "_", implementation).strip(".") or "_"
    encoded = name.encode()
    if len(encoded) > _LONGEST_NAME:
        digest = hashlib.sha256(encoded).hexdigest()[:8]
        name = f"{encoded[:_LONGEST_NAME].decode(errors='ignore')}-{digest}"
    part = "" if shard is None else f".shard-{shard.replace('/', '-of-')}"
    return f"{name}{part}.jsonl"


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


def _written(value: Any) -> Any:
    """The value as JSON has it."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
