"""Between environments: samples in turn, launches that count, and what is not to be compared."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eqconform.engine.planning import NotStarted
from eqconform.selection import UsageError
from eqconform_benchmarks import between_record, environments
from eqconform_benchmarks.between import Shift, Shifts, shifts
from eqconform_benchmarks.conditions import require_alike
from eqconform_benchmarks.environments import Environment, WorkerError
from eqconform_benchmarks.plots import shift_plot

_ABOUT = {"timer": "time.process_time", "threads": 1, "device": "cpu", "device_name": "x"}

_RAISES = """
from eqconform.adapters.reference import Reference

class Raises(Reference):
    name = "raises"

    def equalization_scale(self, inputs, weights):
        if inputs.min.numel() == 4096:
            raise ValueError("too many")
        return super().equalization_scale(inputs, weights)
"""

_HANGS = "subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"

_READS = """
import sys
from eqconform.adapters.reference import Reference

class Reads(Reference):
    name = "reads"

    def equalization_scale(self, inputs, weights):
        assert sys.stdin.read() == ""
        return super().equalization_scale(inputs, weights)
"""


_FORKED = """
import os, sys
from eqconform.adapters.reference import Reference

class Forked(Reference):
    name = "forked"
    done = False

    def equalization_scale(self, inputs, weights):
        if not Forked.done:
            Forked.done = True
            if os.fork() == 0:
                sys.exit()
        return super().equalization_scale(inputs, weights)
"""


class _Fake:
    """A side that takes as long as it is told to, and keeps the order of the samples."""

    def __init__(self, side: str, seconds: float, order: list[str], **about: Any) -> None:
        self.side = side
        self._seconds, self._order, self._about = seconds, order, {**_ABOUT, **about}
        self.closed = False

    def ask(self, **request: Any) -> dict[str, Any]:
        if "set_up" in request:
            return {"objection": "no"} if request["set_up"] == "refused" else {"repeats": 3}
        if "sample" in request:
            assert request["sample"] == 3
            self._order.append(self.side)
            return {"seconds": self._seconds}
        return self._about

    def close(self) -> None:
        self.closed = True


def _sides(second: float, order: list[str], **about: Any) -> tuple[Callable[[], Any], ...]:
    return (lambda: _Fake("A", 1.0, order)), (lambda: _Fake("B", second, order, **about))


@pytest.mark.parametrize(
    ("seconds", "verdict"), [(1.0, "pass"), (1.04, "pass"), (1.2, "regression"), (0.5, "pass")]
)
def test_the_median_of_the_launches_decides(seconds: float, verdict: str) -> None:
    order: list[str] = []
    (found,) = shifts(*_sides(seconds, order), ["work"], launches=3, pairs=4).each
    assert found.launches == pytest.approx((seconds,) * 3)
    assert found.verdict == verdict
    assert "".join(order[:8]) == "BAABBAAB"


def test_what_a_side_may_not_be_timed_on_is_told_with_the_side() -> None:
    refused, timed = shifts(*_sides(1.0, []), ["refused", "work"], launches=2, pairs=1).each
    assert refused.objection == "no (A)"
    assert "not timed" in str(refused)
    assert len(timed.launches) == 2


class _Frail(_Fake):
    """A side whose implementation raises on one benchmark, dies of another, and then answers."""

    def ask(self, **request: Any) -> dict[str, Any]:
        if request.get("set_up") == "raises":
            raise WorkerError("ValueError: no (B)")
        if request.get("set_up") == "dies":
            raise NotStarted("the worker with B ended with -11:\nwithout a word")
        return super().ask(**request)


def test_what_fails_is_told_and_the_others_go_on() -> None:
    """One raise ended the whole comparison; where a worker dies, others take its place."""
    order: list[str] = []
    made: list[_Fake] = []

    def side(name: str, kind: type[_Fake]) -> Any:
        made.append(kind(name, 1.0, order))
        return made[-1]

    names = ["raises", "dies", "work"]
    steps: list[str] = []
    found = shifts(
        lambda: side("A", _Fake),
        lambda: side("B", _Frail),
        names,
        launches=2,
        pairs=1,
        tell=steps.append,
    )
    raises, dies, work = found.each
    assert raises.error == "ValueError: no (B)"
    assert str(dies).endswith("not measured: the worker with B ended with -11: without a word")
    assert len(work.launches) == 2
    assert found.failed
    assert found.timed
    assert len(made) == 2 * (2 + 1)  # launches, and once more for the one that died
    assert all(each.closed for each in made)
    assert steps[0] == "launch 1 of 2: starting both workers"
    assert {each.strip() for each in steps[1:4]} >= {"raises", "dies"}


def test_what_answers_from_memory_in_any_launch_is_not_timed() -> None:
    class Remembers(_Fake):
        def ask(self, **request: Any) -> dict[str, Any]:
            return {"objection": "stale"} if "recheck" in request else super().ask(**request)

    order: list[str] = []
    found = shifts(
        lambda: Remembers("A", 1.0, order), _sides(1.0, order)[1], ["work"], launches=2, pairs=1
    )
    (shift,) = found.each
    assert shift.objection == "stale (A)"
    assert not found.timed


@pytest.mark.parametrize(
    "other", [{"threads": 2}, {"timer": "time.perf_counter"}, {"device": "cuda"}]
)
def test_what_was_measured_otherwise_is_refused(other: dict[str, Any]) -> None:
    """Wall time against CPU time, two threads against one: no ratio of those means anything."""
    with pytest.raises(UsageError, match=next(iter(other))):
        shifts(*_sides(1.0, [], **other), ["work"], launches=1)
    require_alike(_ABOUT, dict(_ABOUT))


def test_comparisons_are_kept_and_those_of_a_side_with_itself_are_counted(tmp_path: Path) -> None:
    path = between_record.path_in(tmp_path / "store", "cpu")
    for between, seconds in ((("A", "B"), 1.5), (("A", "A"), 1.0), (("A", "A"), 1.2)):
        found = shifts(*_sides(seconds, [], versions={"torch": "2"}), ["work"], launches=1, pairs=1)
        between_record.add(path, between, found)
        kept = json.loads(path.read_text())
        assert kept[-1]["between"] == list(between)
        assert kept[-1]["second"]["versions"] == {"torch": "2"}
        assert kept[-1]["shifts"][0]["launches"] == pytest.approx([seconds])
        known = "is not known" if between == ("A", "B") else "than itself in"
        assert known in between_record.closing_line(path, _ABOUT)
    assert "1 of 2" in between_record.closing_line(path, _ABOUT)
    assert "is not known" in between_record.closing_line(path, {**_ABOUT, "device_name": "y"})


@pytest.mark.parametrize("text", ['[{"between": ["a"', "{}", '[{"between": ["a", "a"]}]', "[1]"])
def test_a_broken_record_of_comparisons_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = between_record.path_in(tmp_path, "cpu")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"between-cpu\.json is broken .* move it"):
        between_record.read(path)


def test_a_worker_sets_up_samples_and_refuses() -> None:
    """A real worker, as it runs in another environment."""
    requests = [{"about": True}, {"set_up": "observers/tiny-float32"}, {"sample": 100}]
    requests += [{"recheck": True}, {"set_up": "nothing/such"}]
    done = subprocess.run(
        [sys.executable, "-m", "eqconform_benchmarks.worker", "reference", "cpu"],
        input="".join(json.dumps(each) + "\n" for each in requests),
        capture_output=True,
        text=True,
        check=True,
    )
    about, set_up, sampled, rechecked, refused = map(json.loads, done.stdout.splitlines())
    assert (about["timer"], about["threads"]) == ("time.process_time", 1)
    assert set_up["repeats"] > 100
    assert 1e-6 < sampled["seconds"] < 1e-3
    assert rechecked == {"objection": ""}
    assert "nothing/such" in refused["objection"]


def _worked(tmp_path: Path, text: str, *names: str) -> list[dict[str, Any]]:
    """What a worker answers that is to set up some benchmarks of an adapter."""
    adapter = tmp_path / "adapter.py"
    adapter.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "eqconform_benchmarks.worker", str(adapter), "cpu"],
        input="".join(json.dumps({"set_up": each}) + "\n" for each in names),
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_worker_lives_on_when_the_implementation_raises(tmp_path: Path) -> None:
    raised, timed = _worked(tmp_path, _RAISES, "scale/4096-channels", "scale/64-channels")
    assert "ValueError: too many" in raised["error"]
    assert timed["repeats"] > 1


def test_an_implementation_cannot_read_the_requests(tmp_path: Path) -> None:
    """One that reads standard input took the next request, and both sides waited."""
    timed, again = _worked(tmp_path, _READS, "scale/64-channels", "scale/64-channels")
    assert timed["repeats"] > 1
    assert again["repeats"] > 1


def test_a_worker_that_dies_is_told_with_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "_uv", lambda _: [sys.executable, "-c", "import nowhere", ""])
    worker = Environment("torch==0", "reference", "cpu")
    with pytest.raises(NotStarted, match=r"(?s)torch==0 ended with 1: .*nowhere"):
        worker.ask(about=True)
    worker.close()


def test_a_worker_that_gives_no_answer_is_ended_with_its_children(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The comparison waited for ever, and so did its end: uv's child held the pipe."""
    hang = f"import subprocess, sys; print('here', file=sys.stderr, flush=True); {_HANGS}"
    monkeypatch.setattr(environments, "_uv", lambda _: [sys.executable, "-c", hang, ""])
    monkeypatch.setattr(environments, "_FIRST_PATIENCE", 2.0)
    worker = Environment("torch==0", "reference", "cpu")
    with pytest.raises(NotStarted, match="torch==0 gave no answer for 2 s: here"):
        worker.ask(about=True)
    worker.close()


_FORKS = """
import os, sys, time
if os.fork() == 0:
    {child}
    time.sleep(60)
print("gone", file=sys.stderr, flush=True)
os._exit(3)
"""


@pytest.mark.parametrize("child", ["pass", "os.setsid()"])
def test_a_dead_worker_is_not_waited_for_though_its_child_holds_the_pipe(
    monkeypatch: pytest.MonkeyPatch, child: str
) -> None:
    """All of the patience passed, and then it was said to give no answer."""
    forks = _FORKS.format(child=child)
    monkeypatch.setattr(environments, "_uv", lambda _: [sys.executable, "-c", forks, ""])
    worker = Environment("torch==0", "reference", "cpu")
    began = time.monotonic()
    with pytest.raises(NotStarted, match="torch==0 ended with 3: gone"):
        worker.ask(about=True)
    worker.close()
    assert time.monotonic() - began < 30


def test_a_forked_child_that_comes_back_gives_no_answer(tmp_path: Path) -> None:
    """It answered too, and every answer after that was to the question before."""
    first, second = _worked(tmp_path, _FORKED, "scale/64-channels", "nothing/such")
    assert first["repeats"] > 1
    assert "nothing/such" in second["objection"]


def test_a_side_that_takes_much_longer_is_repeated_as_it_needs() -> None:
    """As often as the quick one, a sample took longer than the patience for an answer."""

    class Slow(_Fake):
        def ask(self, **request: Any) -> dict[str, Any]:
            if "sample" in request:
                assert request["sample"] == 100
            return {"repeats": 100} if "set_up" in request else {"seconds": 1.0, **self._about}

    order: list[str] = []
    first, _ = _sides(1.0, order)
    (found,) = shifts(first, lambda: Slow("B", 1.0, order), ["work"], launches=1, pairs=1).each
    assert found.launches == (1.0,)


def test_what_takes_no_time_is_told_and_the_others_go_on() -> None:
    """A ratio to nothing was a traceback."""
    order: list[str] = []
    (found,) = shifts(*_sides(0.0, order), ["work"], launches=2, pairs=1).each
    assert "no ratio can be taken" in found.error


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        ("torch==2.8.0", ["--with", "torch==2.8.0", "--with-editable"]),
        ("git:v1", ["--with", "eqconform @ git+file://"]),
        ("dist/eqconform-9-py3-none-any.whl", ["--with", "dist/eqconform-9-py3-none-any.whl"]),
        ("eqconform[history]>=1", ["--with", "eqconform[history]>=1"]),
        ("eqconform-mine==2", ["--with", "eqconform-mine==2", "--with-editable"]),
        ("eqconform_mine-2-py3-none-any.whl", ["--with", "eqconform_mine-2", "--with-editable"]),
        ("mine @ git+file:///eqconform", ["--with", "mine @ git", "--with-editable"]),
    ],
)
def test_a_side_brings_its_suite_or_gets_this_one(
    side: str, expected: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(environments, "_checkout", lambda: tmp_path)
    monkeypatch.setattr(environments, "_commit", lambda *_: "0" * 40)
    command = environments._uv(side)
    found = command[command.index("--with") :]
    assert all(part.startswith(want) for part, want in zip(found, expected, strict=False))
    assert ("--with-editable" in found) == ("--with-editable" in expected)


def test_a_revision_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)  # noqa: S607  whichever git
    with pytest.raises(UsageError, match="no revision 'nowhere'"):
        environments._commit(tmp_path, "nowhere")


def test_a_comparison_is_drawn(tmp_path: Path) -> None:
    each = (Shift("a", (1.0, 1.1, 1.2)), Shift("b", objection="no"), Shift("c", (0.9, 1.0)))
    about = {**_ABOUT, "versions": {"torch": "2.15.0"}}
    found = Shifts((about, about), each)
    for name in ("shift.svg", "shift.png"):
        shift_plot(found, ("torch 1", "torch 2"), tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000
