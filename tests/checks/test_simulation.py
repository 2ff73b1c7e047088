"""The coarsest int8 model that conforms, and the networks that it is made of."""

import pytest
import torch
from torch import Tensor, nn

from eqconform.checks.simulation import coarsest, on_steps
from eqconform.checks.spread import Spread, exactly, owed, spread_over
from eqconform.checks.wirings import wirings
from eqconform.judge.noise import by_chance
from eqconform.judge.sqnr import sqnr
from eqconform.probe import of_call, record
from eqconform_models import Network

WIRINGS = wirings()


def test_steps_are_even_and_stop_at_the_ends() -> None:
    values = torch.tensor([-3.0, -1.0, -0.4, 0.1, 0.4, 1.0, 9.0], dtype=torch.float64)
    assert on_steps(values, 1.0, 4).tolist() == [-1, -1, -0.5, 0, 0.5, 1, 1]
    assert torch.equal(on_steps(values, 0.0, 4).clamp(0, 0), torch.zeros_like(values))


@pytest.mark.parametrize("kind", ["linear", "conv2d"])
def test_of_one_layer_it_is_as_noisy_as_the_closed_formula(kind: str) -> None:
    tried = spread_over(Spread(kind))
    steps = coarsest(tried.model, list(tried.calibration), tried.fresh)["output"]
    observed = sqnr(exactly(tried), steps, centred=True)
    assert observed == pytest.approx(owed(tried), abs=by_chance(tried.smallest_layer()))


class Twice(nn.Module):
    """One layer on two inputs of which the second is eight times as wide."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4, bias=False)
        self.layer.weight.data = torch.eye(4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Shape (N, 4) to two of the same."""
        return self.layer(x), self.layer(8 * x)


def test_a_layer_has_one_range_for_all_its_calls() -> None:
    x = torch.linspace(-1, 1, 400).reshape(100, 4)
    found = coarsest(Twice(), [x], x)
    counts = [len(found[f"output[{at}]"].unique()) for at in (0, 1)]
    assert counts[0] <= 127 // 8 + 2
    assert 100 < counts[1] <= 127 + 2


@pytest.mark.parametrize("network", WIRINGS.values(), ids=WIRINGS)
def test_the_inner_channels_of_a_network_are_even(network: Network) -> None:
    """All but the last layer: a mean of 0, and 1 for the largest value."""
    recordings = [record(network.build(), batch) for batch in network.calibration()]
    last = recordings[0].calls[-1].weight
    of_one: dict[str, list[Tensor]] = {}
    for recording in recordings:
        for call in recording.calls:
            if torch.equal(call.weight, last):
                continue
            axis = call.channel_axis
            given = of_call(call, call.input, call.weight, call.bias)
            key = str(call.weight.flatten()[:4].tolist())
            of_one.setdefault(key, []).append(given.movedim(axis, 0).flatten(1))
    assert of_one
    for outputs in of_one.values():
        values = torch.cat(outputs, 1)
        assert torch.allclose(values.mean(1), torch.zeros(len(values)), atol=1e-4)
        assert torch.allclose(values.amax(1), torch.ones(len(values)), atol=1e-4)


def test_a_network_is_built_anew_every_time() -> None:
    network = WIRINGS["residual-added"]
    first, second = network.build(), network.build()
    next(first.parameters()).data.zero_()
    assert next(second.parameters()).abs().sum() > 0
