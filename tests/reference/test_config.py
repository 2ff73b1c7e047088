"""Configuration of the reference: who wins, and what is refused."""

import re
from functools import partial

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from eqconform_reference import (
    Config,
    InputEqualizationObserver,
    Observers,
    WeightEqualizationObserver,
    equalize,
    explain,
    prepare,
)


class TwoLayers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.second = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.sigmoid(self.first(x)))


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return TwoLayers().eval()


@pytest.fixture
def batch() -> Tensor:
    return torch.randn(8, 4) * torch.logspace(-1, 1, 4)


def _scaled(config: Config, model: nn.Module, batch: Tensor) -> set[str]:
    equalized = equalize(model, [batch], config)
    before, after = model.state_dict(), equalized.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    return {name.removesuffix(".weight") for name in changed}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (Config(), {"first", "second"}),
        (Config.only(names=["second"]), {"second"}),
        (Config.only(types=[nn.Linear]), {"first", "second"}),
        (Config.only(types=[nn.Conv2d]), set()),
        (Config.only(patterns=["fir.*"]), {"first"}),
        (Config(names={"first": None}), {"second"}),
        (Config(types={nn.Linear: None}), set()),
        (Config(types={nn.Linear: None}, patterns={"s.*": Observers()}), {"second"}),
        (Config(patterns={".*": None}, names={"first": Observers()}), {"first"}),
    ],
)
def test_precedence(config: Config, expected: set[str], model: nn.Module, batch: Tensor) -> None:
    """A name wins over a pattern, a pattern over a type, a type over the default."""
    assert _scaled(config, model, batch) == expected


def test_functional_layers_are_chosen_by_function_and_by_weight(batch: Tensor) -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w1 = nn.Parameter(torch.randn(6, 4))
            self.w2 = nn.Parameter(torch.randn(3, 6))

        def forward(self, x: Tensor) -> Tensor:
            return F.linear(torch.tanh(F.linear(x, self.w1)), self.w2)

    model = Functional().eval()
    assert _scaled(Config.only(names=["w2"]), model, batch) == {"w2"}
    assert _scaled(Config.only(types=[F.linear]), model, batch) == {"w1", "w2"}


def test_an_unknown_name_is_refused_with_the_near_ones(model: nn.Module) -> None:
    with pytest.raises(ValueError, match=r"'secnd'.*'second'"):
        prepare(model, Config.only(names=["secnd"]))


@pytest.mark.parametrize(
    "bad", [InputEqualizationObserver(), None, 3], ids=["instance", "missing", "number"]
)
def test_observers_come_from_factories(bad: object) -> None:
    """An instance would be shared by every layer; nothing observes nothing."""
    with pytest.raises(ValueError, match="factory"):
        Observers(input=bad)
    with pytest.raises(ValueError, match="factory"):
        Observers(weight=bad)


def test_factories_make_what_observes(model: nn.Module, batch: Tensor) -> None:
    mine = Observers(
        input=partial(InputEqualizationObserver, dtype=torch.qint8),
        weight=partial(WeightEqualizationObserver),
    )
    prepared = prepare(model, Config(default=mine))
    observers = [m for m in prepared.modules() if isinstance(m, InputEqualizationObserver)]
    assert [o.dtype for o in observers] == [torch.qint8, torch.qint8]
    with pytest.raises(TypeError, match="'first' made Identity"):
        prepare(model, Config(default=Observers(input=nn.Identity)))
    with pytest.raises(TypeError, match="'first' made Identity"):
        equalize(model, [batch], Config(default=Observers(weight=nn.Identity)))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"statistic": "mean"}, "'mean'"),
        ({"fold": "sometimes"}, "'sometimes'"),
        ({"custom": {nn.Bilinear: "bilinear"}}, "custom[Bilinear]"),
    ],
)
def test_unknown_choices_are_refused(options: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=re.escape(named)):
        Config(**options)


@pytest.mark.parametrize("given", [(torch.ones(1, 4),), {}, [torch.ones(1, 4)], Config])
def test_what_is_no_configuration_is_refused(model: nn.Module, given: object) -> None:
    """A batch in its place was `torch.fx cannot trace`, an empty dictionary the default."""
    with pytest.raises(TypeError, match=r"must be a Config, not .*example=batch"):
        prepare(model, given)


def test_explain_gives_every_layer_a_reason(model: nn.Module, batch: Tensor) -> None:
    prepared = prepare(model, Config(names={"first": None}))
    prepared(batch)
    header, first, second = explain(prepared).split("\n")
    assert header.split() == ["layer", "scale", "why"]
    assert first.startswith("first")
    assert first.endswith("the configuration leaves it out")
    assert second.startswith("second")
    assert "multiplied: its input comes from sigmoid" in second


class _Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.act = nn.Linear(4, 4), nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.fc(x)) + 1


def test_reasons_name_modules_before_nodes() -> None:
    """What a reader knows is the module; where a function is computed in one, the node follows."""
    blocks = nn.Sequential(nn.Sequential(nn.GELU(), nn.Linear(4, 4)), _Block(), _Block()).eval()
    prepared = prepare(blocks)
    prepared(torch.randn(8, 4))
    rows = explain(prepared).split("\n")[1:]
    names = ["input comes from 0.0,", "folded into 0.1", "input comes from 1 (add),"]
    assert all(name in row for name, row in zip(names, rows, strict=True))


def test_one_string_is_no_collection_of_names() -> None:
    with pytest.raises(TypeError, match=r"use \['12'\]"):
        Config.only(names="12")
