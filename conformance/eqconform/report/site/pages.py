"""What the pages say: the words and drawings of each, from the matrix.

The templates put them on the page and escape them; nothing here is HTML.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eqconform.deviations.entries import Deviation
from eqconform.registry import LEVELS
from eqconform.report.matrix import (
    BROKEN,
    HOLDS,
    KNOWN,
    NOT_CLAIMED,
    NOT_JUDGED,
    NOT_RUN,
    NOT_SHOWN,
    Cell,
    Column,
    Row,
    asked,
)
from eqconform.report.site.layout import Drawing, drawing
from eqconform.report.site.plots import Ranges, Ratios, margins, ranges, ratios
from eqconform.report.summary import level_words, share, speaks_for_all, verdict
from eqconform.report.words import number
from eqconform.results import CaseResult
from eqconform.verdict import BROKEN as BROKEN_STATUSES
from eqconform.verdict import CONFORMANT, conformant, exit_code, stale

KNOWN_MEANS = "known: broken, and listed with its reason in the deviations file of the run"
STATES = (
    (HOLDS, "holds, with the number of cases"),
    (BROKEN, "broken: cases that passed, of all"),
    (KNOWN, KNOWN_MEANS),
    (NOT_SHOWN, "not shown: no case passed"),
    (NOT_RUN, "not run, or not to the end"),
    ("·", "not claimed, or not judged"),
)
_FIT = 4  # columns, that a wide window has room for
_SLOWEST = 8  # cases that are named
_LINKED = ("https://", "http://")  # what else a result file may call an address is none

_SCRIPT = '''\
"""{title}

Judges the case once more in this process, where a debugger can follow. Needs eqconform.
"""

import eqconform
from eqconform.engine.sandbox import isolated, seed_of
from eqconform.judge.cases import cases

implementation = eqconform.load({spec!r})
wanted = {case!r}
case = next(each for each in cases("full", {clause!r}) if each.id == wanted)
with isolated(seed_of(wanted, {seed})):
    print(case.judge(implementation))
'''


@dataclass(frozen=True)
class Shown:
    """A case as the pages show it.

    Attributes:
        case: what the file holds.
        known: the entry that lists it, where one does.
        spec: of the implementation.
        seed: of the run.
    """

    case: CaseResult
    known: Deviation | None
    spec: str
    seed: int

    @property
    def subject(self) -> str:
        """What the clause was tried on."""
        return self.case.id.partition("/")[2]

    @property
    def error(self) -> str:
        """The error, in digits; empty where none was measured."""
        return "" if self.case.error is None else number(self.case.error)

    @property
    def tolerance(self) -> str:
        """What is tolerated of it."""
        return "" if self.case.tolerance is None else number(self.case.tolerance)

    @property
    def issue(self) -> str:
        """Where the deviation is reported, if that can be linked to."""
        return linked(self.known.issue if self.known else None)

    @property
    def script(self) -> str:
        """A script that shows the failure: the file's, or one that judges the case again."""
        if self.case.script is not None:
            return self.case.script
        return _SCRIPT.format(
            title=f"{self.case.clause} of {self.spec!a}".replace('"', "'").replace("\\", "/"),
            spec=self.spec,
            case=self.case.id,
            clause=self.case.clause,
            seed=self.seed,
        )

    @cached_property
    def before(self) -> Drawing | None:
        """The untouched network, with what is due where."""
        sketch = self.case.sketch
        return None if sketch is None else drawing(sketch.steps, sketch.layers)

    @property
    def after(self) -> Drawing | None:
        """What the implementation made of it."""
        sketch = self.case.sketch
        return drawing(sketch.after) if sketch is not None and sketch.after else None

    @property
    def ranges(self) -> list[Ranges]:
        """The widths of its layers' ranges."""
        return [] if self.case.sketch is None else ranges(self.case.sketch)

    @property
    def ratios(self) -> Ratios | None:
        """What int8 costs its layers."""
        return None if self.case.sketch is None else ratios(self.case.sketch)


def linked(address: str | None) -> str:
    """The address, where it is one that may be linked to; else nothing."""
    return address if address is not None and address.startswith(_LINKED) else ""


def about(column: Column) -> dict[str, Any]:
    """What every page says of a run."""
    return {
        "number": column.number,
        "name": column.name,
        "version": column.version,
        "is_torch": column.version == column.run.header.versions["torch"],
        "details": column.details,
        "title": column.title,
        "verdict": verdict(column.run),
        "tone": _tone(column),
        "levels": level_words(column.run),
    }


def index_page(columns: Sequence[Column], rows: Sequence[Row]) -> dict[str, Any]:
    """The matrix, claim by claim."""
    claims = dict.fromkeys(row.claim for row in rows)
    return {
        "columns": [about(column) for column in columns],
        "is_narrow": len(columns) <= _FIT,
        "levels": [level for level in LEVELS if any(row.level == level for row in rows)],
        "groups": [_group(claim, [row for row in rows if row.claim == claim]) for claim in claims],
        "states": STATES,
    }


def clause_page(row: Row, columns: Sequence[Column]) -> dict[str, Any]:
    """A clause, and what each run says of it, case by case."""
    return {
        "row": row,
        "known": KNOWN_MEANS if any(map(_has_known, row.cells)) else "",
        "margins": margins(columns, row.id),
        "runs": [
            {
                "title": column.title,
                "state": cell.state,
                "counts": cell.counts,
                "amiss": [_shown(case, column) for case in _amiss_first(cell)],
                "passed": [_shown(case, column) for case in cell.cases if case.status == "pass"],
            }
            for column, cell in zip(columns, row.cells, strict=True)
        ],
    }


def implementation_page(column: Column, rows: Sequence[Row]) -> dict[str, Any]:
    """A run: its verdict, what it was, and what it is known to get wrong."""
    cells = [(row, row.cells[column.number - 1]) for row in rows]
    present = [level for level in LEVELS if any(row.level == level for row, _ in cells)]
    listed = column.run.header.deviations
    slowest = sorted(column.run.cases, key=lambda case: -case.seconds)[:_SLOWEST]
    return {
        "column": about(column),
        "known": KNOWN_MEANS if any(_has_known(cell) for _, cell in cells) else "",
        "counts": ", ".join(f"{n} {status}" for status, n in column.run.counts.items() if n),
        "levels": present,
        "claims": list(_claims(cells, present)),
        "facts": list(_facts(column)),
        "broken": [(row, cell) for row, cell in cells if cell.state in (BROKEN, NOT_SHOWN)],
        "not_run": [row.id for row, cell in cells if cell.state == NOT_RUN],
        "stale": [entry for entry, _ in stale(column.run)],
        "source": listed.source if listed else "",
        "reasons": list(_reasons(column, cells)),
        "not_claimed": column.run.header.not_claimed,
        "slowest": [(case.id, f"{case.seconds:.1f} s") for case in slowest],
    }


def _has_known(cell: Cell) -> bool:
    """Whether something of a clause is listed as known."""
    return cell.state == KNOWN or any(case.deviation is not None for case in cell.cases)


def _tone(column: Column) -> str:
    run = column.run
    if not speaks_for_all(run):
        return "grey"
    if conformant(run):
        return "good"
    return "known" if exit_code(run) == CONFORMANT else "bad"


def _group(claim: str, rows: Sequence[Row]) -> dict[str, Any]:
    must = [row for row in rows if row.level == "MUST"] or rows
    return {
        "claim": claim,
        "shares": [_held([row.cells[at] for row in must]) for at in range(len(rows[0].cells))],
        "rows": [
            {
                "id": row.id,
                "slug": row.id.partition(".")[2],
                "level": row.level,
                "text": row.clause.text if row.clause else "",
                "fails": row.fails,
                "differs": row.differs,
                "cells": [
                    {
                        "state": cell.state,
                        "cases": cell.cases,
                        "counts": cell.counts,
                        "words": _cell_words(cell),
                    }
                    for cell in row.cells
                ],
            }
            for row in rows
        ],
    }


def _held(cells: Sequence[Cell]) -> str:
    """How many of the judged clauses hold, and how many of the others are known."""
    judged = [cell for cell in cells if cell.cases]
    if not judged:
        return NOT_CLAIMED if any(cell.state == NOT_CLAIMED for cell in cells) else NOT_JUDGED
    known = sum(cell.state == KNOWN for cell in judged)
    return share((sum(cell.state == HOLDS for cell in judged), len(judged)), known)


def _cell_words(cell: Cell) -> str:
    """The number of cases, and where not all passed, of those that did."""
    total = len(cell.cases)
    return str(total) if cell.state == HOLDS else f"{cell.passed}/{total}"


def _amiss_first(cell: Cell) -> list[CaseResult]:
    """The cases that did not pass, what is broken before what was set aside."""
    amiss = [case for case in cell.cases if case.status != "pass"]
    return sorted(amiss, key=lambda case: case.status not in BROKEN_STATUSES)


def _shown(case: CaseResult, column: Column) -> Shown:
    header = column.run.header
    known = None
    if header.deviations is not None and case.deviation is not None:
        known = header.deviations.entries[case.deviation]
    return Shown(case, known, header.implementation["spec"], header.seed)


def _claims(
    cells: Sequence[tuple[Row, Cell]], levels: Sequence[str]
) -> Iterator[tuple[str, list[str]]]:
    for claim in dict.fromkeys(row.claim for row, _ in cells):
        of = [(row, cell) for row, cell in cells if row.claim == claim]
        by_level = [[cell for row, cell in of if row.level == level] for level in levels]
        if all(cell.state == NOT_JUDGED for _, cell in of):
            continue
        yield claim, [_held(each) if each else "" for each in by_level]


def _facts(column: Column) -> Iterator[tuple[str, str]]:
    header = column.run.header
    yield from header.versions.items()
    yield "device", header.device
    yield "formula", header.implementation["formula"]
    yield "budget", header.budget
    yield "seed", str(header.seed)
    if only := asked(header):
        yield "only", only
    of_all = "" if column.run.complete else f" of {header.planned}"
    yield "cases", f"{len(column.run.cases)}{of_all} in {column.run.seconds:.0f} s"
    yield "started", header.started
    yield "suite", header.suite
    yield "clause set", header.clauses
    if header.shard is not None:
        yield "shard", str(header.shard)
    if homepage := linked(header.implementation["homepage"]):
        yield "homepage", homepage


def _reasons(column: Column, cells: Sequence[tuple[Row, Cell]]) -> Iterator[dict[str, Any]]:
    """The known deviations that show, each reason once, with the clauses where it does."""
    listed = column.run.header.deviations
    found: dict[tuple[str, str | None], dict[str, int]] = {}
    for row, cell in cells:
        for case in cell.cases:
            if listed is not None and case.deviation is not None and case.status != "pass":
                entry = listed.entries[case.deviation]
                counts = found.setdefault((entry.reason, entry.issue), {})
                counts[row.id] = counts.get(row.id, 0) + 1
    for (text, issue), counts in found.items():
        yield {"text": text, "issue": linked(issue), "clauses": list(counts.items())}
