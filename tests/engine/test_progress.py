"""What is shown while a command works: how far it is, and what it is at."""

import io
import time
from dataclasses import replace

import pytest
from rich.console import Console

from eqconform import progress
from eqconform.engine.course import Course
from eqconform.engine.planning import Plan
from eqconform.progress import doing, plan_shown, shown
from eqconform.results import CaseResult
from eqconform.selection import Selection


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line every few milliseconds."""
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.01)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What `time.monotonic` says."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_the_case_that_takes_longest_is_named(clock: list[float], case: CaseResult) -> None:
    """With the time that it has taken: it may be the one that hangs."""
    course = Course(3)
    assert course.now() == "starting workers"
    course.begins("scale.formula/hangs")
    clock[0] += 40
    course.begins(case.id)
    assert course.now() == "scale.formula/hangs (40 s) and 1 more"
    course.ends(case)
    assert course.now() == "scale.formula/hangs (40 s)"
    course.ends(replace(case, id="scale.formula/hangs", status="pass"))
    assert course.now() == "starting workers"
    course.ends(replace(case, id="scale.formula/never-begun", status="not-run"))
    assert course.now() == "closing"
    assert (course.done, course.broken) == (3, 1)


@pytest.mark.usefixtures("often")
def test_a_line_now_and_then(capsys: pytest.CaptureFixture[str], case: CaseResult) -> None:
    """Without a terminal, on stderr, and while no case ends, too."""
    course = Course(2)
    course.ends(case)
    course.begins("scale.formula/two")
    with shown("x", course):
        time.sleep(0.2)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(2 * "x: 1 of 2 cases, scale.formula/two (0 s)\n")
    time.sleep(0.05)
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("often")
def test_what_comes_before_the_cases_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An import that hangs is told from a case that does."""

    def slow(spec: str, _: Selection) -> Plan:
        time.sleep(0.1)
        return Plan({"name": spec}, {}, (), ())

    monkeypatch.setattr(progress, "make_plan", slow)
    assert plan_shown("x.py", Selection()).implementation == {"name": "x.py"}
    assert capsys.readouterr().err.startswith("x.py: importing it, and listing its cases (0 s)\n")


def test_on_a_terminal_something_moves(monkeypatch: pytest.MonkeyPatch, case: CaseResult) -> None:
    """Within its width, and nothing is left of it."""
    stream = io.StringIO()
    terminal = Console(file=stream, force_terminal=True, width=60, height=20)
    monkeypatch.setattr(progress, "stderr", lambda: terminal)
    course = Course(2)
    with doing("x.py", "importing"):
        pass
    course.ends(case)
    course.begins(f"scale.formula/{'long' * 40}")
    with shown("x", course):
        time.sleep(0.3)
    text = stream.getvalue()
    assert "x.py: importing" in text
    assert "1/2" in text
    assert "1 broken" in text
    assert f"  scale.formula/{'long' * 10}" in text
    assert max(map(len, text.replace("\r", "\n").split("\n"))) < 160  # with its escapes
    assert text.endswith("\x1b[2K")
