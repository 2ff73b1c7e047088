"""Expected scales are the closed formula, on ranges that are listed by hand."""

# Fixtures and parameters say what they are.
# ruff: noqa: ANN001, ANN201, ANN202

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from eqconform.judge.expectation import expected_scales
from eqconform.probe import record
from eqconform_models import network


def widths(values):
    """Range and largest magnitude of each row, found by going through it."""
    rows = values.tolist()
    spans = [max(row) - min(row) for row in rows]
    return torch.tensor(spans), torch.tensor([max(map(abs, row)) for row in rows])


@pytest.mark.parametrize(("formula", "which"), [("range", 0), ("absmax", 1)])
def test_the_formula(formula, which, perceptron, make_network) -> None:
    model, batches = perceptron(3)
    scales = expected_scales(make_network(model, batches), formula)
    seen = [record(model, batch).calls for batch in batches[:3]]
    for index, layer in enumerate((model[0], model[2], model[4])):
        inputs = torch.cat([calls[index].input for calls in seen]).T
        quotient = widths(layer.weight.T)[which] / widths(inputs)[which]
        expected = torch.where(quotient.isfinite() & (quotient > 0), quotient.sqrt(), 1.0)
        assert torch.allclose(scales[index].value, expected.double(), rtol=1e-6)


def test_columns_of_groups_are_found_group_by_group(make_network) -> None:
    torch.manual_seed(0)
    model = nn.Conv2d(6, 4, 3, groups=2).eval()
    batches = [torch.randn(2, 6, 5, 5) for _ in range(4)]
    (scale,) = expected_scales(make_network(model, batches), "range")
    inputs = widths(torch.cat(batches[:3]).transpose(0, 1).flatten(1))[0]
    rows = model.weight.view(2, 2, 3, -1).transpose(1, 2).reshape(6, -1)
    assert torch.allclose(scale.value, (widths(rows)[0] / inputs).sqrt().double(), rtol=1e-6)


def test_calls_that_share_a_weight_share_the_ranges_of_all() -> None:
    twice = network("layer-on-two-inputs")
    first, second = expected_scales(twice, "range")
    assert torch.equal(first.value, second.value)
    model = twice.build()
    inputs = torch.cat([torch.cat(batch) for batch in twice.calibration()]).T
    quotient = widths(model.layer.weight.T)[0] / widths(inputs)[0]
    assert torch.allclose(first.value, quotient.sqrt().double(), rtol=1e-6)


def test_a_channel_with_nothing_to_trade_has_scale_one(make_network) -> None:
    class Dead(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 3)
            with torch.no_grad():
                self.layer.weight[:, 1] = 0.0
                self.layer.weight[:, 2] = 0.5

        def forward(self, x):
            return self.layer(F.pad(x, (1, 0)))

    batches = [torch.randn(4, 3) for _ in range(4)]
    (scale,) = expected_scales(make_network(Dead().eval(), batches), "range")
    assert scale.value[:3].tolist() == [1, 1, 1]
    assert scale.value[3] != 1
    assert scale.uncertainty[:3].tolist() == [0, 0, 0]


def test_the_uncertainty_is_small_where_nothing_was_computed_before(
    perceptron, make_network
) -> None:
    """And no scale that depends on rounding alone passes for a certain one."""
    scales = expected_scales(make_network(*perceptron(5)), "range")
    assert scales[0].uncertainty.max() < 1e-5
    assert all((each.uncertainty < 1e-2).all() for each in scales)


def test_a_quotient_that_float32_cannot_hold_leaves_the_scale_open(make_network) -> None:
    """The scale 1 is within the uncertainty, and so is the formula's 1e22 or so."""
    model = nn.Linear(2, 2, bias=False).eval()
    model.weight.data = torch.tensor([[1.0, 1.0], [-1.0, 2.0]])
    batches = [torch.randn(3, 2) * torch.tensor([1.0, 1e-44]) for _ in range(4)]
    (scale,) = expected_scales(make_network(model, batches), "range")
    assert scale.value[1] == 1
    assert scale.uncertainty[0] < 1e-5
    assert scale.uncertainty[1] > 1e20


def test_what_is_constant_in_the_dtype_has_scale_one(make_network) -> None:
    """Between 1 and 1.0078 there is no number in bfloat16."""
    batches = [1 + torch.rand(8, 3) / 1000 for _ in range(4)]
    made = make_network(nn.Linear(3, 4).eval(), batches)
    (fine,) = expected_scales(made, "range")
    (coarse,) = expected_scales(made, "range", dtype=torch.bfloat16)
    assert (fine.value > 1).all()
    assert coarse.value.tolist() == [1, 1, 1]
