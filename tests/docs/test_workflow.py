"""The workflow of the guide is one that GitHub takes, and uses options that there are."""

import re
import subprocess
import sys
from pathlib import Path

from pages import Block, blocks

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "continuous-integration.md"


def test_github_takes_it(tmp_path: Path) -> None:
    file = tmp_path / "equalization.yml"
    file.write_text(_workflow().text, encoding="utf-8")
    check = ["check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(file)]
    done = subprocess.run([sys.executable, "-m", *check], check=False, capture_output=True)
    assert done.returncode == 0, done.stdout.decode()


def test_its_options_are_played_on_the_page() -> None:
    """All but the list of deviations, whose own guide plays it."""
    played = " ".join(block.text for block in blocks(PAGE) if block.language == "console")
    commands = re.findall(r"eqconform (?:run|report)(?:[^&|]|\\\n)*", _workflow().text)
    asked = {option for each in commands for option in re.findall(r"--[a-z]+", each)}
    assert asked - set(re.findall(r"--[a-z]+", played)) == {"--deviations"}


def _workflow() -> Block:
    (found,) = (block for block in blocks(PAGE) if block.title.startswith(".github/workflows/"))
    return found
