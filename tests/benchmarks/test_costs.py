"""The cost figures: ratios that mean something, and implementations that cannot be timed."""

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from eqconform import load
from eqconform_benchmarks.cli import app
from eqconform_benchmarks.costs import calibration_cost, convert_cost
from eqconform_benchmarks.ratios import interleaved


def _work(units: int) -> int:
    return sum(range(units * 200_000))


@pytest.mark.parametrize(("units", "low", "high"), [(1, 0.5, 2.0), (8, 4.0, 16.0)])
def test_a_ratio_is_that_of_the_work(units: int, low: float, high: float) -> None:
    """Eight times the work reads far above one times, on however noisy a machine."""
    ratio = interleaved(_work, lambda: _work(1), pairs=7, setup=lambda: units)
    assert low < ratio.median < high
    assert ratio.lower <= ratio.median <= ratio.upper
    assert ratio.pairs == 7


def test_costs_of_the_reference_on_a_small_network() -> None:
    """Both costs are measured, and neither changes the model."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3)).eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    batch = torch.rand(2, 3, 16, 16)
    for cost in (calibration_cost, convert_cost):
        assert cost(load("reference"), model, batch, pairs=2).median > 0
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())


def test_an_unknown_implementation_is_refused() -> None:
    result = CliRunner().invoke(app, ["costs", "no_such_thing"])
    assert result.exit_code == 3
    assert "no_such_thing" in result.output
