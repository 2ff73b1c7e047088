"""Models that a graph is easily wrong about: the reference is right on them, or says why not."""

import copy
import pickle
import threading
from collections import deque
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from eqconform_reference import (
    Config,
    NotTraceable,
    convert,
    equalize,
    explain,
    layer_sqnr,
    prepare,
)

_SPREAD = torch.logspace(-1, 1, 6)


def _vectors(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, 6, generator=torch.Generator().manual_seed(seed)) * _SPREAD


class _Pair(nn.Module):
    """Two layers and whatever a test puts between them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Linear(6, 6)
        self.second = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.relu(self.first(x)))


def _agrees(model: nn.Module, equalized: nn.Module, *batches: Any) -> None:
    for batch in batches:
        torch.testing.assert_close(equalized(batch * 3), model(batch * 3))


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
    _agrees(model, folded, seen)
    for each in (folded, copy.deepcopy(folded), pickle.loads(pickle.dumps(folded))):  # noqa: S301  our own
        with pytest.raises(ValueError, match="the rank of the output of '0'"):
            each(unseen)
    _agrees(model, equalize(model, [seen, unseen]), seen, unseen)


@pytest.mark.parametrize(
    "default",
    [torch.arange(6.0), [0.5, 3.0], (0.5, 3.0), {"a": 2.0}, slice(0, 2), torch.float64, None],
    ids=str,
)
def test_any_default(default: Any) -> None:
    """What is left out keeps its default, of whatever type, and cannot be given later."""

    class Defaulted(_Pair):
        def forward(self, x: Tensor, option: Any = default, *, other: Any = default) -> Tensor:
            x = super().forward(x)
            for each in (option, other):
                if isinstance(each, Tensor):
                    x = x * each
                elif isinstance(each, (list, tuple, dict)):
                    x = x * sum(each.values() if isinstance(each, dict) else each)
            return x

    model, batch = Defaulted().eval(), _vectors(1, 8)
    equalized = equalize(model, [batch])
    for each in (equalized, copy.deepcopy(equalized), pickle.loads(pickle.dumps(equalized))):  # noqa: S301  our own
        _agrees(model, each, _vectors(2, 8))
        with pytest.raises(ValueError, match="argument 'option' was"):
            each(batch, 5)
        with pytest.raises(ValueError, match="argument 'other' was"):
            each(batch, other=5)


def test_autocast_in_a_forward_is_refused() -> None:
    """Tracing would leave it out, and the digits that it costs are few enough to be overlooked."""

    class Autocast(_Pair):
        def forward(self, x: Tensor) -> Tensor:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                hidden = self.first(x)
            return self.second(hidden.float())

    model, batch = Autocast().eval(), _vectors(1, 8)
    with pytest.raises(NotTraceable, match=r"'first' \(Linear\).*switches autocast"):
        equalize(model, [batch])
    parts = equalize(model, [batch], Config(by_parts=True))
    torch.testing.assert_close(parts(batch), model(batch), atol=0.05, rtol=0.05)
    with torch.autocast("cpu", dtype=torch.bfloat16):  # around everything it is no concern
        equalize(_Pair().eval(), [batch])


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

    class Hidden(_Pair):
        def __init__(self) -> None:
            super().__init__()
            self.holding = _Holding(self.first.weight, kept)

        def forward(self, x: Tensor) -> Tensor:
            return self.second(self.holding(self.first(x)))

    model, batch = Hidden().eval(), _vectors(1, 8)
    prepared = prepare(model, Config(leaf_modules=(_Holding,)), example=batch)
    prepared(batch)
    assert "its weight is also used by holding" in explain(prepared)
    _agrees(model, convert(prepared), batch)


class _Counting(_Pair):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls.add_(1)
        return super().forward(x)


def test_a_buffer_that_the_forward_updates() -> None:
    """A graph would not update it: refused. In a leaf module it starts where it started before."""
    model, batches = _Counting().eval(), [_vectors(seed, 8) for seed in range(3)]
    with pytest.raises(NotTraceable, match="_Counting computes something else"):
        equalize(model, batches)
    around = nn.Sequential(nn.Linear(6, 6), model).eval()
    prepared = prepare(around, Config(leaf_modules=(_Counting,)), example=batches[0])
    for batch in batches:
        prepared(batch)
    for _ in range(2):
        equalized = convert(prepared)
        assert equalized.get_buffer("1.calls") == around[1].calls == 0
        equalized(batches[0])
        assert equalized.get_buffer("1.calls") == 1
    parts = equalize(around, batches, Config(by_parts=True))
    assert parts.get_buffer("1.calls") == 0
    parts(batches[0])
    assert parts.get_buffer("1.calls") == 1


@pytest.mark.parametrize("name", ["graph", "code", "meta"])
def test_a_child_with_the_name_of_an_attribute_of_graph_modules(name: str) -> None:
    """At the root it is refused with both ways out, below it is a name like any other."""
    model, batch = _Pair().eval(), _vectors(1, 8)
    model.add_module(name, nn.Linear(6, 6).eval())
    with pytest.raises(NotTraceable, match=f"'{name}', a name that.*by_parts=True"):
        equalize(model, [batch])
    _agrees(model, equalize(model, [batch], Config(by_parts=True)), batch)
    _agrees(model, equalize(nn.Sequential(model).eval(), [batch]), batch)


class _Iterating(_Pair):
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
    model, batch = _Iterating().eval(), _vectors(1, 8)
    prepared = prepare(model, Config(by_parts=True), example=batch)
    assert prepared.parts == ["first", "second", "entered.0", "entered.2", "called"]
    prepared(batch)
    _agrees(model, convert(prepared), _vectors(2, 8))


class _Masked(_Pair):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x if mask is None else x * mask)


def test_a_default_that_is_given_is_a_default() -> None:
    model, batch = _Masked().eval(), _vectors(1, 8)
    equalized = equalize(model, [{"x": batch, "mask": None}])
    _agrees(model, equalized, batch)
    with pytest.raises(ValueError, match="argument 'mask' was None"):
        equalized(batch, batch)


class _Masking(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.masked = _Masked()

    def forward(self, x: Tensor) -> Tensor:
        return x if x.isnan().any() else self.masked(x, mask=(x > 0).to(x))


def test_parts_are_traced_with_the_arguments_that_they_are_given() -> None:
    model, batch = _Masking().eval(), _vectors(1, 8)
    prepared = prepare(model, Config(by_parts=True), example=batch)
    assert prepared.parts == ["masked"]
    prepared(batch)
    _agrees(model, convert(prepared), _vectors(2, 8))


def test_threads() -> None:
    """Tracing replaces the call of every module in the process: threads must not meet in it."""
    model, batch, found = _Pair().eval(), _vectors(1, 8), []

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
    batch = _vectors(1, 8)
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
    model = _Pair().eval()
    model.forward = torch.relu
    with pytest.raises(NotTraceable, match=r"_Pair.*a forward of its own"):
        prepare(model)


def test_empty_and_scripted_layers_are_left_alone() -> None:
    scripted = torch.jit.script(nn.Linear(6, 6))
    model = nn.Sequential(nn.Linear(6, 6), scripted, nn.Linear(6, 0)).eval()
    batch = _vectors(1, 8)
    _agrees(model, equalize(model, [batch]), batch)


class _Builtin(nn.Module):
    forward = torch.relu


class _Unsigned(_Pair):
    def __init__(self) -> None:
        super().__init__()
        self.scripted = torch.jit.script(nn.Linear(6, 6))
        self.builtin = _Builtin()
        self.builtin.weight = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return x if x.isnan().any() else self.builtin(self.scripted(super().forward(x)))


def test_by_parts_leaves_alone_what_has_no_signature() -> None:
    model, batch = _Unsigned().eval(), _vectors(1, 8)
    prepared = prepare(model, Config(by_parts=True), example=batch)
    assert prepared.parts == ["first", "second"]
    prepared(batch)
    _agrees(model, convert(prepared), batch)


def test_sparse_outputs_are_held_against_the_model() -> None:
    class Sparse(_Pair):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            y = super().forward(x)
            return y.to_sparse(), y

    model, batch = Sparse().eval(), _vectors(1, 8)
    sparse, dense = equalize(model, [batch])(batch)
    torch.testing.assert_close(sparse.to_dense(), dense)


class _WithMethod(_Pair):
    def project(self, x: Tensor) -> Tensor:
        return x @ self.second.weight


class _CallsMethod(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = _WithMethod()

    def forward(self, x: Tensor) -> Tensor:
        return x if x.isnan().any() else self.inner.project(self.inner(x))


def test_by_parts_enters_what_is_used_by_its_methods() -> None:
    model, batch = _CallsMethod().eval(), _vectors(1, 8)
    prepared = prepare(model, Config(by_parts=True), example=batch)
    assert prepared.parts == ["inner.first"]
    prepared(batch)
    _agrees(model, convert(prepared), _vectors(2, 8))


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
    model, batch = nn.Sequential(nn.Linear(6, 6), _Listing(use)).eval(), _vectors(1, 8)
    if place:
        with pytest.raises(NotTraceable, match=rf"module '1' \(_Listing\).*'{place}' holds"):
            equalize(model, [batch])
    _agrees(model, equalize(model, [batch], Config(by_parts=bool(place))), batch)


class _Untraceable(_Pair):
    """A layer, and a block of two behind Python that looks at values."""

    def __init__(self) -> None:
        super().__init__()
        self.second = nn.Sequential(nn.Sequential(nn.Linear(6, 6)), nn.ReLU(), nn.Linear(6, 6))

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(x)
        return self.second(-hidden if hidden.sum() > 1e9 else hidden)


def _equalized_layers(model: nn.Module, config: Config) -> set[str]:
    after = equalize(model, [_vectors(1, 8)], config).state_dict()
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
    model, batch = _Untraceable().eval(), _vectors(1, 8)
    assert _equalized_layers(model, config) == expected
    prepared = prepare(model, config, example=batch)
    prepared(batch)
    rows = [line.split()[0] for line in explain(prepared).split("\n")[1:]]
    assert set(rows) >= expected
    assert layer_sqnr(model, model, batch).keys() >= set(rows)


def test_a_layer_that_is_the_whole_model() -> None:
    """It goes by its weight, and is of its type."""
    model, batch = nn.Linear(6, 6).eval(), _vectors(1, 8)
    (name,) = layer_sqnr(model, model, batch)
    for config in (Config(), Config.only(names=[name]), Config.only(types=[nn.Linear])):
        equalized = equalize(model, [batch], config)
        assert not torch.equal(equalized.get_parameter("weight"), model.weight)
        _agrees(model, equalized, batch)
    assert torch.equal(
        equalize(model, [batch], Config(types={nn.Linear: None})).get_parameter("weight"),
        model.weight,
    )


class _Cell:
    held: Any = None


_CELLS: dict[str, Any] = {
    "dict": {"last": None},
    "list": [0],
    "nested": {"all": [(), deque(maxlen=2)]},
    "set": set(),
    "object": _Cell(),
}


class _Keeping(_Pair):
    """Keeps what it computed in something that it holds, where a caller may look for it."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.cell = kind, copy.deepcopy(_CELLS[kind])

    def forward(self, x: Tensor) -> Tensor:
        hidden, cell = self.first(x), self.cell
        if self.kind == "dict":
            cell["last"] = cell["more"] = hidden
        elif self.kind == "list":
            cell[0] = hidden
        elif self.kind == "nested":
            cell["all"][1].append(hidden)
        elif self.kind == "set":
            cell.add(hidden)
        else:
            cell.held = hidden
        return self.second(torch.relu(hidden))


@pytest.mark.parametrize("kind", _CELLS)
def test_what_a_forward_keeps_while_it_is_traced_is_not_kept(kind: str) -> None:
    """It would be a proxy, which nobody can compute with, and which cannot be pickled."""
    model, batch = _Keeping(kind).eval(), _vectors(1, 8)
    equalized = equalize(model, [batch])
    _agrees(model, equalized, batch)
    held = equalized.cell
    assert vars(held) == {} if kind == "object" else held == _CELLS[kind]


class _Reading(nn.Module):
    """Python that looks at values, around a block whose layer's output it reads afterwards."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block, self.head = nn.Sequential(block, nn.ReLU()), nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        y = self.block(x)
        return self.head((-y if y.sum() > 1e9 else y) + self.block[0].last)


class _Remembering(_Pair):
    """Keeps an attribute; before its first call one, which is a number."""

    last: Any = 0.0

    def forward(self, x: Tensor) -> Tensor:
        self.last = self.first(x)
        return self.second(torch.relu(self.last))


@pytest.mark.parametrize("called", [False, True])
def test_a_part_that_keeps_what_its_caller_reads_is_no_part(called: bool) -> None:
    """Its layers are: the graph of the whole would keep what was there when it was made."""
    batch = _vectors(1, 8)
    model = _Reading(_Remembering()).eval()
    if called:
        with torch.no_grad():
            model(batch)
    config = Config(by_parts=True)
    parts = prepare(model, config, example=batch).parts
    assert parts == ["block.0.first", "block.0.second", "head"]
    _agrees(model, equalize(model, [batch], config), _vectors(2, 8))


def test_a_part_with_a_layer_that_computes_its_weight_is_a_part() -> None:
    """The layer keeps the weight on itself, in the graph as in the module."""

    class Normed(_Untraceable):
        def __init__(self) -> None:
            super().__init__()
            self.second[2] = nn.utils.weight_norm(self.second[2])

    model, batch = Normed().eval(), _vectors(1, 8)
    config = Config(by_parts=True)
    assert prepare(model, config, example=batch).parts == ["first", "second"]
    _agrees(model, equalize(model, [batch], config), _vectors(2, 8))


def test_a_weight_that_is_a_vector_is_left_alone() -> None:
    """A Linear as a function takes one; its channels have no columns to divide."""

    class Vector(_Pair):
        def __init__(self) -> None:
            super().__init__()
            self.vector = nn.Parameter(torch.randn(6))

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.linear(super().forward(x), self.vector)

    model, batch = Vector().eval(), _vectors(1, 8)
    prepared = prepare(model, example=batch)
    prepared(batch)
    assert "its weight is of type torch.float32 and shape (6,)" in explain(prepared)
    _agrees(model, convert(prepared), batch)
