"""The derived bounds hold for what is equalized exactly, and for nothing that is a little off."""

# Fixtures and parameters say what they are.
# ruff: noqa: ANN001, ANN202

import gc
import weakref

import pytest
import torch
from torch import nn

from eqconform.judge.judgement import judge_outputs, share
from eqconform.judge.outcome import Violation
from eqconform.judge.rounding import FEW, Bounds, bounds, cast
from eqconform.probe import outputs
from eqconform_models import networks
from eqconform_models.drawn import description_of, network_of

FAULT = 1e-4  # relative, in one weight
SEEDS = range(40)
KINDS = ["perceptron", "convolutions"]
DTYPES = [torch.float32, torch.float64, torch.bfloat16]


def used_up(model, batch, limits: Bounds) -> float:
    """How much of the bounds a model takes up; infinite where it breaks them."""
    with torch.no_grad():
        returned = outputs(model(batch))
    try:
        return share(judge_outputs(returned, limits, "fresh"))
    except Violation as violation:
        return share(violation.evidence)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_exact_equalization_takes_up_half_of_the_bounds(
    kind, dtype, make_network, by_hand, request
) -> None:
    """Over many networks, whatever their weights: no bound was ever close."""
    for seed in SEEDS:
        model, batches = request.getfixturevalue(kind)(seed)
        network = make_network(model, batches)
        batches = [cast(each, dtype) for each in batches]
        equalized = by_hand(model.to(dtype), batches[:3])
        limits = bounds(network, "fresh", dtype=dtype)
        assert used_up(equalized, batches[3], limits) < 0.6, seed


@pytest.mark.parametrize("kind", KINDS)
def test_float32_statistics_stay_within_the_bounds_that_allow_for_them(
    kind, make_network, by_hand, request
) -> None:
    """In a float64 model; and they are found out by the bounds that do not."""
    for seed in SEEDS:
        model, batches = request.getfixturevalue(kind)(seed)
        network = make_network(model, batches)
        equalized = by_hand(model, batches[:3]).double()  # W / s was rounded to float32
        wide = bounds(network, "fresh", dtype=torch.float64, precision=torch.float32)
        exact = bounds(network, "fresh", dtype=torch.float64)
        assert used_up(equalized, batches[3].double(), wide) < 0.6, seed
        assert used_up(equalized, batches[3].double(), exact) > 1e3, seed


@pytest.mark.parametrize(
    ("dtype", "fault"), [(torch.float32, FAULT), (torch.float64, 1e-12)], ids=["float32", "float64"]
)
def test_a_small_fault_in_one_weight_exceeds_the_bounds(
    dtype, fault, perceptron, make_network, by_hand
) -> None:
    """In the weight that contributes most to its row; in the last layer, any row of it."""
    for seed in SEEDS:
        model, batches = perceptron(seed)
        network = make_network(model, batches)
        limits = bounds(network, "fresh", dtype=dtype)
        batches = [cast(each, dtype) for each in batches]
        for row in range(6):
            equalized = by_hand(model.to(dtype), batches[:3])
            weight = equalized[4].layer.weight.data
            with torch.no_grad():
                seen = equalized[:4](batches[3]) * equalized[4].scale
            column = int((weight[row] * seen).abs().amax(0).argmax())
            weight[row, column] *= 1 + fault
            assert used_up(equalized, batches[3], limits) > 1, (seed, row)


def test_every_weight_of_a_balanced_net_is_watched(make_network, by_hand) -> None:
    """Where no column is negligible, a fault in any weight at all exceeds the bounds."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 4)).eval()
    batches = [torch.randn(8, 6) for _ in range(4)]
    limits = bounds(make_network(model, batches), "fresh")
    for layer in (0, 2):
        for place in range(model[layer].weight.numel()):
            equalized = by_hand(model, batches[:3])
            equalized[layer].layer.weight.data.view(-1)[place] *= 1 + 10 * FAULT
            assert used_up(equalized, batches[3], limits) > 1, (layer, place)


def test_a_small_feature_is_not_judged_by_the_size_of_its_neighbour(make_network) -> None:
    model = nn.Linear(4, 2).eval()
    with torch.no_grad():
        model.weight[0] *= 1e6
    limits = bounds(make_network(model, [torch.randn(4, 4) for _ in range(4)]), "fresh")
    large, small = limits.tolerance["output"][0]
    assert 1e5 < large / small < 1e7


def test_what_no_layer_touches_must_come_back_as_it_was(make_network) -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 2)

        def forward(self, x):
            return self.layer(x), x, x.argmax()

    batches = [torch.randn(4, 4) for _ in range(4)]
    limits = bounds(make_network(Both().eval(), batches), "fresh")
    ten_roundings = 10 * 2.0**-24 * batches[3].abs().amax(0)
    assert (limits.tolerance["output[1]"] <= 1.01 * ten_roundings).all()
    assert limits.tolerance["output[2]"] < 1


def test_bounds_are_the_same_every_time_and_measured_once(perceptron, make_network) -> None:
    model, batches = perceptron(0)
    network, twin = make_network(model, batches), make_network(model, batches)
    first = bounds(network, "fresh")
    assert bounds(network, "fresh", dtype=torch.float32) is first
    assert torch.equal(bounds(twin, "fresh").tolerance["output"], first.tolerance["output"])
    assert bounds(network, "times-3") is not first


def test_measuring_leaves_the_global_random_state_alone(perceptron, make_network) -> None:
    network = make_network(*perceptron(1))
    state = torch.get_rng_state()
    bounds(network, "fresh")
    assert torch.equal(torch.get_rng_state(), state)


def test_inputs_of_layers_have_bounds_per_channel(convolutions, make_network) -> None:
    limits = bounds(make_network(*convolutions(0)), "calibration-1")
    assert [each.shape for each in limits.input_tolerance] == [(8,), (12,), (12,)]
    assert [each.shape[1] for each in limits.inputs] == [8, 12, 12]


def test_a_bound_from_few_draws_is_none_that_all_draws_would_not_give() -> None:
    """So that who passes with few passes with all."""
    drawn = [network_of(description_of(seed)) for seed in range(30)]
    for network in (*drawn, *networks("chain", "core").values()):
        few, every = bounds(network, "fresh", draws=FEW), bounds(network, "fresh")
        for place, tolerance in few.tolerance.items():
            assert (tolerance <= every.tolerance[place]).all(), network.summary
        for some, whole in zip(few.input_tolerance, every.input_tolerance, strict=True):
            assert (some <= whole).all(), network.summary


def test_what_is_measured_of_a_network_goes_with_it(perceptron, make_network) -> None:
    network = make_network(*perceptron(0))
    kept = weakref.ref(bounds(network, "fresh"))
    assert kept() is not None
    del network
    gc.collect()
    assert kept() is None
