"""Random numbers that are the same each time, and what result files are made of."""

import pytest
import torch

from eqconform.results import CaseResult, Header


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """No test fails once in a hundred runs, nor passes by luck."""
    torch.manual_seed(0)


@pytest.fixture
def header() -> Header:
    """Of a run of two cases."""
    return Header(
        suite="0.1.0",
        clauses="sha256:" + 64 * "0",
        implementation={
            "spec": "x.py:X",
            "name": "x",
            "version": "1",
            "homepage": "",
            "formula": "range",
            "claims": ["scale"],
        },
        versions={"python": "3.12", "torch": "2.15", "platform": "Linux"},
        device="cpu",
        seed=0,
        budget="quick",
        selection={"claims": [], "clauses": [], "case": None},
        case_timeout=30.0,
        memory=None,
        planned=2,
        not_claimed=("observe.merge",),
        started="2026-01-01T00:00:00+00:00",
    )


@pytest.fixture
def case() -> CaseResult:
    """A case that failed."""
    return CaseResult(
        id="scale.formula/one",
        clause="scale.formula",
        claim="scale",
        level="MUST",
        status="fail",
        seconds=0.5,
        network=None,
        expected="1",
        observed="2",
        error=1.0,
        tolerance=1e-6,
        message=None,
        reproduce="eqconform reproduce x.py:X::scale.formula/one",
    )
