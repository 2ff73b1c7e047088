"""Models that a graph is easily wrong about: the reference is right on them, or says why not."""

import copy
import pickle
import threading
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from two_layers import Masked, Pair, agrees, vectors

from eqconform_reference import (
    Config,
    NotTraceable,
    convert,
    equalize,
    explain,
    layer_sqnr,
    prepare,
)


@pytest.mark.parametrize(
    ("model", "shape", "other"),
    [
        (nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 5)), (8, 6), (4, 6, 6)),
        (nn.Sequential(nn.BatchNorm1d(6), nn.Conv1d(6, 5, 3)), (4, 6, 9), (6, 6)),
        (nn.Sequential(nn.GroupNorm(2, 6), nn.Conv2d(6, 5, 3)), (2, 6, 6, 6), (6, 6, 6)),
    ],
)
def test_a_norm_whose_channels_move_with_the_rank(
    model: nn.Module, shape: tuple[int, ...], other: tuple[int, ...]
) -> None:
    """Folded into its rows, a scale is right at the rank that was seen; two ranks fold nothing."""
    model.eval()
    with torch.no_grad():
        model[0].weight.uniform_(0.5, 2)
    seen, unseen = torch.randn(shape), torch.randn(other)
    folded = equalize(model, [seen])
    agrees(model, folded, seen)
    for each in (folded, copy.deepcopy(folded), pickle.loads(pickle.dumps(folded))):  # noqa: S301  our own
        with pytest.raises(ValueError, match="the rank of the output of '0'"):
            each(unseen)
    agrees(model, equalize(model, [seen, unseen]), seen, unseen)


@pytest.mark.parametrize(
    "default",
    [torch.arange(6.0), [0.5, 3.0], (0.5, 3.0), {"a": 2.0}, slice(0, 2), torch.float64, None],
    ids=str,
)
def test_any_default(default: Any) -> None:
    """What is left out keeps its default, of whatever type, and cannot be given later."""

    class Defaulted(Pair):
        def forward(self, x: Tensor, option: Any = default, *, other: Any = default) -> Tensor:
            x = super().forward(x)
            for each in (option, other):
                if isinstance(each, Tensor):
                    x = x * each
                elif isinstance(each, (list, tuple, dict)):
                    x = x * sum(each.values() if isinstance(each, dict) else each)
            return x

    model, batch = Defaulted().eval(), vectors(1, 8)
    equalized = equalize(model, [batch])
    for each in (equalized, copy.deepcopy(equalized), pickle.loads(pickle.dumps(equalized))):  # noqa: S301  our own
        agrees(model, each, vectors(2, 8))
        with pytest.raises(ValueError, match="argument 'option' was"):
            each(batch, 5)
        with pytest.raises(ValueError, match="argument 'other' was"):
            each(batch, other=5)


def test_autocast_in_a_forward_is_refused() -> None:
    """Tracing would leave it out, and the digits that it costs are few enough to be overlooked."""

    class Autocast(Pair):
        def forward(self, x: Tensor) -> Tensor:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                hidden = self.first(x)
            return self.second(hidden.float())

    model, batch = Autocast().eval(), vectors(1, 8)
    with pytest.raises(NotTraceable, match=r"'first' \(Linear\).*switches autocast"):
        equalize(model, [batch])
    parts = equalize(model, [batch], Config(by_parts=True))
    torch.testing.assert_close(parts(batch), model(batch), atol=0.05, rtol=0.05)
    with torch.autocast("cpu", dtype=torch.bfloat16):  # around everything it is no concern
        equalize(Pair().eval(), [batch])


class _Holding(nn.Module):
    """A module that keeps a weight where `parameters()` does not find it."""

    def __init__(self, weight: Tensor, kept: str) -> None:
        super().__init__()
        self.kept = {"list": [weight], "dict": {"a": (weight,)}, "object": _Box(weight)}[kept]

    def forward(self, x: Tensor) -> Tensor:
        kept: Any = self.kept.value if isinstance(self.kept, _Box) else self.kept
        weight = kept["a"][0] if isinstance(kept, dict) else kept[0]
        return x @ weight if len(x) > 0 else x


class _Box:
    def __init__(self, weight: Tensor) -> None:
        self.value = [weight]


@pytest.mark.parametrize("kept", ["list", "dict", "object"])
def test_a_weight_that_a_leaf_module_keeps_hidden(kept: str) -> None:
    """The leaf reads the weight of a layer: it stays as it is."""

    class Hidden(Pair):
        def __init__(self) -> None:
            super().__init__()
            self.holding = _Holding(self.first.weight, kept)

        def forward(self, x: Tensor) -> Tensor:
            return self.second(self.holding(self.first(x)))

    model, batch = Hidden().eval(), vectors(1, 8)
    prepared = prepare(model, Config(leaf_modules=(_Holding,)), example=batch)
    prepared(batch)
    assert "its weight is also used by holding" in explain(prepared)
    agrees(model, convert(prepared), batch)


@pytest.mark.parametrize("name", ["graph", "code", "meta"])
def test_a_child_with_the_name_of_an_attribute_of_graph_modules(name: str) -> None:
    """At the root it is refused with both ways out, below it is a name like any other."""
    model, batch = Pair().eval(), vectors(1, 8)
    model.add_module(name, nn.Linear(6, 6).eval())
    with pytest.raises(NotTraceable, match=f"'{name}', a name that.*by_parts=True"):
        equalize(model, [batch])
    agrees(model, equalize(model, [batch], Config(by_parts=True)), batch)
    agrees(model, equalize(nn.Sequential(model).eval(), [batch]), batch)


def test_a_default_that_is_given_is_a_default() -> None:
    model, batch = Masked().eval(), vectors(1, 8)
    equalized = equalize(model, [{"x": batch, "mask": None}])
    agrees(model, equalized, batch)
    with pytest.raises(ValueError, match="argument 'mask' was None"):
        equalized(batch, batch)


def test_threads() -> None:
    """Tracing replaces the call of every module in the process: threads must not meet in it."""
    model, batch, found = Pair().eval(), vectors(1, 8), []

    def work() -> None:
        for _ in range(10):
            found.append(equalize(model, [batch])(batch))
            model(batch)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 40
    for each in found:
        torch.testing.assert_close(each, model(batch))


def test_what_has_no_values_or_is_compiled_is_refused_by_name() -> None:
    batch = vectors(1, 8)
    for model, message in (
        (nn.Sequential(nn.LazyLinear(6)), r"0 \(LazyLinear\) has no values in 'weight'"),
        (nn.Sequential(nn.Linear(6, 6, device="meta")), r"0 \(Linear\) has no values"),
        (torch.jit.script(nn.Linear(6, 6)), r"the model \(.*\) is compiled already"),
        (nn.Sequential(torch.compile(nn.Linear(6, 6))), r"0 \(OptimizedModule\) is compiled"),
    ):
        with pytest.raises(ValueError, match=message):
            equalize(model.eval(), [batch])


def test_a_forward_that_is_an_attribute_of_the_model_is_refused() -> None:
    """A tracer reads the forward of the class, whether there is an example or not."""
    model = Pair().eval()
    model.forward = torch.relu
    with pytest.raises(NotTraceable, match=r"Pair.*a forward of its own"):
        prepare(model)


def test_empty_and_scripted_layers_are_left_alone() -> None:
    scripted = torch.jit.script(nn.Linear(6, 6))
    model = nn.Sequential(nn.Linear(6, 6), scripted, nn.Linear(6, 0)).eval()
    batch = vectors(1, 8)
    agrees(model, equalize(model, [batch]), batch)


def test_sparse_outputs_are_held_against_the_model() -> None:
    class Sparse(Pair):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            y = super().forward(x)
            return y.to_sparse(), y

    model, batch = Sparse().eval(), vectors(1, 8)
    sparse, dense = equalize(model, [batch])(batch)
    torch.testing.assert_close(sparse.to_dense(), dense)


class _Listing(nn.Module):
    """Holds parameters in lists: one that is registered, too, and one that is not."""

    def __init__(self, use: str) -> None:
        super().__init__()
        self.use = use
        self.layer, self.own = nn.Linear(6, 6), nn.Parameter(torch.randn(6))
        self._hidden, self.again = [nn.Parameter(torch.randn(6, 6))], {"own": self.own}

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer(x)
        return {
            "as-a-weight": lambda: nn.functional.linear(x, self._hidden[0]),
            "by-an-operator": lambda: x @ self._hidden[0],
            "computed": lambda: x * self._hidden[0].sum(),
            "registered-computed": lambda: x * self.again["own"].exp(),
            "registered": lambda: x * self.again["own"],
            "its-shape": lambda: x * self._hidden[0].shape[0],
        }[self.use]()


@pytest.mark.parametrize(
    ("use", "place"),
    [
        ("as-a-weight", "1._hidden"),
        ("by-an-operator", "1._hidden"),
        ("computed", "1._hidden"),
        ("registered-computed", "1.again"),
        ("registered", ""),
        ("its-shape", ""),
    ],
)
def test_parameters_that_a_tracer_does_not_see(use: str, place: str) -> None:
    """Refused by name where a graph would keep what is computed from them; parts are left."""
    model, batch = nn.Sequential(nn.Linear(6, 6), _Listing(use)).eval(), vectors(1, 8)
    if place:
        with pytest.raises(NotTraceable, match=rf"module '1' \(_Listing\).*'{place}' holds"):
            equalize(model, [batch])
    agrees(model, equalize(model, [batch], Config(by_parts=bool(place))), batch)


def test_a_layer_that_is_the_whole_model() -> None:
    """It goes by its weight, and is of its type."""
    model, batch = nn.Linear(6, 6).eval(), vectors(1, 8)
    (name,) = layer_sqnr(model, model, batch)
    by_type = (Config.only(types=[kind]) for kind in (nn.Linear, nn.Module))
    for config in (Config(), Config.only(names=[name]), *by_type):
        equalized = equalize(model, [batch], config)
        assert not torch.equal(equalized.get_parameter("weight"), model.weight)
        agrees(model, equalized, batch)
    assert torch.equal(
        equalize(model, [batch], Config(types={nn.Linear: None})).get_parameter("weight"),
        model.weight,
    )


def test_a_weight_that_is_a_vector_is_left_alone() -> None:
    """A Linear as a function takes one; its channels have no columns to divide."""

    class Vector(Pair):
        def __init__(self) -> None:
            super().__init__()
            self.vector = nn.Parameter(torch.randn(6))

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.linear(super().forward(x), self.vector)

    model, batch = Vector().eval(), vectors(1, 8)
    prepared = prepare(model, example=batch)
    prepared(batch)
    assert "its weight is of type torch.float32 and shape (6,)" in explain(prepared)
    agrees(model, convert(prepared), batch)
