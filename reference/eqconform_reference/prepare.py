"""Prepare: observers in front of every layer that the configuration names."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from eqconform_reference.config import Config, given_or_default
from eqconform_reference.errors import NotTraceable
from eqconform_reference.layout import Layout
from eqconform_reference.observers import InputEqualizationObserver
from eqconform_reference.parts import Watch, trace_parts
from eqconform_reference.tensors import own_tensors, tensors_in, unused_name


class Prepared(nn.Module):
    """A copy of a model with observers in place. Calibrate it by calling it.

    Attributes:
        model: the copy; each of its `parts` is a graph module that holds observers.
        parts: qualified names of the parts, [""] for the whole.
        config: what to equalize.
        start: the buffers as they were before calibration, by qualified name.
    """

    def __init__(
        self, model: nn.Module, parts: list[str], config: Config, start: dict[str, Tensor]
    ) -> None:
        super().__init__()
        self.model = model
        self.parts = parts
        self.config = config
        self.start = start

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the model gives, with its layers' inputs observed.

        Raises:
            NotTraceable: a part is used otherwise than by calling it.
        """
        if self.parts == [""]:
            return self.model(*args, **kwargs)
        with Watch({p: self.model.get_submodule(p) for p in self.parts}, tensors_in) as watch:
            output = self.model(*args, **kwargs)
        if entered := watch.entered.intersection(self.parts):
            raise NotTraceable(
                f"part {min(entered)!r} is used otherwise than by calling it: what is inside of it "
                "would be found scaled. Give prepare an example, which shows what is used how, or "
                f"leave the part as it is with Config(leaf_modules=({min(entered)!r},))."
            )
        return output

    def layouts(self) -> list[Layout]:
        """The layout of each part."""
        layouts = []
        for path in self.parts:
            module = self.model.get_submodule(path)
            assert isinstance(module, GraphModule)  # noqa: S101  for the type checker: we traced it
            elsewhere = tensors_in(self.model, seen={id(module)})
            foreign = {id(tensor) for tensor in elsewhere}
            layouts.append(Layout(module, self.config, foreign, path))
        return layouts

    def restarted(self) -> dict[int, Any]:
        """A memo for `copy.deepcopy`, in which the buffers are as they were at the start."""
        buffers = dict(self.model.named_buffers())
        known = buffers.keys() & self.start.keys()
        return {id(buffers[n]): self.start[n].to(buffers[n], copy=True) for n in known}


def prepare(model: nn.Module, config: Config | None = None, *, example: Any = None) -> Prepared:
    """A copy of the model that observes its layers' inputs.

    Args:
        model: in eval mode; it stays as it is.
        config: what to equalize; by default every layer.
        example: a batch, as `call` takes it. A model with optional arguments needs one that gives
            what calls will give; with one, the graph is also held against the model, and
            `by_parts` sees which modules are used by calling them.

    Raises:
        TypeError: `model` is not a module, `config` not a configuration, or a factory gives another
            kind of observer.
        ValueError: a module is in training mode, the model is prepared already, or a name of the
            configuration is that of no layer.
        NotTraceable: see `eqconform_reference.parts`.
    """
    config = given_or_default(config)
    _check_model(model)
    start = {name: buffer.detach().clone() for name, buffer in model.named_buffers()}
    prepared = Prepared(*trace_parts(model, config, example), config, start)
    layouts = prepared.layouts()
    check_names(config, layouts)
    for layout in layouts:
        _insert_observers(layout)
    return prepared.eval()


def _insert_observers(layout: Layout) -> None:
    root = layout.graph_module
    for calls in layout.groups():
        if layout.obstacle(calls):
            continue
        name, first = unused_name(root, "equalization_observer"), calls[0]
        observer = layout.config.observer(
            InputEqualizationObserver, first.name, first.operation, channel_axis=first.channel_axis
        )
        root.add_submodule(name, observer)
        for each in calls:
            with root.graph.inserting_before(each.node):
                _set_input(each.node, root.graph.call_module(name, (each.input,)))
    root.recompile()


def _set_input(node: Node, value: Node) -> None:
    if node.args:
        node.args = (value, *node.args[1:])
    else:
        node.kwargs = {**node.kwargs, "input": value}


def _check_model(model: nn.Module) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"the model must be a torch.nn.Module, not {type(model).__name__}.")
    for name, module in model.named_modules():
        if state := _unfit_state(module, is_root=module is model):
            # The module is in the wrong state, not of the wrong type.
            raise ValueError(f"{name or 'the model'} ({type(module).__name__}) {state}")


def _unfit_state(module: nn.Module, *, is_root: bool) -> str:
    if module.training:
        return "is in training mode, in which outputs depend on the batch: call model.eval() first."
    if isinstance(module, InputEqualizationObserver):
        return "is an observer: the model is prepared already."
    if hasattr(module, "_orig_mod") or (is_root and isinstance(module, torch.jit.ScriptModule)):
        return "is compiled already: equalize the model first, and compile what comes of it."
    for name, tensor in own_tensors(module):
        if tensor.is_meta or isinstance(tensor, (UninitializedParameter, UninitializedBuffer)):
            return f"has no values in {name!r} yet: load or initialize them first."
    return ""


def check_names(config: Config, layouts: Collection[Layout]) -> None:
    """Nothing, if every name of the configuration is that of a layer.

    Raises:
        ValueError: one is not.
    """
    calls = (call for layout in layouts for call in layout.calls.values())
    known = list(dict.fromkeys(call.name for call in calls))
    for name in (name for name, setting in config.names.items() if setting is not None):
        if name not in known:
            near = get_close_matches(name, known, n=3) or known[:5]
            raise ValueError(
                f"the configuration names {name!r}, which is no layer of the model that can be "
                f"equalized. Near it: {', '.join(map(repr, near)) or 'none'}."
            )
