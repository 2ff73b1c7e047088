"""Processes that are started end; a right reduction passes, one that hangs is an error."""

import subprocess
import time

import pytest
from faults_distributed import Hangs, Reducing

from eqconform import Implementation
from eqconform.judge import processes
from eqconform.judge.cases import all_checks
from eqconform.judge.outcome import Evidence, Raised


def judge(implementation: Implementation) -> Evidence:
    (check,) = (each for each in all_checks() if each.clause == "distributed.reduced-ranges")
    (case,) = check.cases("quick")
    return case.judge(implementation)


def test_a_right_reduction_passes() -> None:
    assert isinstance(judge(Reducing()), Evidence)


def test_a_reduction_that_hangs_is_ended_and_leaves_no_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "SECONDS", 12.0)
    with pytest.raises(Raised, match="no result"):
        judge(Hangs())
    time.sleep(3)  # for the launcher's children, which end a little later
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)  # noqa: S607
    assert "faults_distributed:Hangs" not in listed.stdout
