"""What ships on PyTorch's pass: every entry is needed, and a made-up one is found out.

On the claims that are judged in seconds; `tox run -e conformance` goes by all of it.
"""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from eqconform.deviations.entries import Deviation, Listed
from eqconform.deviations.matching import with_deviations
from eqconform.deviations.reading import shipped
from eqconform.engine.planning import Plan, PlannedCase
from eqconform.reading import read
from eqconform.results import Run
from eqconform.verdict import exit_code

CLAIMS = ("--claim", "observe", "--claim", "qparams", "--claim", "configure")


def judged(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "eqconform", "run", "torch_ao", *CLAIMS, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, str]:
    """The run by what ships, which exits with 0, and what it printed."""
    folder = tmp_path_factory.mktemp("torch_ao")
    process = judged(folder)
    assert process.returncode == 0, process.stdout + process.stderr
    return read(folder / "results" / "torch_ao.jsonl"), process.stdout


def relisted(run: Run, entries: tuple[Deviation, ...]) -> Run:
    """What the run would have been by other entries."""
    catalogue: dict[str, list[str]] = {}
    for case in run.cases:
        catalogue.setdefault(case.clause, []).append(case.id.partition("/")[2])
    cases = tuple(PlannedCase(case.id, case.clause, None, None) for case in run.cases)
    header = run.header
    plan = Plan(header.implementation, header.versions, cases, (), catalogue)
    plan = with_deviations(plan, Listed("f.toml", entries))
    places = {case.id: case.deviation for case in plan.cases}
    return replace(
        run,
        header=replace(header, deviations=plan.deviations),
        cases=tuple(replace(case, deviation=places[case.id]) for case in run.cases),
    )


def test_the_verdict_is_what_it_was(done: tuple[Run, str]) -> None:
    """Exit code 0, not conformant, with the count of clauses that are known not to hold."""
    closing = done[1].splitlines()[-1]
    assert "not conformant on the selected clauses - MUST " in closing
    assert " known)" in closing
    assert "not listed" not in closing


def test_every_entry_is_needed(done: tuple[Run, str]) -> None:
    """Without any one of them a run exits with 1."""
    run, _ = done
    assert run.header.deviations is not None
    entries = run.header.deviations.entries
    assert len(entries) > 10
    assert exit_code(relisted(run, entries)) == 0
    for place in range(len(entries)):
        assert exit_code(relisted(run, entries[:place] + entries[place + 1 :])) == 1


def test_a_made_up_entry_is_found_out(done: tuple[Run, str]) -> None:
    run, _ = done
    assert run.header.deviations is not None
    passing = next(case for case in run.cases if case.status == "pass")
    made_up = Deviation(passing.clause, "So it is.", (passing.id.partition("/")[2],))
    assert exit_code(relisted(run, (*run.header.deviations.entries, made_up))) == 2


def test_none_sets_it_aside(tmp_path: Path) -> None:
    done = judged(tmp_path, "--clause", "configure.half-refused", "--deviations", "none")
    assert done.returncode == 1


def test_a_reader_learns_what_is_wrong_and_where() -> None:
    """Every reason is a sentence of its own that names the place in PyTorch."""
    listed = shipped("torch_ao")
    assert listed is not None
    for entry in listed.entries:
        assert "Observed on" not in entry.reason, entry.title
        assert entry.reason.endswith(".")
        assert ".py" in entry.reason or "prepare_fx" in entry.reason, entry.title
