"""`pytest --pyargs eqconform --impl IMPL`: the same verdicts, and nothing without `--impl`."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from eqconform.reading import read
from eqconform.results import CaseResult

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Spec = Callable[[str], str]

DIRECT = ("-p", "no:cacheprovider", "-p", "no:benchmark", "--pyargs", "eqconform")


def statuses(path: Path) -> dict[str, str]:
    return {case.id: case.status for case in read(path).cases}


def cases(path: Path) -> dict[str, CaseResult]:
    """By id, without the time that each took."""
    return {case.id: replace(case, seconds=0.0) for case in read(path).cases}


def test_same_verdicts_as_run(command: Command, adapter: Spec, tmp_path: Path) -> None:
    """In one process, with xdist, under `eqconform run` with one worker or two: all the same.

    Not the statuses alone: every number and every message.
    """
    impl = ("--impl", adapter("wrong"), "--eqconform-output")
    alone = command(*DIRECT, *impl, "alone", module="pytest")
    workers = command(*DIRECT, *impl, "workers", "-n", "2", module="pytest")
    one = command("run", adapter("wrong"), "--output", "one", "--jobs", "1")
    two = command("run", adapter("wrong"), "--output", "two", "--jobs", "2")
    assert {each.returncode for each in (alone, workers, one, two)} == {1}
    found = {name: cases(tmp_path / name / "wrong.jsonl") for name in ("one", "two")}
    assert found["one"] == found["two"]
    assert {case.status for case in found["one"].values()} == {
        "pass",
        "fail",
        "error",
        "unsupported",
        "vacuous",
    }
    # In an ordinary session it is pytest that shows what was printed.
    shown = {name: replace(case, output=None) for name, case in found["one"].items()}
    assert cases(tmp_path / "alone" / "wrong.jsonl") == shown
    assert cases(tmp_path / "workers" / "wrong.jsonl") == shown
    closing = "wrong 1.0: not conformant - MUST 1/3, SHOULD 0/1, MAY 0/1, 3 fail, 1 error"
    for each in (alone, workers, one, two):
        assert closing in each.stdout
    assert "2 failed, 8 passed, 3 skipped, 2 xfailed" in alone.stdout


def test_failure_below_must_does_not_fail_the_session(command: Command, adapter: Spec) -> None:
    arguments = ("--impl", adapter("wrong"), "--clause", "observe.*")
    done = command(*DIRECT, *arguments, module="pytest")
    assert done.returncode == 0, done.stdout
    assert "2 passed, 1 xfailed" in done.stdout


def test_nothing_shown_is_no_success(command: Command, adapter: Spec) -> None:
    """Every test of the clause is skipped, and the session does not succeed."""
    arguments = ("--impl", adapter("scoped:Nothing"), "--clause", "equalize.same")
    done = command(*DIRECT, *arguments, module="pytest")
    assert "10 skipped" in done.stdout
    assert done.returncode == 1


def test_nothing_claimed_is_no_success(command: Command) -> None:
    done = command(*DIRECT, "--impl", "identity", "--claim", "scale", module="pytest")
    assert done.returncode != 0
    assert "nothing was checked" in done.stdout


def test_cases_left_out_are_not_run(command: Command, adapter: Spec, tmp_path: Path) -> None:
    arguments = ("--impl", adapter("good"), "--eqconform-output", "o", "-k", "observe")
    done = command(*DIRECT, *arguments, module="pytest")
    assert done.returncode == 1
    assert read(tmp_path / "o" / "good.jsonl").counts["not-run"] == 12


def test_hang(command: Command, adapter: Spec, tmp_path: Path) -> None:
    """The time limit works without xdist too, where Python can be interrupted."""
    arguments = ("--impl", adapter("troubled:Troubled"), "--case-timeout", "1", "-k", "hang]")
    done = command(*DIRECT, *arguments, "--eqconform-output", "o", module="pytest")
    assert done.returncode == 1
    assert statuses(tmp_path / "o" / "troubled.jsonl")["equalize.same/hang"] == "timeout"


def test_usage(command: Command, adapter: Spec) -> None:
    """The usage error of pytest, exit code 4, with our message."""
    for arguments, message in (
        (("--impl", adapter("refused:Nameless")), "it has no name"),
        (("--impl", adapter("good"), "--clause", "zzz"), "no clause matches 'zzz'"),
        (("--impl", adapter("good"), "--eqconform-output", "/dev/null/x"), "Not a directory"),
    ):
        done = command(*DIRECT, *arguments, module="pytest")
        assert done.returncode == 4
        assert message in done.stderr


def test_without_implementation(command: Command) -> None:
    done = command(*DIRECT, module="pytest")
    assert done.returncode == 2
    assert "say which implementation to judge: --impl IMPL" in done.stdout


def test_inert(command: Command, tmp_path: Path) -> None:
    """A session that is about something else does not even import torch."""
    (tmp_path / "test_other.py").write_text(
        "import sys\n"
        "def test_other(request):\n"
        "    assert 'torch' not in sys.modules\n"
        "    assert request.config.pluginmanager.has_plugin('eqconform')\n"
        "    assert not request.config.pluginmanager.has_plugin('eqconform-judge')\n"
    )
    done = command("-p", "no:cacheprovider", module="pytest")
    assert done.returncode == 0, done.stdout


def test_command_line_does_not_import_torch() -> None:
    program = "import sys, eqconform.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
