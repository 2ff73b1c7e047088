"""Pages whose examples run within seconds do what they say."""

from pathlib import Path

import pytest
from pages import play

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    "page", ["reference.md", "guides/continuous-integration.md", "guides/known-deviations.md"]
)
def test_page(page: str, tmp_path: Path) -> None:
    play(DOCS / page, tmp_path)
