"""The recorder: one line per case whatever the reports say, and patience that ends."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from eqconform.engine.integrity import load_intact
from eqconform.engine.judging import Judge, Worker
from eqconform.engine.planning import Plan, PlannedCase
from eqconform.engine.recording import PROPERTY, Recorder, given_up_marker
from eqconform.engine.watching import Workplace
from eqconform.reading import read
from eqconform.results import Header, Writer
from eqconform.selection import Selection

Recorders = Callable[..., Recorder]


@pytest.fixture
def recorder(tmp_path: Path, header: Header) -> Recorders:
    """A recorder that expects so many cases of `scale.formula`."""

    def make(count: int) -> Recorder:
        cases = [
            PlannedCase(f"scale.formula/{n}", "scale.formula", None, None) for n in range(count)
        ]
        plan = Plan(header.implementation, header.versions, tuple(cases), ())
        writer = Writer(tmp_path / "x.jsonl", header)
        return Recorder(plan, Selection(case_timeout=5.0), writer, Workplace(tmp_path))

    return make


def report(number: int, outcome: dict[str, Any] | None = None, **more: Any) -> Any:
    properties = [] if outcome is None else [(PROPERTY, outcome)]
    nodeid = f"test_clauses.py::test_clause[scale.formula/{number}]"
    values = {"nodeid": nodeid, "user_properties": properties, "when": "call", "failed": False}
    return SimpleNamespace(**{**values, **more})


def test_a_case_is_recorded_once(recorder: Recorders) -> None:
    """A worker that dies after its answer does not take the answer back."""
    records = recorder(1)
    records.pytest_runtest_logreport(report(0, {"status": "pass", "seconds": 0.1}))
    records.pytest_runtest_logreport(report(0, when="???", failed=True))
    assert records.results["scale.formula/0"].status == "pass"


def test_what_was_never_run_is_said(recorder: Recorders, tmp_path: Path) -> None:
    records = recorder(2)
    records.pytest_runtest_logreport(report(0, {"status": "pass"}))
    run = records.finish()
    assert run.counts["not-run"] == 1
    assert read(tmp_path / "x.jsonl").cases[1].status == "not-run"


def test_death_before_the_time_limit_is_a_crash(recorder: Recorders) -> None:
    records = recorder(1)
    records.pytest_runtest_logstart("test_clauses.py::test_clause[scale.formula/0]")
    records.pytest_runtest_logreport(report(0, when="???", failed=True))
    assert records.results["scale.formula/0"].status == "crash"


def test_death_after_the_time_limit_is_a_timeout(
    recorder: Recorders, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = recorder(1)
    clock = iter([100.0, 100.0, 108.0, 108.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    records.pytest_runtest_logstart("test_clauses.py::test_clause[scale.formula/0]")
    records.pytest_runtest_logreport(report(0, when="???", failed=True))
    assert records.results["scale.formula/0"].status == "timeout"


def test_failure_outside_the_judge_is_the_fault_of_the_suite(recorder: Recorders) -> None:
    records = recorder(1)
    strayed = report(0, when="setup", failed=True, longreprtext="fixture not found")
    records.pytest_runtest_logreport(strayed)
    result = records.results["scale.formula/0"]
    assert (result.status, result.suite_fault) == ("error", True)
    assert "fixture not found" in str(result.message)


@pytest.mark.parametrize(("status", "patience"), [("timeout", 5), ("crash", 50)])
def test_patience_ends(recorder: Recorders, tmp_path: Path, status: str, patience: int) -> None:
    """After so many lost cases of a claim, workers are told to run no more of it."""
    records = recorder(patience)
    for number in range(patience):
        assert not given_up_marker(tmp_path, "scale").exists()
        records.pytest_runtest_logreport(report(number, {"status": status}))
    assert given_up_marker(tmp_path, "scale").exists()


def test_patience_lasts_where_crashes_are_the_lesser_part(
    recorder: Recorders, tmp_path: Path
) -> None:
    records = recorder(120)
    for number in range(120):
        status = "crash" if number % 2 else "pass"
        records.pytest_runtest_logreport(report(number, {"status": status}))
    assert not given_up_marker(tmp_path, "scale").exists()


def test_workers_that_die_at_birth_end_the_run(recorder: Recorders) -> None:
    records = recorder(1)
    node = SimpleNamespace(gateway=SimpleNamespace(id="gw0"))
    records.pytest_testnodedown(node, "Not properly terminated")
    records.pytest_testnodedown(node, "Not properly terminated")
    with pytest.raises(pytest.exit.Exception):
        records.pytest_testnodedown(node, "Not properly terminated")
    assert "before their first case" in records.failure


def test_workers_that_die_together_in_their_cases_do_not(recorder: Recorders) -> None:
    records = recorder(8)
    for number in range(8):
        records.pytest_runtest_logstart(f"test_clauses.py::test_clause[scale.formula/{number}]")
    for number in range(8):
        node = SimpleNamespace(gateway=SimpleNamespace(id=f"gw{number}"))
        records.pytest_testnodedown(node, "Not properly terminated")
        records.pytest_runtest_logreport(report(number, when="???", failed=True))
    assert {result.status for result in records.results.values()} == {"crash"}
    assert records.failure == ""


def test_sending_to_a_dead_worker_does_not_end_the_run(recorder: Recorders) -> None:
    """The race that xdist loses: the worker has died, and the news is still on its way."""

    def send(indices: list[int]) -> None:
        raise OSError(f"cannot send {indices} (already closed?)")

    node = SimpleNamespace(workerinput={}, send_runtest_some=send)
    recorder(1).pytest_configure_node(node)
    node.send_runtest_some([1, 2])


def test_tests_of_others_are_left_alone(recorder: Recorders) -> None:
    records = recorder(1)
    other = report(0, {"status": "pass"}, nodeid="test_mine.py::test_mine[a]")
    records.pytest_runtest_logreport(other)
    assert records.results == {}


def test_given_up_claim_is_not_run(tmp_path: Path) -> None:
    """A worker that was told so answers `not-run` in place of running the case."""
    selection = Selection(globs=("equalize.engages",))
    implementation, integrity = load_intact("identity")
    with (tmp_path / "gw0.fault").open("w") as faults:
        worker = Worker(tmp_path, "gw0", faults, None)
    judge = Judge(implementation, selection, integrity, worker)
    assert judge.given_up(judge.cases[0]) is None
    given_up_marker(tmp_path, "equalize").touch()
    outcome = judge.given_up(judge.cases[0])
    assert outcome is not None
    assert outcome.status == "not-run"
