"""Processes that answer for implementations: how they are waited for, and who is named."""

import itertools
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from eqconform.engine import asking, listing, planning
from eqconform.engine.asking import ask
from eqconform.engine.listing import about_all
from eqconform.engine.planning import NotStarted, make_plan
from eqconform.selection import Selection

LIMIT = 1.0  # seconds


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], str | None]:
    """What becomes of a process with this source for its answer, and with a limit of a second."""

    def become(source: str) -> str | None:
        package = tmp_path / "eqconform" / "engine"
        package.mkdir(parents=True)
        for folder in (package, package.parent):
            (folder / "__init__.py").touch()
        indented = source.replace("\n", "\n    ")
        text = f"import sys, time\ndef tell():\n    {indented}\n"
        (package / "describe.py").write_text(text)
        monkeypatch.setattr(asking.sys, "path", [str(tmp_path), *sys.path[1:]])
        return ask("tell", [], LIMIT)

    return become


def test_a_starved_process_is_waited_for(
    answers: Callable[[str], str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others have the processor for most of the clock's time: that is no fault of the adapter."""
    used = itertools.count(0.06, 0.06)
    monkeypatch.setattr(asking, "_seconds_at_work", lambda _: next(used))
    ended = answers("time.sleep(2.5)\nsys.exit(7)")
    assert ended == "the process that imported it ended with exit status 7"
    assert next(used) > 0.15  # two looks at least


def test_one_that_waits_for_ever_is_not(
    answers: Callable[[str], str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it used for its imports is no sign of life later on."""
    used = iter([0.4, 0.42])
    monkeypatch.setattr(asking, "_seconds_at_work", lambda _: next(used))
    assert answers("time.sleep(1000)") is None
    assert not list(used)


@pytest.mark.skipif(sys.platform != "linux", reason="no other platform tells of others' time")
def test_the_time_at_work_is_that_of_the_process() -> None:
    """The kernel counts in hundredths of a second."""
    before = time.process_time()
    used = asking._seconds_at_work(os.getpid())
    assert before - 0.05 <= used <= time.process_time() + 0.05


@pytest.mark.parametrize("source", ["time.sleep(1000)", "while True: pass"])
def test_one_that_never_ends_is_not(answers: Callable[[str], str | None], source: str) -> None:
    """Whether it waits for something or is at work."""
    assert answers(source) is None


def test_what_to_do_where_the_machine_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The option that the message names allows for as much as it says."""
    monkeypatch.setattr(planning, "ask", lambda *_: None)
    monkeypatch.setattr(planning, "why_unknown", lambda _: "")
    with pytest.raises(NotStarted, match=r"more than 180 s; .* --case-timeout 120 allows for 360"):
        make_plan("x.py", Selection())
    assert Selection(case_timeout=120.0).load_timeout == 360
    with pytest.raises(NotStarted, match=r"more than 900 s; .* --case-timeout 600"):
        make_plan("x.py", Selection(case_timeout=300.0))


def test_all_are_asked_by_one_process(
    monkeypatch: pytest.MonkeyPatch, adapter: Callable[[str], str]
) -> None:
    """And by one more for each that takes its process down, which is named for that."""
    asked = []

    def counting(function: str, question: list[str], limit: float) -> str | None:
        asked.append(question[1:])
        return ask(function, question, limit)

    monkeypatch.setattr(listing, "ask", counting)
    specs = ["identity", adapter("refused:Nameless"), adapter("dies_at_import"), "reference"]
    first, refused, died, last = about_all(specs)
    assert not isinstance(first, NotStarted)
    assert not isinstance(last, NotStarted)
    assert (first["name"], last["name"]) == ("identity", "reference")
    assert "it has no name" in str(refused)
    assert "dies_at_import" in str(died)
    assert "the process that imported it" in str(died)
    assert asked == [specs, specs[3:]]


def test_one_that_hangs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one after the last that answered."""

    def hangs(_: str, question: list[str], limit: float) -> None:
        del limit
        line = '{"about": {"name": "one"}}\n{"about": {"na'
        Path(question[0]).write_text(line if question[1:] == ["one", "two"] else "")

    monkeypatch.setattr(listing, "ask", hangs)
    one, two = about_all(["one", "two"])
    assert one == {"name": "one"}
    assert str(two) == "cannot load 'two': importing it took more than 180 s"


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("referense", "no implementation has this name; did you mean 'reference'? known are"),
        ("no/such/file.py:X", "there is no file 'no/such/file.py'"),
        (":X", "nothing stands before the colon"),
    ],
)
def test_a_slip_of_the_pen_is_answered_at_once(
    monkeypatch: pytest.MonkeyPatch, spec: str, reason: str
) -> None:
    """Nobody waits for torch to be told so."""
    monkeypatch.delattr(planning, "ask")
    with pytest.raises(NotStarted, match=re.escape(f"cannot load {spec!r}: {reason}")):
        make_plan(spec, Selection())
