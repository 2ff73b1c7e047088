"""The scripts of the findings show what they say, on the torch at hand."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch
from packaging.version import Version
from shown import differences

from eqconform.deviations.reading import shipped

FOLDER = Path(__file__).parents[2] / "docs" / "findings"
SCRIPTS = sorted(FOLDER.glob("*.py"))
RECORDED_WITH = Version("2.15")

_GONE = re.compile(r"Gone since torch ([\d.]+)")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_shows_the_defect(script: Path) -> None:
    """What it expects is not what it observes; or its first lines say since when that is over."""
    printed = _printed(script)
    expected, observed = (_told(printed, word) for word in ("expected", "observed"))
    gone = _GONE.search(script.read_text(encoding="utf-8"))
    if gone and Version(torch.__version__) >= Version(gone[1]):
        assert expected == observed
    else:
        assert expected != observed, f"with torch {torch.__version__} the defect is gone: say so"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
@pytest.mark.skipif(
    Version(Version(torch.__version__).base_version).release[:2] != RECORDED_WITH.release[:2],
    reason=f"the page shows what torch {RECORDED_WITH} does",
)
def test_the_page_shows_what_it_prints(script: Path) -> None:
    wrong = differences(script.with_suffix(".txt").read_text(encoding="utf-8"), _printed(script))
    assert not wrong, wrong


def test_every_script_belongs_to_a_cause() -> None:
    listed = shipped("torch_ao")
    assert listed is not None
    assert {script.stem for script in SCRIPTS} <= {entry.cause for entry in listed.entries}


@cache
def _printed(script: Path) -> str:
    command = [sys.executable, "-W", "ignore", str(script)]
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def _told(printed: str, word: str) -> str:
    (line,) = (line for line in printed.splitlines() if line.startswith(f"{word}: "))
    return line.partition(": ")[2]
