"""Drawing: factors of known spread, and no trace in the global state."""

import pytest
import torch
from torch import nn

from eqconform_models.network import slug
from eqconform_models.randomize import (
    draw,
    generator_of,
    images,
    log_uniform,
    randomize,
    seeded,
    tokens,
    vectors,
)


def test_log_uniform_spreads_and_has_unit_mean_square() -> None:
    """Two decades, and a mean square of 1, so that depth neither grows nor shrinks values."""
    factors = log_uniform((100_000,), generator_of(0))
    assert 50 < factors.max() / factors.min() <= 100
    assert factors.square().mean().item() == pytest.approx(1, rel=0.02)


def test_character_is_of_the_channel_and_sample_of_the_values() -> None:
    """Two samples of one character differ, but not in the magnitude of their channels."""
    first, second = (draw(images(500, 4, 3), character=1, sample=s) for s in (2, 3))
    assert not torch.equal(first, second)
    spreads = [x.std((0, 2)) for x in (first, second)]
    assert torch.allclose(*spreads, rtol=0.1)


def test_tokens_are_indices() -> None:
    """Integers below the vocabulary."""
    drawn = draw(tokens(50, 3, vocabulary=4), character=0, sample=0)
    assert drawn.dtype == torch.int64
    assert set(drawn.flatten().tolist()) == {0, 1, 2, 3}


def test_seeded_leaves_the_global_generator() -> None:
    """Inside, the seed decides; outside, nothing has happened."""
    before = torch.get_rng_state()
    drawn = []
    for _ in range(2):
        with seeded(3):
            drawn.append(torch.rand(2))
    assert torch.equal(*drawn)
    assert torch.equal(before, torch.get_rng_state())


def test_randomize_draws_shared_parameters_once() -> None:
    """A tied network has the weights that it would have untied, up to the tie."""
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    randomize(tied, seed=1)
    alone = nn.Linear(3, 3)
    randomize(alone, seed=1)
    assert torch.equal(tied[0].weight, alone.weight)
    assert tied[1].weight is tied[0].weight


def test_randomize_leaves_no_norm_as_it_was() -> None:
    """Weights, biases and statistics of a norm are all drawn."""
    norm = nn.BatchNorm1d(16)
    randomize(norm, seed=0)
    usual = nn.BatchNorm1d(16).state_dict()
    for name in ("weight", "bias", "running_mean", "running_var"):
        assert not torch.isclose(norm.state_dict()[name], usual[name]).any()


@pytest.mark.parametrize(
    ("class_name", "name"),
    [
        ("ChainReluModule", "chain-relu-module"),
        ("Conv1dThenLinear", "conv1d-then-linear"),
        ("HazardRelu6Function", "hazard-relu6-function"),
    ],
)
def test_slug(class_name: str, name: str) -> None:
    """The name of a network is that of its class in kebab case."""
    assert slug(class_name) == name


def test_vectors_have_their_channels_last() -> None:
    """Linear takes the last axis, at every rank."""
    assert vectors(2, 3, 4).channel_axis == -1
