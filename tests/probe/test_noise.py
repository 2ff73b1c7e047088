"""The closed formulas of quantization noise, against roundings that were really made."""

import math

import pytest
import torch
from torch import Tensor, nn

from eqconform.judge.noise import LEVELS, Layer, by_chance, layer_noise, rounded


def on_grid(exact: Tensor, step: float, shift: float = 0.0) -> Tensor:
    """On multiples of a step, the grid shifted by a share of it."""
    return ((exact / step + shift).round() - shift) * step


def test_the_best_int8_has_256_levels_and_zero_among_them() -> None:
    exact = torch.linspace(-1.0, 2.0, 5000, dtype=torch.float64)
    levels = rounded(exact, -1.0, 2.0)
    assert len(levels.unique()) == LEVELS + 1
    assert 0 in levels
    assert (levels - exact).abs().max() <= 1.5 / LEVELS + 1e-12


def test_a_range_away_from_zero_is_widened_to_it() -> None:
    exact = torch.tensor([2.0, 3.0], dtype=torch.float64)
    assert rounded(exact, 2.0, 3.0) == pytest.approx(exact, abs=1.5 / LEVELS)


def layers() -> list[tuple[Layer, tuple[int, ...]]]:
    return [
        (nn.Linear(24, 32), (400, 24)),
        (nn.Conv1d(8, 12, 3, padding=1, groups=4), (200, 8, 10)),
        (nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8), (200, 8, 9, 9)),
        (nn.Conv3d(4, 6, 2), (200, 4, 4, 4, 4)),
    ]


@pytest.mark.parametrize("number", range(4))
def test_the_noise_of_a_layer_is_what_its_roundings_make(number: int) -> None:
    torch.manual_seed(number)
    layer, shape = layers()[number]
    layer = layer.double()
    exact, given = torch.rand(shape, dtype=torch.float64) - 0.5, layer.weight.detach()
    steps = {"input_step": 1 / 50, "weight_step": given.abs().max().item() / 50}
    expected = layer_noise(layer, exact, **steps)
    with torch.no_grad():
        output = layer(exact)
        layer.weight.copy_(on_grid(given, steps["weight_step"]))
        noise = layer(on_grid(exact, steps["input_step"])) - output
    found = 10 * math.log10(noise.square().sum().item() / expected)
    assert abs(found) <= by_chance(given.numel())


def test_equally_fine_grids_differ_by_chance_alone() -> None:
    """Of 200 quantizations by grids shifted at random none is further off, and some are half so."""
    torch.manual_seed(0)
    count, step = 64, 0.01
    exact = torch.rand(count, dtype=torch.float64)
    powers = [
        (on_grid(exact, step, torch.rand(count).double()) - exact).square().sum().item()
        for _ in range(200)
    ]
    decibels = [10 * math.log10(power / powers[0]) for power in powers]
    assert max(map(abs, decibels)) < by_chance(count)
    assert max(map(abs, decibels)) > by_chance(count) / 4


def test_what_chance_may_do_falls_with_the_root_of_the_count() -> None:
    assert by_chance(400) == pytest.approx(by_chance(100) / 2)
    assert by_chance(4) == pytest.approx(4 * 10 / math.log(10))
