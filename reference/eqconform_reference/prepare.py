"""Prepare: observers in front of every layer that the configuration names."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from eqconform_reference.config import Config
from eqconform_reference.errors import NotTraceable
from eqconform_reference.layers import LayerCall
from eqconform_reference.layout import Layout
from eqconform_reference.observers import InputEqualizationObserver
from eqconform_reference.tensors import all_tensors, own_tensors, unused_name
from eqconform_reference.trace import copy_of, trace_parts


class Prepared(nn.Module):
    """A copy of a model with observers in place. Calibrate it by calling it.

    Attributes:
        model: the copy; each of its `parts` is a graph module that holds observers.
        parts: qualified names of the parts, [""] for the whole.
        config: what to equalize.
    """

    def __init__(self, model: nn.Module, parts: list[str], config: Config) -> None:
        super().__init__()
        self.model = model
        self.parts = parts
        self.config = config

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the model gives, with its layers' inputs observed."""
        return self.model(*args, **kwargs)

    def layouts(self) -> list[Layout]:
        """The layout of each part."""
        return _layouts(self.model, self.parts, self.config)


def prepare(model: nn.Module, config: Config | None = None, *, example: Any = None) -> Prepared:
    """A copy of the model that observes its layers' inputs.

    Args:
        model: in eval mode; it stays as it is.
        config: what to equalize; by default every layer.
        example: a batch, as `call` takes it. A model with optional arguments needs one that gives
            what calls will give; with one, the graph is also held against the model.

    Raises:
        TypeError: `model` is not a module, or a factory gives another kind of observer.
        ValueError: a module is in training mode, the model is prepared already, or a name of the
            configuration is that of no layer.
        NotTraceable: see `eqconform_reference.trace`; or the graph computes something else than
            the model, whose Python the tracer could not follow.
    """
    config = config or Config()
    _check_model(model)
    eager = copy_of(model)
    given = () if example is None else _arguments_given(eager, example)
    prepared = Prepared(*trace_parts(eager, config, given), config)
    if example is not None and prepared.parts == [""]:
        _check_faithful(eager, prepared, example)
    layouts = prepared.layouts()
    _check_names(config, layouts)
    for layout in layouts:
        _insert_observers(layout)
    return prepared.eval()


def call(model: nn.Module, batch: Any) -> Any:
    """The model's output on a batch.

    Args:
        model: any module.
        batch: a mapping of keyword arguments, a tuple of positional ones, or the only argument.
    """
    if isinstance(batch, Mapping):
        return model(**batch)
    return model(*batch) if isinstance(batch, tuple) else model(batch)


def _layouts(model: nn.Module, parts: list[str], config: Config) -> list[Layout]:
    modules = [model.get_submodule(path) for path in parts]
    inside = {id(m) for module in modules for m in module.modules()}
    rest = {id(t) for m in model.modules() if id(m) not in inside for _, t in own_tensors(m)}
    layouts = []
    for module in modules:
        others = (id(t) for other in modules if other is not module for t in all_tensors(other))
        assert isinstance(module, GraphModule)  # noqa: S101  for the type checker: we traced it
        layouts.append(Layout(module, config, rest.union(others)))
    return layouts


def _insert_observers(layout: Layout) -> None:
    root = layout.graph_module
    for calls in layout.groups():
        if layout.obstacle(calls):
            continue
        name = unused_name(root, "equalization_observer")
        root.add_submodule(name, _new_observer(calls[0], layout.config))
        for each in calls:
            with root.graph.inserting_before(each.node):
                set_input(each, root.graph.call_module(name, (each.input,)))
    root.recompile()


def _new_observer(call: LayerCall, config: Config) -> InputEqualizationObserver:
    factories = config.observers_for(call.name, call.operation)
    observer = factories and factories.input(channel_axis=call.channel_axis)
    if not isinstance(observer, InputEqualizationObserver):
        raise TypeError(
            f"the input observer factory for layer {call.name!r} made {observer!r}; it must make "
            "an InputEqualizationObserver or a subclass."
        )
    return observer


def set_input(call: LayerCall, value: torch.fx.Node) -> None:
    """Make `value` the input of a layer call."""
    if call.node.args:
        call.node.args = (value, *call.node.args[1:])
    else:
        call.node.kwargs = {**call.node.kwargs, "input": value}


def _arguments_given(model: nn.Module, batch: Any) -> set[str]:
    signature = inspect.signature(model.forward)
    if isinstance(batch, Mapping):
        return set(signature.bind(**batch).arguments)
    return set(signature.bind(*(batch if isinstance(batch, tuple) else (batch,))).arguments)


def _check_model(model: nn.Module) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"the model must be a torch.nn.Module, not {type(model).__name__}.")
    for name, module in model.named_modules():
        if module.training:
            raise ValueError(
                f"{name or 'the model'} ({type(module).__name__}) is in training mode, in which "
                "its outputs depend on the batch: call model.eval() first."
            )
        if isinstance(module, InputEqualizationObserver):
            raise ValueError(  # noqa: TRY004  it is in the wrong state, not of the wrong type
                f"the model is prepared already: {name!r} is an observer."
            )


def _check_names(config: Config, layouts: list[Layout]) -> None:
    known = [call.name for layout in layouts for call in layout.calls.values()]
    for name in (name for name, setting in config.names.items() if setting is not None):
        if name not in known:
            near = get_close_matches(name, known, n=3) or known[:5]
            raise ValueError(
                f"the configuration names {name!r}, which is no layer of the model that can be "
                f"equalized. Near it: {', '.join(map(repr, near)) or 'none'}."
            )


def same_outputs(expected: Any, observed: Any) -> bool:
    """Whether two outputs are alike but for rounding; a wrong path shows in the first digits."""
    before, after = list(_tensors(expected)), list(_tensors(observed))
    for a, b in zip(before, after, strict=False):
        if a.shape != b.shape or a.dtype != b.dtype:
            return False
        largest = a.double().nan_to_num().abs().amax().item() if a.numel() else 0.0
        if not torch.allclose(a, b, rtol=0.0, atol=0.02 * largest, equal_nan=True):
            return False
    return len(before) == len(after)


def _check_faithful(eager: nn.Module, traced: nn.Module, example: Any) -> None:
    """Hold the graph against the model on one batch: Python that looks at values is not traced.

    The graph is run twice, for what the forward makes anew every time is made once for a graph.
    """
    expected = isolated_call(eager, example)
    if not all(same_outputs(expected, isolated_call(traced, example)) for _ in range(2)):
        raise NotTraceable(
            f"the graph that torch.fx made of {type(eager).__name__} computes something else than "
            "the model: its forward looks at values or types, which a tracer does not see, or "
            "keeps a state. Name the module that does so in leaf_modules, or use by_parts=True."
        )


def isolated_call(model: nn.Module, batch: Any) -> Any:
    """The model's output on a copy of a batch, always with the same random numbers."""

    def copied(value: Any) -> Any:
        return value.clone() if isinstance(value, Tensor) else value

    arguments: Any = copied(batch)
    if isinstance(batch, Mapping):
        arguments = {name: copied(value) for name, value in batch.items()}
    elif isinstance(batch, tuple):
        arguments = tuple(copied(value) for value in batch)
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        return call(model, arguments)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor) and value.layout is torch.strided:
        yield value
    elif isinstance(value, Mapping):
        yield from (t for item in value.values() for t in _tensors(item))
    elif isinstance(value, (tuple, list)):
        yield from (t for item in value for t in _tensors(item))
