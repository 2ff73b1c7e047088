"""Networks that are equalized by parts: what a part is, what it is called, what is no part."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from two_layers import Masked, Pair, agrees, vectors

from eqconform_reference import Config, convert, equalize, explain, layer_sqnr, prepare


class _Iterating(Pair):
    """Goes through one container child by child, calls the other, and looks at values."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6))
        self.called = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6))

    def forward(self, x: Tensor) -> Tensor:
        if x.isnan().any():
            return x
        for layer in self.entered:
            x = layer(x)
        return self.called(x)


def test_by_parts_does_not_make_a_part_of_what_is_entered() -> None:
    model, batch = _Iterating().eval(), vectors(1, 8)
    prepared = prepare(model, Config(by_parts=True), example=batch)
    assert prepared.parts == ["first", "second", "entered.0", "entered.2", "called"]
    prepared(batch)
    agrees(model, convert(prepared), vectors(2, 8))


class _Masking(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.masked = Masked()

    def forward(self, x: Tensor) -> Tensor:
        return x if x.isnan().any() else self.masked(x, mask=(x > 0).to(x))


def test_parts_are_traced_with_the_arguments_that_they_are_given() -> None:
    model, batch = _Masking().eval(), vectors(1, 8)
    prepared = prepare(model, Config(by_parts=True), example=batch)
    assert prepared.parts == ["masked"]
    prepared(batch)
    agrees(model, convert(prepared), vectors(2, 8))


class _Builtin(nn.Module):
    forward = torch.relu


class _Unsigned(Pair):
    def __init__(self) -> None:
        super().__init__()
        self.scripted = torch.jit.script(nn.Linear(6, 6))
        self.builtin = _Builtin()
        self.builtin.weight = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return x if x.isnan().any() else self.builtin(self.scripted(super().forward(x)))


def test_by_parts_leaves_alone_what_has_no_signature() -> None:
    model, batch = _Unsigned().eval(), vectors(1, 8)
    prepared = prepare(model, Config(by_parts=True), example=batch)
    assert prepared.parts == ["first", "second"]
    prepared(batch)
    agrees(model, convert(prepared), batch)


class _WithMethod(Pair):
    def project(self, x: Tensor) -> Tensor:
        return x @ self.second.weight


class _CallsMethod(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = _WithMethod()

    def forward(self, x: Tensor) -> Tensor:
        return x if x.isnan().any() else self.inner.project(self.inner(x))


def test_by_parts_enters_what_is_used_by_its_methods() -> None:
    model, batch = _CallsMethod().eval(), vectors(1, 8)
    prepared = prepare(model, Config(by_parts=True), example=batch)
    assert prepared.parts == ["inner.first"]
    prepared(batch)
    agrees(model, convert(prepared), vectors(2, 8))


class _Untraceable(Pair):
    """A layer, and a block of two behind Python that looks at values."""

    def __init__(self) -> None:
        super().__init__()
        self.second = nn.Sequential(nn.Sequential(nn.Linear(6, 6)), nn.ReLU(), nn.Linear(6, 6))

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(x)
        return self.second(-hidden if hidden.sum() > 1e9 else hidden)


def _equalized_layers(model: nn.Module, config: Config) -> set[str]:
    after = equalize(model, [vectors(1, 8)], config).state_dict()
    weights = {name: t for name, t in model.state_dict().items() if name.endswith(".weight")}
    return {n.removesuffix(".weight") for n, t in weights.items() if not torch.equal(t, after[n])}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (Config.only(names=["first"], by_parts=True), {"first"}),
        (Config.only(names=["second.0.0"], by_parts=True), {"second.0.0"}),
        (Config.only(patterns=[r"second\..*"], by_parts=True), {"second.0.0", "second.2"}),
        (Config.only(types=[nn.Linear], by_parts=True), {"first", "second.0.0", "second.2"}),
        (Config(leaf_modules=["second.0"], by_parts=True), {"first", "second.2"}),
    ],
)
def test_parts_know_the_names_of_the_whole(config: Config, expected: set[str]) -> None:
    """In a configuration, in a table of reasons, and in the sensitivities: the same ones."""
    model, batch = _Untraceable().eval(), vectors(1, 8)
    assert _equalized_layers(model, config) == expected
    prepared = prepare(model, config, example=batch)
    prepared(batch)
    rows = [line.split()[0] for line in explain(prepared).split("\n")[1:]]
    assert set(rows) >= expected
    assert layer_sqnr(model, model, batch).keys() >= set(rows)


class _Reading(nn.Module):
    """Python that looks at values, around a block whose layer's output it reads afterwards."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block, self.head = nn.Sequential(block, nn.ReLU()), nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        y = self.block(x)
        return self.head((-y if y.sum() > 1e9 else y) + self.block[0].last)


class _Remembering(Pair):
    """Keeps an attribute; before its first call one, which is a number."""

    last: Any = 0.0

    def forward(self, x: Tensor) -> Tensor:
        self.last = self.first(x)
        return self.second(torch.relu(self.last))


@pytest.mark.parametrize("called", [False, True])
def test_a_part_that_keeps_what_its_caller_reads_is_no_part(called: bool) -> None:
    """Its layers are: the graph of the whole would keep what was there when it was made."""
    batch = vectors(1, 8)
    model = _Reading(_Remembering()).eval()
    if called:
        with torch.no_grad():
            model(batch)
    config = Config(by_parts=True)
    parts = prepare(model, config, example=batch).parts
    assert parts == ["block.0.first", "block.0.second", "head"]
    agrees(model, equalize(model, [batch], config), vectors(2, 8))


def test_a_part_with_a_layer_that_computes_its_weight_is_a_part() -> None:
    """The layer keeps the weight on itself, in the graph as in the module."""

    class Normed(_Untraceable):
        def __init__(self) -> None:
            super().__init__()
            self.second[2] = nn.utils.weight_norm(self.second[2])

    model, batch = Normed().eval(), vectors(1, 8)
    config = Config(by_parts=True)
    assert prepare(model, config, example=batch).parts == ["first", "second"]
    agrees(model, equalize(model, [batch], config), vectors(2, 8))
