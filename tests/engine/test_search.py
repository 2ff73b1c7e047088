"""`eqconform run --search`: what it finds is shrunk, written, deduplicated and pinned."""

import io
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from eqconform import load
from eqconform.checks.random_networks import FUNCTION
from eqconform.engine import seeking
from eqconform.engine.searching import Search, _Worker
from eqconform.reading import read

Spec = Callable[[str], str]
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def search(tmp_path: Path) -> Command:
    """Runs a command of the suite itself, in an empty folder."""

    def call(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "eqconform", "run", *arguments],
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )

    return call


def test_what_drawing_raises_is_a_fault_of_the_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ended the process, counted as a crash of the implementation, and was never told."""

    def undrawable(*_: object) -> None:
        raise RuntimeError("no such layout")

    monkeypatch.setattr(seeking, "network_for", undrawable)
    channel = io.StringIO()
    seeker = seeking.Seeker(load("reference"), (FUNCTION,), "cpu", channel)
    with pytest.raises(RuntimeError, match="no such layout"):
        seeker.seek(1)
    *_, last = channel.getvalue().splitlines()
    assert json.loads(last)["suite_fault"].startswith("seed 1: RuntimeError: no such layout")


def test_a_find_is_shrunk_written_and_pinned(
    search: Command, adapter: Spec, tmp_path: Path
) -> None:
    """And the script runs by itself, and puts an implementation to the test."""
    spec, arguments = adapter("searched:WrongAboutLinear"), ("--search", "0.5", "--jobs", "1")
    done = search(spec, *arguments, "--search-seed", "5", "--pin", "--pinned", "mine.json")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "equalize.random-networks: fail" in done.stdout
    assert "search of seed 5" in done.stdout
    pinned = json.loads((tmp_path / "mine.json").read_text())
    scripts = sorted((tmp_path / "results" / "finds").glob("*.py"))
    assert len(pinned) == len(scripts) > 0
    assert min(len(each["network"]["nodes"]) for each in pinned) == 1
    script = next(each for each in scripts if "equalize." in each.name)
    for judged, code, said in (
        ((), 0, ()),
        ((spec,), 1, (f"{spec}, fresh output 0: largest difference 1, largest unt", ": fail\n")),
        (("no-such",), 3, ()),
        (("reference",), 0, ("reference, equalize.random-networks: pass", "  tolerance: ")),
        ((adapter("searched:Raises"),), 1, (": error\n  message: ",)),
    ):
        ran = subprocess.run(
            [sys.executable, str(script), *judged],
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert ran.returncode == code, ran.stdout + ran.stderr
        assert "fresh output 0" in ran.stdout
        assert all(each in ran.stdout for each in said)

    again = search(spec, "--clause", "equalize.random-networks", "--pinned", "mine.json")
    assert again.returncode == 1
    cases = read(next((tmp_path / "results").glob("*.jsonl"))).cases
    own = [case for case in cases if "/pinned-" in case.id]
    assert {case.status for case in own} == {"fail"}
    found = [each for each in pinned if each["clause"] == "equalize.random-networks"]
    assert len(own) == len(found)
    command = shlex.split(own[0].reproduce)
    assert command[:2] == ["eqconform", "reproduce"]
    once = subprocess.run(
        [sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, check=False
    )
    assert once.returncode == 1, once.stderr


def test_a_claim_chooses_what_a_search_judges(search: Command, adapter: Spec) -> None:
    spec, arguments = adapter("searched:WrongAboutLinear"), ("--search", "0.3", "--jobs", "1")
    done = search(spec, *arguments, "--search-seed", "5", "--claim", "chain")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "chain.random-networks: fail" in done.stdout
    assert "equalize.random-networks" not in done.stdout


@pytest.mark.parametrize(
    ("name", "status"), [("DiesOfConv3d", "crash"), ("HangsOnLayerNorm", "timeout")]
)
def test_a_search_survives(search: Command, adapter: Spec, name: str, status: str) -> None:
    done = search(
        adapter(f"searched:{name}"),
        *("--search", "0.6", "--search-seed", "5", "--jobs", "1", "--case-timeout", "3"),
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"equalize.random-networks: {status}" in done.stdout
    assert " pass" in done.stdout


def test_what_ends_a_process_in_the_telling_too_is_no_success(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its seed is told in the place of the network, and those that others are to tell stay due."""
    search = Search(
        "x",
        "x",
        clauses=(FUNCTION,),
        seed=0,
        jobs=1,
        device="cpu",
        folder=tmp_path,
        limit=1.0,
        first_limit=1.0,
    )
    monkeypatch.setattr(search, "_start", lambda *_: None)
    search._owed = {7, 8}
    process = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True, text=True)
    search._replace(_Worker(process, 0, 9, 0.0, owes=frozenset({7})), "crash: the process ended")
    assert search.tally.untold == [7]
    assert search._owed == {8}


@pytest.mark.parametrize("name", ["DiesAlways", "LeavesChildren"])
def test_a_search_ends_when_time_is_up_and_leaves_nothing_running(
    search: Command, adapter: Spec, name: str
) -> None:
    """Where a process ends on every network, there was always one more to be told."""
    began = time.monotonic()
    done = search(
        adapter(f"searched:{name}"),
        *("--search", "0.2", "--search-seed", "5", "--jobs", "2", "--case-timeout", "3"),
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert time.monotonic() - began < 120
    mark = "eqconform-left-running"
    found = subprocess.run(["pgrep", "-f", mark], capture_output=True, check=False)  # noqa: S607
    assert not found.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
@pytest.mark.parametrize(("gigabytes", "code"), [("0.1", 1), ("1", 0)])
def test_a_search_within_memory(search: Command, adapter: Spec, gigabytes: str, code: int) -> None:
    """What wants more is a find; a process that has kept half of it hands over to another."""
    arguments = ("--search", "0.5", "--search-seed", "5", "--jobs", "1")
    done = search(adapter("searched:Hoards"), *arguments, "--memory", gigabytes)
    assert done.returncode == code, done.stdout + done.stderr
    assert ("MemoryError" in done.stdout) == bool(code)


def test_what_a_search_does_not_understand(search: Command) -> None:
    for arguments, complaint in (
        (("reference", "--search", "0"), "finds nothing"),
        (("reference", "--search", "nan"), "a search of nan minutes"),
        (("reference", "--search", "inf"), "never ends"),
        (("reference", "--search", "1", "--claim", "scale"), "claims equalize and chain"),
        (("reference", "--search", "1", "--clause", "chain.*"), "leave out --clause"),
        (("reference", "--search", "1", "--shard", "1/2", "-v"), "leave out --shard, --verbose"),
        (
            ("reference", "--search", "1", "--budget", "quick", "--deviations", "none"),
            "leave out --budget, --deviations",
        ),
        (("reference", "--pin"), "with --search alone"),
    ):
        done = search(*arguments)
        assert done.returncode == 2
        assert complaint in done.stderr


def test_a_broken_file_is_refused_before_the_search(search: Command, tmp_path: Path) -> None:
    """What an hour found could not be added to it; the file stays as it is."""
    file = tmp_path / "mine.json"
    file.write_text('{"why": "no list"}')
    done = search("reference", "--search", "60", "--pin", "--pinned", "mine.json")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "mine.json holds no list" in done.stderr
    assert file.read_text() == '{"why": "no list"}'
