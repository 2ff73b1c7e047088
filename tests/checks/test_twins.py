"""A copy is held against the equalized model itself, and what cannot be compared is said."""

import pytest
import torch

from eqconform.judge.judgement import judge_twin, what_it_returns
from eqconform.judge.outcome import Violation
from eqconform_models import network

NETWORK = network("chain-relu-module")


def test_a_copy_is_equal_to_rounding() -> None:
    own = what_it_returns(NETWORK, NETWORK.build())
    assert judge_twin(NETWORK, own, own).error == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_the_equalized_model_broke_is_not_laid_to_the_copy(value: float) -> None:
    """On both sides the same NaN: the verdict says in words whose it is, and not "nan, nan"."""
    own = what_it_returns(NETWORK, NETWORK.build())
    broken = {
        name: {at: torch.full_like(each, value) for at, each in leaves.items()}
        for name, leaves in own.items()
    }
    with pytest.raises(Violation) as found:
        judge_twin(NETWORK, broken, broken)
    assert "finite outputs of the equalized model itself" in found.value.evidence.expected
    assert "that are not" in found.value.evidence.observed
    assert found.value.evidence.error is None


def test_a_copy_that_broke_is_off() -> None:
    own = what_it_returns(NETWORK, NETWORK.build())
    broken = {
        name: {at: each * float("nan") for at, each in leaves.items()}
        for name, leaves in own.items()
    }
    with pytest.raises(Violation, match="observed nan"):
        judge_twin(NETWORK, broken, own)
