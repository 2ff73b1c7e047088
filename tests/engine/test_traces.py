"""Tracebacks hold the frames of the implementation, and not those that led to it."""

from pathlib import Path

import pytest

from eqconform.engine.traces import trace
from eqconform.judge.guard import attempt
from eqconform.judge.outcome import Raised
from eqconform.reading import read
from eqconform.results import ResultError


def raised() -> Raised:
    """Raised by code of this file, which the suite calls."""

    def divide() -> float:
        try:
            return 1 / len("")
        except ZeroDivisionError as error:
            raise ValueError("no samples") from error

    try:
        attempt("equalize()", divide)
    except Raised as found:
        return found
    raise AssertionError


def test_frames_of_the_suite_are_left_out() -> None:
    """Of the cause as well, and the cause is there."""
    text = trace(raised().cause)
    assert "guard.py" not in text
    assert text.count("in divide") == 2
    assert "ZeroDivisionError: division by zero" in text
    assert text.endswith("ValueError: no samples\n")


def test_a_fault_of_the_suite_is_shown_whole() -> None:
    assert "guard.py" in trace(raised().cause, whole=True)


def test_frames_that_are_all_the_suites_stay() -> None:
    with pytest.raises(ResultError) as found:
        read(Path("no-such-file"))
    of_the_suite = found.tb.tb_next  # behind the frame of this test
    assert "in read" in trace(found.value.with_traceback(of_the_suite))
