"""Runs to report on: an ordinary one, and one in which every string is hostile."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from eqconform.deviations.entries import Deviation, Listed
from eqconform.results import CaseResult, Header, Run, Writer, counted
from eqconform.sketches import LayerSketch, Sketch, Step
from eqconform.verdict import conformant

SCRIPT = "<script>window.hurt = 1</script>"
HOSTILE = (
    f"</script>{SCRIPT}'\"`|\\*_[x](javascript:hurt)]]> "
    "\x00\x1b[31m\x85\u202e\ud800\uffff @all\n{{7*7}}"
)
"""What closes and opens tags, quotes, cells and code, and what no encoding or no XML can hold."""


@pytest.fixture
def sketch() -> Sketch:
    """Of two layers, the scale of the second of which is due in the rows of the first."""
    steps = (
        Step("input", (), None),
        Step("linear", (0,), 0),
        Step("relu", (1,), None),
        Step("linear", (2,), 1),
    )
    after = (*steps[:1], Step("mul", (0,), None), Step("linear", (1,), 0), Step("relu", (2,), None))
    first = LayerSketch("multiply", None, (1.0, 100.0), (4.0, 0.04), (2.0, 2.0), (2.0, 2.0), 31.0)
    second = LayerSketch("fold", 0, (1.0, None, 3.0), (2.0, 2.0, 0.0), (), (), None)
    return Sketch(steps, after, (first, second), cut=True)


@pytest.fixture
def make_run(header: Header) -> Callable[..., Run]:
    """A complete run of the given cases."""

    def make(cases: list[CaseResult], **changes: object) -> Run:
        changed = replace(header, planned=len(cases), **changes)  # type: ignore[arg-type]
        return Run(changed, tuple(cases), 1.0, counted(cases))

    return make


@pytest.fixture
def mixed(make_run: Callable[..., Run], case: CaseResult, sketch: Sketch) -> Run:
    """A run with a case of every kind: known and not, below MUST, set aside."""

    def of(name: str, status: str, level: str = "MUST", **more: object) -> CaseResult:
        clause, _, subject = name.partition("/")
        claim = clause.partition(".")[0]
        words = {"expected": None, "observed": None, "error": None, "tolerance": None}
        changes = {} if status == "fail" else {**words, "message": f"{subject} was {status}"}
        changes |= {"id": name, "clause": clause, "claim": claim, "level": level}
        return replace(case, **{**changes, "status": status, **more})  # type: ignore[arg-type]

    cases = [
        of("scale.formula/one", "fail"),
        of("scale.formula/two", "pass", error=1e-8, tolerance=1e-6, message=None),
        of("scale.formula/three", "error", sketch=sketch, network="three", script="import torch"),
        of("scale.shape/only", "pass", error=0.0, tolerance=0.0, message=None),
        of("scale.ranges-meet/known", "fail", deviation=0),
        of("equalize.same-function/slow", "timeout"),
        of("equalize.same-function/ill", "crash", output="Segmentation fault"),
        of("equalize.grouped/none", "vacuous"),
        of("chain.linear/out", "unsupported"),
        of("chain.nice/late", "fail", level="SHOULD"),
    ]
    listed = Listed("mine.toml", (Deviation("scale.ranges-meet", "It forgets the root."),))
    return make_run(cases, deviations=listed, not_claimed=("observe.merge",))


@pytest.fixture
def hostile(header: Header, case: CaseResult, sketch: Sketch) -> Run:
    """A run every string of which that a file may choose freely is `HOSTILE`."""
    about = {**header.implementation, **dict.fromkeys(("spec", "name", "version"), HOSTILE)}
    entry = Deviation("scale.formula", HOSTILE, (HOSTILE,), issue="javascript:window.hurt=1")
    steps = tuple(replace(step, op=HOSTILE) for step in sketch.steps)
    strings = ("network", "expected", "observed", "message", "reproduce", "output", "script")
    cases = [
        replace(
            case,
            id=f"scale.formula/{number}{HOSTILE}",
            status=status,
            deviation=number if number == 0 else None,
            sketch=replace(sketch, steps=steps, after=steps),
            **dict.fromkeys(strings, HOSTILE),
        )
        for number, status in enumerate(("fail", "error"))
    ]
    return Run(
        replace(
            header,
            suite=HOSTILE,
            implementation={**about, "homepage": "javascript:window.hurt=1"},
            versions=dict.fromkeys(header.versions, HOSTILE) | {HOSTILE: HOSTILE},
            selection={"claims": [HOSTILE], "clauses": [HOSTILE], "case": HOSTILE},
            not_claimed=(HOSTILE,),
            started=HOSTILE,
            planned=2,
            deviations=Listed(HOSTILE, (entry,)),
        ),
        tuple(cases),
        1.0,
        counted(cases),
    )


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Writes a run into a file."""

    def write(run: Run, name: str = "x.jsonl", *, footer: bool = True) -> Path:
        path = tmp_path / name
        writer = Writer(path, run.header)
        for case in run.cases:
            writer.case(case)
        if footer:
            writer.footer(seconds=run.seconds, conformant=conformant(run))
        writer.close()
        return path

    return write
