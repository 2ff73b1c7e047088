"""Parts: the whole model as one graph, or a graph for every part of it that can be traced.

A part is a module that is used by calling it, always with the same arguments: whoever reaches into
one would find scaled weights and no multiplications.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule
from torch.overrides import TorchFunctionMode

from eqconform_reference.calling import Inputs, inputs_of, same_function, trial
from eqconform_reference.config import Config
from eqconform_reference.errors import NotTraceable
from eqconform_reference.state import State
from eqconform_reference.tensors import copy_of, own_tensors, tensors_in
from eqconform_reference.trace import is_named_leaf, trace


def trace_parts(
    model: nn.Module, config: Config, example: Any = None
) -> tuple[nn.Module, list[str]]:
    """A copy of the model with every part that can be traced replaced by its graph.

    Args:
        model: stays as it is.
        config: `by_parts` says whether a part will do.
        example: a batch; without one, every module is taken to be used by calling it.

    Returns:
        The copy and the qualified names of its traced parts; [""] is the whole.

    Raises:
        NotTraceable: see `trace`; or, on the example, the graph computes something else than the
            model; with `by_parts`, no part that holds a tensor has a graph that is right.
    """
    inputs = None if example is None else inputs_of(example)
    whole = copy_of(model)
    try:
        return _faithful(whole, config, inputs), [""]
    except NotTraceable:
        if not config.by_parts:
            raise
        parts = {id(part[1]): part for part in _parts(whole, config, _watched(whole, inputs))}
        if not parts:
            raise
    for _, original, traced in parts.values():
        _replace_module(whole, original, traced)
    return whole, [path for path, _, _ in parts.values()]


class Watch(TorchFunctionMode):
    """Sees how modules are used while it is active.

    Args:
        modules: the modules, by qualified name.
        tensors: gives the tensors that count as a module's own.

    Attributes:
        inputs: what each module was called with, call by call.
        entered: names of modules of which something inside ran, or was computed with, while they
            did not.
    """

    def __init__(
        self, modules: Mapping[str, nn.Module], tensors: Callable[[nn.Module], Iterable[Tensor]]
    ) -> None:
        super().__init__()
        self.inputs: dict[str, list[Inputs]] = defaultdict(list)
        self.entered: set[str] = set()
        self._modules = modules
        self._running = [""]
        self._owners: dict[int, set[str]] = defaultdict(set)
        # Held, or another tensor could come to have the id of one that is gone.
        self._held = {path: list(tensors(module)) for path, module in modules.items()}
        for path, held in self._held.items():
            for tensor in held:
                self._owners[id(tensor)].add(path)

    def __enter__(self) -> Watch:  # noqa: PYI034  Self is not in Python 3.10
        self._hooks: list[Any] = []
        for path, module in self._modules.items():
            start = partial(self._start, path)
            self._hooks += [
                module.register_forward_pre_hook(start, with_kwargs=True, prepend=True),
                module.register_forward_hook(self._stop),
            ]
        super().__enter__()  # type: ignore[no-untyped-call]  # torch's
        return self

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]  # torch's
        for hook in self._hooks:
            hook.remove()

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        # To ask for a dtype or a device is no use of the values.
        if next(tensors_in(result), None) is not None:
            for tensor in tensors_in((args, kwargs)):
                owners = self._owners.get(id(tensor), set())
                if owners.isdisjoint(self._running):
                    for owner in owners:
                        self._enter(owner)
        return result

    def _start(self, path: str, _: nn.Module, args: Any, kwargs: Any) -> None:
        self._running.append(path)
        self._enter(path)
        self.inputs[path].append(Inputs(args, kwargs))

    def _stop(self, *_: Any) -> None:
        self._running.pop()

    def _enter(self, path: str) -> None:
        around = accumulate(path.split("."), "{}.{}".format)
        self.entered.update({*around} - {*self._running})


def _names_given(module: nn.Module, inputs: Inputs) -> frozenset[str]:
    """The names of the arguments that are given as something else than their default."""
    try:
        signature = inspect.signature(module.forward)
    except ValueError as error:
        raise NotTraceable(f"{type(module).__name__} has a forward without signature.") from error
    bound = signature.bind(*inputs.args, **inputs.kwargs).arguments
    return frozenset(
        n for n, value in bound.items() if value is not signature.parameters[n].default
    )


def _faithful(
    module: nn.Module, config: Config, inputs: Inputs | None, part: str = ""
) -> GraphModule:
    """The graph of a module, held against it: Python that looks at values is not traced."""
    if inputs is None:
        return trace(module, config, part=part)
    traced = trace(module, config, _names_given(module, inputs), part)
    if not same_function(module, traced, inputs):
        raise NotTraceable(
            f"the graph that torch.fx made of {type(module).__name__} computes something else than "
            "the model: its forward looks at values or types, which a tracer does not see, or "
            "keeps a state. Name the submodule that does so in Config(leaf_modules=(...,)), or use "
            "Config(by_parts=True)."
        )
    if part and not _leaves_the_same(module, traced, inputs):
        raise NotTraceable(f"{part} keeps what it computed, which those who call it may read.")
    return traced


def _leaves_the_same(module: nn.Module, traced: GraphModule, inputs: Inputs) -> bool:
    """Whether a call of the graph sets on modules all that a call of the module sets."""
    both = copy_of(nn.ModuleList([module, traced]), shared=True)  # with the layers in common
    state, changed = State(both), []
    for each in both.children():
        trial(each, inputs)
        changed.append(state.changed())
        state.restore()
    return changed[0] <= changed[1]


def _watched(model: nn.Module, inputs: Inputs | None) -> Watch:
    """How the modules of a model are used in a call of it."""
    tried = copy_of(model, shared=True)
    modules = {path: module for path, module in tried.named_modules() if not _is_scripted(module)}
    watch = Watch(modules, lambda module: dict(own_tensors(module)).values())
    if inputs is not None:
        with watch:
            trial(tried, inputs)
    return watch


def _is_scripted(module: nn.Module) -> bool:
    return isinstance(module, torch.jit.ScriptModule)  # which takes no hooks


def _parts(
    module: nn.Module, config: Config, watch: Watch, prefix: str = ""
) -> Iterator[tuple[str, nn.Module, nn.Module]]:
    for name, child in module.named_children():
        path = f"{prefix}{name}"
        if next(tensors_in(child), None) is None or is_named_leaf(child, path, config):
            continue
        calls, traced = watch.inputs[path], None
        with suppress(NotTraceable):
            ways = {_names_given(child, each) for each in calls}
            if path not in watch.entered and len(ways) <= 1:
                traced = _faithful(child, config, next(iter(calls), None), path)
        if traced is None:
            yield from _parts(child, config, watch, f"{path}.")
        else:
            yield path, child, traced


def _replace_module(root: nn.Module, old: nn.Module, new: nn.Module) -> None:
    # Under every name: the old one still holds the layers that the new one scales.
    for path, module in list(root.named_modules(remove_duplicate=False)):
        if module is old:
            parent, _, name = path.rpartition(".")
            root.get_submodule(parent).add_module(name, new)
