"""The networks of the claim "quantize" are what they are said to be."""

import pytest
import torch

from eqconform.checks.quantize import MORE_PLANTED, PLANTED, Planting, cost_of, with_imbalance
from eqconform.checks.sequences import (
    Shape,
    balanced,
    equalized_by_formula,
    extremes,
    formula_scale,
    planted,
    powers_of_two,
)

PLANTINGS = {**PLANTED, **MORE_PLANTED}


@pytest.mark.parametrize("planting", PLANTINGS.values(), ids=PLANTINGS)
def test_planting_keeps_the_function_bit_by_bit(planting: Planting) -> None:
    plain = balanced(planting.shape)
    changed = with_imbalance(plain, planting)
    assert torch.equal(changed.model(changed.fresh), plain.model(plain.fresh))


EVERYWHERE = {name: each for name, each in PLANTINGS.items() if each.alone < 0}


@pytest.mark.parametrize("formula", ["range", "absmax"])
@pytest.mark.parametrize("planting", EVERYWHERE.values(), ids=EVERYWHERE)
def test_the_scale_of_a_planted_channel_is_one_factor_over_its_own(
    planting: Planting, formula: str
) -> None:
    """So that equalization leads back to the balanced network, to a factor per tensor."""
    changed = with_imbalance(balanced(planting.shape, formula), planting)
    for layer, channels in enumerate(planting.shape.channels[:-1]):
        scale = formula_scale(changed, layer, formula)
        if layer in planting.layers:
            scale = scale * powers_of_two(channels, planting.factor, seed=layer)
        assert scale.max().item() == pytest.approx(scale.min().item(), rel=1e-5)
    assert cost_of(changed, planting, formula) == pytest.approx(0, abs=1e-3)  # dB


def test_a_layer_planted_alone_leaves_the_scales_of_others_uneven() -> None:
    planting = PLANTED["third-of-four"]
    changed = with_imbalance(balanced(planting.shape), planting)
    assert 1 < cost_of(changed, planting, "range") < 6  # dB


@pytest.mark.parametrize("kind", ["linear", "conv1d", "conv2d", "conv3d"])
def test_the_channels_of_a_balanced_sequence_span_one_range(kind: str) -> None:
    tried = balanced(Shape(kind, (32, 32, 32, 24)))
    for layer in range(3):
        low, high = extremes(tried, layer)
        width = high - low
        assert width.min().item() == pytest.approx(width.max().item(), rel=1e-5)
        assert width.min() > 0


def test_the_planted_factors_reach_as_far_as_they_should() -> None:
    factors = powers_of_two(32, 16, seed=0)
    assert factors.max() == 16
    assert factors.min() == 1 / 16
    assert factors[2:].max() <= 16 / 8


@pytest.mark.parametrize("groups", [1, 4, 32])
def test_folding_by_the_formula_keeps_the_function(groups: int) -> None:
    plain = balanced(Shape("conv2d", (32, 32, 32), groups=groups))
    changed = planted(plain, 1, powers_of_two(32, 8, seed=1))
    folded = equalized_by_formula(changed, "range")
    exact = plain.model(plain.fresh)
    assert torch.allclose(folded.model(folded.fresh), exact, atol=1e-5 * exact.abs().max().item())
