"""Makes the implementations beside the tests importable by them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pytest
from hypothesis import Phase, settings

from eqconform.checks import examples


@pytest.fixture(autouse=True)
def no_smallest_example(monkeypatch: pytest.MonkeyPatch) -> None:
    """That a fault is caught is asked, and not by how small an example."""
    searched = settings(examples.SEARCH, phases=(Phase.generate,))
    monkeypatch.setattr(examples, "SEARCH", searched)
