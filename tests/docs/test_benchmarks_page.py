"""The page on benchmarks: what takes seconds is done; of the rest, that there are such commands."""

import shlex
from collections.abc import Iterator
from fnmatch import filter as filter_names
from itertools import pairwise
from pathlib import Path

import pytest
from pages import blocks, commands, play
from typer.testing import CliRunner

from eqconform_benchmarks.cli import app
from eqconform_benchmarks.workloads import SUITES, workloads

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def _bench_commands() -> Iterator[list[str]]:
    """What the page has behind `eqconform bench`."""
    for block in blocks(PAGE):
        if block.language == "console":
            for command in commands(block.text):
                words = shlex.split(command.line, comments=True)
                if words[:2] == ["eqconform", "bench"]:
                    yield words[2:]


COMMANDS = list(_bench_commands())


@pytest.mark.parametrize("section", ["How a slowdown is called", "Over time"])
def test_what_takes_seconds_does_what_the_page_says(section: str, tmp_path: Path) -> None:
    play(PAGE, tmp_path, section=section)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_command_line_knows_the_options(words: list[str]) -> None:
    """With `--help` options are read, and nothing is done."""
    done = CliRunner().invoke(app, [*words, "--help"])
    assert done.exit_code == 0, done.output


def test_the_named_benchmarks_are_there() -> None:
    named = {
        option: {each for words in COMMANDS for before, each in pairwise(words) if before == option}
        for option in ("--only", "--suite")
    }
    assert named["--only"]
    assert all(filter_names(workloads(), each) for each in named["--only"])
    assert named["--suite"]
    assert named["--suite"] <= set(SUITES)
