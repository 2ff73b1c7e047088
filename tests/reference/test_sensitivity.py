"""Sensitivities beyond what the suite asks: folds of every kind of layer, and copies of copies."""

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from eqconform_reference import Config, equalize, layer_sqnr, quantize, select_layers


class _Functional(nn.Module):
    """Two functional layers with ReLU between them."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(6, 4))
        self.second = nn.Parameter(torch.randn(3, 6))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(F.relu(F.linear(x, self.first)), self.second)


def _modules() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))


@pytest.fixture(params=[_modules, _Functional])
def model(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    build: Callable[[], nn.Module] = request.param
    return build().eval()


@pytest.fixture
def batch() -> Tensor:
    return torch.randn(8, 4, generator=torch.Generator().manual_seed(1)) * torch.logspace(-1, 1, 4)


def test_a_fold_is_no_noise(model: nn.Module, batch: Tensor) -> None:
    """Nor is a second one on top of it, nor one in a copy; the rounding of float32 is at 140 dB."""
    once = equalize(model, [batch])
    twice = equalize(once, [batch])
    for each in (once, copy.deepcopy(once), twice):
        assert min(layer_sqnr(model, each, batch).values()) > 120
    assert min(layer_sqnr(once, twice, batch).values()) > 120


def test_a_fold_survives_pickle_beside_a_module(batch: Tensor) -> None:
    model = _modules().eval()
    equalized = pickle.loads(pickle.dumps(equalize(model, [batch])))  # noqa: S301  our own
    assert min(layer_sqnr(model, equalized, batch).values()) > 120


def test_quantized_layers_are_compared_unfolded_too(model: nn.Module, batch: Tensor) -> None:
    """int8 has some 40 dB; a scale that is not undone leaves less than 10."""
    found = layer_sqnr(model, quantize(model, [batch]), batch)
    assert all(20 < ratio < 80 for ratio in found.values())


def test_the_selected_layers_are_names_of_the_configuration(
    model: nn.Module, batch: Tensor
) -> None:
    found = layer_sqnr(model, quantize(model, [batch], equalize=False), batch)
    config = Config.only(names=select_layers(found, 1))
    assert min(layer_sqnr(model, equalize(model, [batch], config), batch).values()) > 120


class _Tied(nn.Module):
    """Two layers of one weight, each with its bias, and one under two names."""

    def __init__(self, *, bias: bool) -> None:
        super().__init__()
        self.left = nn.Linear(4, 4)
        self.right = nn.Linear(4, 4, bias=bias)
        self.right.weight = self.left.weight
        self.last = nn.Linear(4, 3)
        self.alias = self.last

    def forward(self, x: Tensor) -> Tensor:
        return self.alias(F.relu(self.right(F.relu(self.left(x)))))


@pytest.mark.parametrize("bias", [True, False])
def test_layers_that_share_a_weight_have_names_of_their_own(bias: bool, batch: Tensor) -> None:
    """A module under two names goes by the first, as `named_modules` has it."""
    model = _Tied(bias=bias).eval()
    for other in (equalize(model, [batch]), quantize(model, [batch])):
        found = layer_sqnr(model, other, batch)
        assert list(found) == ["left", "right", "last"]
        assert min(found.values()) > 10
    for name in found:
        equalize(model, [batch], Config.only(names=[name]))


def test_another_network_is_refused(model: nn.Module, batch: Tensor) -> None:
    with pytest.raises(ValueError, match="do not call the same layers"):
        layer_sqnr(model, nn.Linear(4, 6), batch)


def test_what_no_number_describes(batch: Tensor) -> None:
    """Noise on no signal, no noise, and outputs that are not finite."""
    model = nn.Linear(4, 3, bias=False).eval()
    silent, broken = (copy.deepcopy(model) for _ in range(2))
    silent.weight.data.zero_()
    broken.weight.data[0] = torch.inf
    assert layer_sqnr(model, model, batch) == {"weight": math.inf}
    assert layer_sqnr(silent, model, batch) == {"weight": -math.inf}
    assert math.isnan(layer_sqnr(model, broken, batch)["weight"])


def test_an_empty_batch_measures_nothing(model: nn.Module, batch: Tensor) -> None:
    """Infinite would say that there is no noise."""
    assert all(map(math.isnan, layer_sqnr(model, model, batch[:0]).values()))


@pytest.mark.parametrize(
    ("sqnr", "count", "message"),
    [
        (1.0, 1, "sqnr must be a mapping .* not float"),
        (["a"], 1, "sqnr must be a mapping .* not list"),
        ({"a": 1.0}, 1.0, "count must be a whole number of layers, not 1.0"),
        ({"a": None}, 1, "the ratio of 'a' must be a number of dB, not None"),
    ],
)
def test_what_no_layers_can_be_selected_from(sqnr: Any, count: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        select_layers(sqnr, count)
