"""What is too small for its dtype is no fault of an equalizer, nor what comes of it."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from eqconform.adapters.reference import Reference
from eqconform.contract import Batch
from eqconform.judge.divergence import first_divergence
from eqconform.judge.guard import Guarded
from eqconform.judge.judgement import equalized, judge_function, judge_outputs, judge_returned
from eqconform.judge.outcome import Evidence, Violation
from eqconform.judge.placement import judge_everything, judge_inputs, placement, placement_in
from eqconform.judge.rounding import bounds
from eqconform.judge.underflow import losses
from eqconform.probe import outputs
from eqconform_models import Network, network
from eqconform_models.drawn.values import batch, filled

SEED = 43803  # drawn by a search


class _Peaked(nn.Module):
    """A layer that is called before and behind a softmax; in float64 that makes 3e-47."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(5, 6, bias=False)
        self.twice = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.twice(torch.softmax(self.twice(self.first(x)), -1))
        return result


def inputs(number: int) -> Tensor:
    shapes, axes = [(3, 2, 3, 4), (3, 5)], [-1, -1]
    return batch(shapes, axes, SEED, number, decades=4)[1]


def judged_on() -> dict[str, Batch]:
    return {"fresh": inputs(3), "times-3": 3 * inputs(3)}


def test_a_softmax_that_underflows() -> None:
    peaked = replace(
        network("chain-relu-module"),
        build=lambda: filled(_Peaked(), SEED, silent=True),
        calibration=lambda: [inputs(number) for number in range(3)],
        judgement=judged_on,
        folds={1: 0},
        multiplied=frozenset({0, 2}),
    )
    assert isinstance(judge_inputs(placement(Guarded(Reference()), peaked)), Evidence)


class _MultipliedUp(nn.Module):
    """A softmax makes 1e-34, a layer sees that and 1e18, and the next one has weights of 1e33.

    The scale of the layer that sees both is 1e-9, so that s x is 1e-43 where the function is 0.1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first, self.twice, self.up, self.last = (nn.Linear(2, 2, bias=False) for _ in range(4))
        with torch.no_grad():
            self.first.weight.copy_(torch.tensor([[1, 0.5], [-1, 0.25]]))
            self.twice.weight.copy_(torch.tensor([[0, 1], [0, 0.3]]))
            self.up.weight.copy_(torch.tensor([[1e33, -1e33], [5e32, 1e33]]))
            self.last.weight.copy_(torch.tensor([[1, 0.5], [-1, 0.25]]))

    def forward(self, x: Tensor, wide: Tensor) -> tuple[Tensor, Tensor]:
        small = self.twice(torch.softmax(self.first(x), -1))
        return self.last(torch.sigmoid(self.up(small))), self.twice(wide)


def two_inputs(number: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(number)
    x, wide = (torch.randn(6, 2, generator=generator) for _ in range(2))
    return 0.3 * x + torch.tensor([39.0, 0.0]), 1e18 * wide


@pytest.fixture
def multiplied_up() -> Network:
    given = two_inputs(3)
    return replace(
        network("several-inputs"),
        build=lambda: _MultipliedUp().eval(),
        calibration=lambda: [two_inputs(number) for number in range(3)],
        judgement=lambda: {"fresh": given, "times-3": (3 * given[0], 3 * given[1])},
        folds={},
        multiplied=frozenset(range(5)),
        norm_folds=frozenset(),
    )


@contextmanager
def flushed(*, to_zero: bool) -> Iterator[None]:
    """Subnormals become zero inside, if the processor can do that."""
    torch.set_flush_denormal(to_zero)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


@pytest.mark.parametrize("to_zero", [False, True], ids=["gradual", "flushed"])
def test_what_is_lost_and_multiplied_up(multiplied_up: Network, *, to_zero: bool) -> None:
    """By roundings alone it would be a violation."""
    model = equalized(Guarded(Reference()), multiplied_up)
    with flushed(to_zero=to_zero), torch.no_grad():
        returned = outputs(model(*multiplied_up.judgement()["fresh"]))
    limits = bounds(multiplied_up, "fresh")
    with pytest.raises(Violation):
        judge_outputs(returned, limits, "fresh")
    assert isinstance(judge_returned(multiplied_up, returned, limits, "fresh"), Evidence)


def test_what_is_multiplied_up_is_in_its_place(multiplied_up: Network) -> None:
    reference = Guarded(Reference())
    assert isinstance(judge_everything(placement(reference, multiplied_up)), Evidence)
    assert "preserved" in first_divergence(reference, multiplied_up)


def test_what_nothing_too_small_reaches_is_judged_as_ever(multiplied_up: Network) -> None:
    lost = losses(multiplied_up, "fresh")
    assert lost is not None
    assert not lost.outputs["output[1]"].any()
    assert losses(network("chain-relu-module"), "fresh") is None


class _AddsToTheSecond(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, wide: Tensor) -> tuple[Tensor, Tensor]:
        first, second = self.model(x, wide)
        return first, second + 1e17


class _OffAtTheEnd(Reference):
    def equalize(
        self,
        model: nn.Module,
        batches: Sequence[Batch],
        *,
        layers: Collection[str] | None = None,
    ) -> nn.Module:
        return _AddsToTheSecond(super().equalize(model, batches, layers=layers))


def test_the_hint_points_at_no_layer_that_lost_what_is_too_small(multiplied_up: Network) -> None:
    off = Guarded(_OffAtTheEnd())
    with pytest.raises(Violation):
        judge_function(multiplied_up, equalized(off, multiplied_up))
    assert "a multiple of the untouched network's" in first_divergence(off, multiplied_up)
    assert "First to diverge" not in first_divergence(off, multiplied_up)


def single_layer(weight: Tensor, unit: float) -> Network:
    """A Linear of this weight, on inputs of two channels in some unit."""

    def build() -> nn.Module:
        layer = nn.Linear(2, 2, bias=False)
        layer.weight.data = weight.clone()
        return layer.eval()

    def given(number: int) -> Tensor:
        return unit * torch.randn(6, 2, generator=torch.Generator().manual_seed(number))

    return replace(
        network("chain-relu-module"),
        build=build,
        calibration=lambda: [given(number) for number in range(3)],
        judgement=lambda: {"fresh": given(3), "times-3": 3 * given(3)},
        folds={},
        multiplied=frozenset({0}),
    )


def test_a_weight_that_its_scale_makes_too_small() -> None:
    """1e-36 divided by some 1e4 has a few digits left."""
    tiny = single_layer(torch.tensor([[1e3, 1.0], [1.2345e-36, -1.0]]), 1e-5)
    placed = placement(Guarded(Reference()), tiny)
    (call,) = placed.after.calls
    assert 0 < call.weight[1, 0] < torch.finfo(torch.float32).smallest_normal
    assert isinstance(judge_everything(placed), Evidence)


@pytest.mark.parametrize("to_zero", [False, True], ids=["gradual", "flushed"])
def test_a_range_that_is_too_small(*, to_zero: bool) -> None:
    """Of inputs of 1e-40 the range is what was observed, or nothing; then the scale is 1."""
    tiny = single_layer(torch.tensor([[1e-5, 2e-5], [-1e-5, 5e-6]]), 1e-40)
    with flushed(to_zero=to_zero):
        model = equalized(Guarded(Reference()), tiny)
    assert isinstance(judge_everything(placement_in(model, tiny, "range")), Evidence)
