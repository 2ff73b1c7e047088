"""An answer from memory takes no time, and is not timed: each call meets something new."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from eqconform import ChannelRange, Implementation, load
from eqconform.adapters.reference import Reference
from eqconform_benchmarks.workloads import Timed, workloads
from eqconform_reference import InputEqualizationObserver

_CPU = torch.device("cpu")

Key = Callable[[Tensor], object]

_KEYS: dict[str, Key] = {
    "object": id,
    "address": lambda x: x.data_ptr(),
    "storage": lambda x: x.untyped_storage().data_ptr(),
}


class _Remembers(Reference):
    """Answers from memory what it is asked about a tensor that it takes for a known one."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.known: dict[object, Any] = {}

    def _once(self, key: object, answer: Callable[[], Any]) -> Any:
        if key not in self.known:
            self.known[key] = answer()
        return self.known[key]

    def input_observer(self, **options: Any) -> nn.Module:
        observer = super().input_observer(**options)
        looks_at = observer.forward
        seen: set[object] = set()

        def forward(x: Tensor) -> Tensor:
            if self.key(x) not in seen:
                seen.add(self.key(x))
                looks_at(x)
            return x

        observer.forward = forward
        return observer

    def observe_weight(self, weight: Tensor, *, groups: int = 1) -> ChannelRange:
        answer = super().observe_weight
        found: ChannelRange = self._once(self.key(weight), lambda: answer(weight, groups=groups))
        return found

    def equalization_scale(self, inputs: ChannelRange, weights: ChannelRange) -> Tensor:
        answer, key = super().equalization_scale, tuple(map(self.key, (*inputs, *weights)))
        scale: Tensor = self._once(key, lambda: answer(inputs, weights))
        return scale


_TENSORS = [
    "observers/nchw-float32",
    "observers/channels-last-24-float32",
    "observers/features-float16",
    "observers/tiny-float32",
    "weights/convolution",
    "weights/depthwise",
    "scale/64-channels",
]


def _made(name: str, implementation: Implementation) -> Timed:
    made = workloads()[name].make(implementation, _CPU)
    assert isinstance(made, Timed)
    return made


def _timed(made: Timed, repeats: int = 3) -> None:
    made.candidate.all(made.candidate.items(repeats))


@pytest.mark.parametrize("name", _TENSORS)
@pytest.mark.parametrize("key", _KEYS.values(), ids=_KEYS.keys())
def test_an_answer_from_memory_is_found(name: str, key: Key) -> None:
    assert _made(name, _Remembers(key)).objection().startswith("wrong on what is timed")


def _few(x: Tensor) -> object:
    """Some values, as a key for all of them."""
    values = x.flatten()
    return tuple(values[:: max(1, len(values) // 4)].tolist())


@pytest.mark.parametrize(
    "name", ["observers/nchw-float32", "weights/linear", "scale/4096-channels"]
)
def test_an_answer_that_goes_by_a_few_values_is_found(name: str) -> None:
    """Where all of them changed at once, those few did."""
    assert _made(name, _Remembers(_few)).objection().startswith("wrong on what is timed")


@pytest.mark.parametrize("name", _TENSORS)
def test_what_looks_each_time_is_timed(name: str) -> None:
    made = _made(name, load("reference"))
    for objection in (made.objection, made.objection_after):
        assert objection() == ""
        _timed(made)


@pytest.mark.parametrize(
    "name", ["observers/tiny-float32", "weights/depthwise", "scale/64-channels"]
)
def test_who_knows_that_nothing_changed_still_has_to_look(name: str) -> None:
    """A memory that heeds versions is right, and of no use: nothing comes twice as it was."""
    looked: list[object] = []

    def key(x: Tensor) -> object:
        looked.append((x.data_ptr(), x._version))
        return looked[-1]

    made = _made(name, _Remembers(key))
    assert made.objection() == ""
    looked.clear()
    for _ in range(3):
        _timed(made, 3000)  # beyond the end of the views, together
    assert len(set(looked)) >= 9000


class _RemembersConversions(Reference):
    """Converts what it has not converted yet: by the names, or by the addresses, of its weights."""

    def __init__(self, key: Callable[[nn.Module], object]) -> None:
        self.key = key
        self.known: dict[object, nn.Module] = {}

    def convert(self, prepared: nn.Module) -> nn.Module:
        key = self.key(prepared)
        if key not in self.known:
            self.known[key] = super().convert(prepared)
        return self.known[key]


def _names(model: nn.Module) -> object:
    return tuple(name for name, _ in model.named_parameters())


@pytest.mark.parametrize("name", ["convert/chain-of-10", "weights/linear-scaled"])
def test_a_conversion_from_memory_is_found(name: str) -> None:
    for implementation, expected in (
        (_RemembersConversions(_names), "wrong on what is timed"),
        (load("reference"), ""),
        (load("torch_ao"), ""),
    ):
        made = _made(name, implementation)
        _timed(made)
        found = made.objection_after()
        assert found.startswith(expected)
        assert bool(found) == bool(expected)


def test_no_two_conversions_are_of_the_same_weights() -> None:
    """A memory that goes by values is right, and of no use."""

    def values(model: nn.Module) -> object:
        return tuple(_few(weight.detach()) for weight in model.parameters())

    implementation = _RemembersConversions(values)
    made = _made("weights/linear-scaled", implementation)
    implementation.known.clear()
    _timed(made, 5)
    assert len(implementation.known) == 5


class _Skips(InputEqualizationObserver):
    """Skips what lies where something lay that it has seen."""

    def forward(self, x: Tensor) -> Tensor:
        seen = self.__dict__.setdefault("seen", set())
        if x.data_ptr() in seen:
            return x
        seen.add(x.data_ptr())
        return super().forward(x)


class _SkipsInCalibration(Reference):
    def prepare(self, model: nn.Module, **options: Any) -> nn.Module:
        prepared = super().prepare(model, **options)
        for each in prepared.modules():
            if isinstance(each, InputEqualizationObserver):
                each.__class__ = _Skips
        return prepared


class _RemembersOutputs(nn.Module):
    """Computes what it has not been given yet, by a key."""

    def __init__(self, model: nn.Module, key: Key) -> None:
        super().__init__()
        self.model = model
        self.key = key
        self.known: dict[object, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        if self.key(x) not in self.known:
            self.known[self.key(x)] = self.model(x)
        return self.known[self.key(x)]


class _RemembersResults(Reference):
    key: Key = staticmethod(_KEYS["address"])

    def equalize(self, model: nn.Module, batches: Any, **options: Any) -> nn.Module:
        return _RemembersOutputs(super().equalize(model, batches, **options), self.key)


class _RemembersByFew(_RemembersResults):
    key: Key = staticmethod(_few)


class _RemembersPreparations(Reference):
    """Prepares a network once, whatever weights come under its names."""

    def __init__(self) -> None:
        self.known: dict[object, nn.Module] = {}

    def prepare(self, model: nn.Module, **options: Any) -> nn.Module:
        key = _names(model)
        if key not in self.known:
            self.known[key] = super().prepare(model, **options)
        return copy.deepcopy(self.known[key])


@pytest.mark.parametrize(
    ("name", "cheat"),
    [
        ("calibrate/resnet18", _SkipsInCalibration),
        ("models/resnet18-forward", _RemembersResults),
        ("models/resnet18-forward", _RemembersByFew),
        ("models/resnet18-prepare", _RemembersPreparations),
    ],
)
def test_a_network_that_remembers_is_found(name: str, cheat: type[Reference]) -> None:
    for implementation, expected in ((cheat(), "wrong on what is timed"), (Reference(), "")):
        made = _made(name, implementation)
        _timed(made, 2)
        found = made.objection_after()
        assert found.startswith(expected)
        assert bool(found) == bool(expected)
