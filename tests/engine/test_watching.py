"""What workers print is split into cases, and bounded, however it arrives."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from eqconform.engine.capture import mark
from eqconform.engine.watching import SECRET, Excerpt, Transcript, Watch, can_watch, end_group

# A digit first: `\0` and digits would be an octal escape in a pattern.
KEY = "1f"


def sleeping() -> "subprocess.Popen[bytes]":
    program = "import time; time.sleep(60)"
    return subprocess.Popen([sys.executable, "-c", program], start_new_session=True)


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_cases_are_told_apart(size: int) -> None:
    """Whatever pieces the stream arrives in, with zero bytes in it too."""
    stream = b"before" + mark(KEY, "a/1") + b"one\0two" + mark(KEY, "") + b"between"
    stream += mark(KEY, "a/2") + b"\0" + mark(KEY, "")
    transcript = Transcript(KEY)
    for begin in range(0, len(stream), size):
        transcript.feed(stream[begin : begin + size])
    assert transcript.has_ended("a/1")
    assert transcript.take("a/1") == "one\0two"
    assert transcript.take("a/2") == "\0"
    assert transcript.take("a/1") == ""


def test_a_case_that_has_not_ended_can_be_taken() -> None:
    transcript = Transcript(KEY)
    transcript.feed(mark(KEY, "a/1") + b"last words")
    assert not transcript.has_ended("a/1")
    assert transcript.case == "a/1"
    assert transcript.take("a/1") == "last words"


def test_a_mark_without_the_secret_is_text() -> None:
    transcript = Transcript(KEY)
    transcript.feed(mark(KEY, "a/1") + mark("2f", "") + mark(KEY, ""))
    assert transcript.take("a/1") == mark("2f", "").decode()


def test_both_ends_are_kept() -> None:
    excerpt = Excerpt()
    for _ in range(1000):
        excerpt.add(b"0123456789" * 100)
    text = str(excerpt)
    assert text.startswith("0123456789")
    assert text.endswith("0123456789")
    assert "\n… 984000 bytes left out …\n" in text
    assert len(text) < 20_000


@pytest.mark.skipif(not can_watch(), reason="the platform has no named pipes")
def test_a_worker_that_overstays_is_ended(tmp_path: Path) -> None:
    """Even one that has switched its own limits off."""
    watch = Watch(tmp_path, limit=0.1)
    try:
        given = watch.admit("gw0")
        worker = sleeping()
        (tmp_path / "gw0.pid").write_text(str(worker.pid))
        pipe = os.open(tmp_path / "gw0.output", os.O_WRONLY)
        os.write(pipe, mark(given[SECRET], "a/1") + b"\0unfinished")
        assert worker.wait(timeout=30) == -signal.SIGKILL
        os.close(pipe)
        watch.dismiss("gw0")
        assert watch.take("gw0", "a/1") == "\0unfinished"
    finally:
        watch.stop()


def test_what_a_worker_leaves_is_ended_once(tmp_path: Path) -> None:
    worker = sleeping()
    (tmp_path / "gw0.pid").write_text(str(worker.pid))
    end_group(tmp_path, "gw0")
    assert worker.wait(timeout=30) == -signal.SIGKILL
    end_group(tmp_path, "gw0")
    assert list(tmp_path.iterdir()) == []
