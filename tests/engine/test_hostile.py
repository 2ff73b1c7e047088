"""Whatever an implementation does to its process costs its own case alone.

One run, in which every hostile case is followed by one that behaves, is held against the run of
an implementation that behaves throughout.
"""

import os
import re
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from eqconform.reading import read
from eqconform.results import CaseResult, Run

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Spec = Callable[[str], str]

CLAUSE = "equalize.same"
CHANGED = r"the implementation changed .*{}.*, on which judging relies"
EXPECTED = {
    "exits-quietly": ("crash", "the process died: it ended without a word"),
    "aborts": ("crash", "the process died: Fatal Python error: Aborted"),
    "closes-every-descriptor": ("crash", "the process died"),
    "sleeps-in-c": ("timeout", "no result within 5 s, and could not be interrupted"),
    "sleeps-without-limits": ("timeout", "no result within 5 s, and could not be interrupted"),
    "prints-for-ever": ("timeout", "no result within 5 s"),
    "recurses": ("error", r"equalize\(\) raised RecursionError"),
    "recurses-in-c": ("crash|error", "the process died: Fatal|.* raised RecursionError"),
    "allocates-too-much": ("error", r"equalize\(\) raised MemoryError"),
    "allocates-too-large-a-tensor": ("error", r"equalize\(\) raised RuntimeError: .*alloc"),
    "hoards": ("pass", None),
    "replaces-in-torch": (
        "crash",
        CHANGED.format(
            r"torch\.allclose, torch\.equal, torch\.nn\.functional\.linear.*torch\.Tensor\.__mul__"
        ),
    ),
    "replaces-in-the-suite": ("crash", CHANGED.format(r"eqconform\.probe\.record")),
    "replaces-builtins": ("crash", CHANGED.format(r"builtins\.isinstance")),
    "enters-a-mode": ("crash", CHANGED.format("a torch function mode")),
    "changes-settings": ("pass", None),
    "hooks-in": ("pass", None),
    "closes-outputs": ("pass", None),
    "deletes-the-folder": ("pass", None),
    "leaves-a-thread": ("pass", None),
    "leaves-a-child": ("pass", None),
    "returns-the-input": ("vacuous", "no weight was changed"),
    "returns-a-number": ("fail", None),
    "empties-the-input": ("pass", None),
    "returns-what-raises": ("error", "calling the equalized model raised ValueError: not today"),
    "returns-what-hangs": ("timeout", "no result within 5 s"),
    "raises-beyond-exception": ("error", ".* raised OutOfReachError: catch me"),
    "raises-generator-exit": ("error", ".* raised GeneratorExit"),
}


@dataclass(frozen=True)
class Both:
    """The run with hostile cases, and the run of an implementation that behaves."""

    hostile: Run
    good: Run
    printed: str
    child: int

    def case(self, name: str) -> CaseResult:
        return next(case for case in self.hostile.cases if case.id == f"{CLAUSE}/{name}")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, run_command: Callable[..., Command]) -> Both:
    folder = tmp_path_factory.mktemp("hostile")
    command = run_command(folder)
    more = ",".join(f"{name},after-{name}" for name in EXPECTED)
    child = folder / "child"
    specs = [str(Path(__file__).parent / "adapters" / f"{name}.py") for name in ("hostile", "good")]
    limits = ["--case-timeout", "5", "--memory", "1"]
    done = command(
        "run", *specs, "--jobs", "2", *limits, TINY_MORE=more, HOSTILE_CHILD=str(child), timeout=900
    )
    assert done.returncode == 1, done.stderr
    results = folder / "results"
    return Both(
        read(results / "hostile.jsonl"),
        read(results / "good.jsonl"),
        done.stdout + done.stderr,
        int(child.read_text()),
    )


@pytest.mark.parametrize("name", EXPECTED)
def test_hostile_case(both: Both, name: str) -> None:
    """It ends as what it is, with a message that says so."""
    statuses, message = EXPECTED[name]
    case = both.case(name)
    assert re.fullmatch(statuses, case.status), case
    assert not case.suite_fault
    if message is not None:
        assert re.match(message, str(case.message)), case.message


def test_other_cases(both: Both) -> None:
    """Every other case has the verdict, to the last digit, of a run without hostile ones."""
    assert set(both.good.counts) - {"pass"} == {
        status for status, count in both.good.counts.items() if not count
    }
    assert _others(both.hostile) == _others(both.good)
    assert len(_others(both.good)) == len(both.good.cases) - len(EXPECTED)


def _others(run: Run) -> dict[str, CaseResult]:
    hostile = {f"{CLAUSE}/{name}" for name in EXPECTED}
    return {
        case.id: replace(case, seconds=0.0, reproduce="", output=None)
        for case in run.cases
        if case.id not in hostile
    }


def test_output_is_kept_with_its_case(both: Both) -> None:
    """What was printed before the end is kept, shortened, and reaches the terminal nowhere else."""
    assert both.case("aborts").output == "last words\n"
    endless = str(both.case("prints-for-ever").output)
    assert endless.startswith("all work and no play all work")
    assert endless.endswith(("makes Jack a dull boy\n", "no play "))
    assert len(endless) < 3000
    assert "Jack" not in both.printed
    assert "still here" not in both.printed


def test_nothing_is_left_running(both: Both) -> None:
    """The child process that a case left has ended with its worker."""
    end = time.monotonic() + 10
    with suppress(ProcessLookupError):
        while time.monotonic() < end:
            os.kill(both.child, 0)
            time.sleep(0.1)
        pytest.fail(f"process {both.child} is still there")
