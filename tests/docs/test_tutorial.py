"""The tutorial does what it says."""

from pathlib import Path

from pages import play

DOCS = Path(__file__).parents[2] / "docs"


def test_tutorial(tmp_path: Path) -> None:
    play(DOCS / "tutorial.md", tmp_path)
