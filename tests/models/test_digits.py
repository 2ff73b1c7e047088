"""The digits are split once and for all, and a network trained on them is the same every time."""

import sys

import pytest
import torch
from torch import nn

from eqconform_models import digits as module
from eqconform_models.digits import Digits, digits, trained


def test_the_split_is_the_same_every_time_and_leaves_the_random_state() -> None:
    state = torch.get_rng_state()
    examples, held_out = digits()
    assert torch.equal(state, torch.get_rng_state())
    assert (len(examples.labels), len(held_out.labels)) == (1197, 600)
    assert torch.equal(held_out.images, digits()[1].images)
    assert examples.images.shape[1:] == (1, 8, 8)
    assert examples.images.max() == 1


def test_a_short_training_is_reproducible_and_folds_every_norm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_EPOCHS", 1)
    examples = Digits(*(each[:128] for each in digits()[0]))
    models = [trained(seed, examples) for seed in (0, 0, 1)]
    assert not any(isinstance(each, nn.BatchNorm2d) for each in models[0].modules())
    first, again, other = (model(examples.images) for model in models)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_without_scikit_learn_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"pip install '\.\[digits\]' in a checkout"):
        digits()
