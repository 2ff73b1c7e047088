"""Parts: the whole model as one graph, or a graph for every part of it that can be traced.

A part is a module that is used by calling it, always with the same arguments. Whoever reaches
into one finds scaled weights and no multiplications, so `Outside` sees to it that what is reached
is not scaled.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate
from typing import Any

from torch import Tensor, nn
from torch.fx import GraphModule
from torch.overrides import TorchFunctionMode

from eqconform_reference.calling import Inputs, inputs_of, same_function, trial
from eqconform_reference.config import Config
from eqconform_reference.errors import NotTraceable
from eqconform_reference.tensors import copy_of, tensors_in
from eqconform_reference.trace import trace


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
        parts = {id(part[1]): part for part in _parts(whole, config, _Calls(model, inputs))}
        if not parts:
            raise
    for _, original, traced in parts.values():
        _replace_module(whole, original, traced)
    return whole, [path for path, _, _ in parts.values()]


class _Calls:
    """How the modules of a model are called, as one call of the model shows."""

    def __init__(self, model: nn.Module, inputs: Inputs | None) -> None:
        self._inputs: dict[str, list[Inputs]] = defaultdict(list)
        self._entered: set[str] = set()
        self._running = [""]
        watched = copy_of(model, shared=True)
        for path, module in watched.named_modules():
            module.register_forward_pre_hook(
                partial(self._start, path), with_kwargs=True, prepend=True
            )
            module.register_forward_hook(self._stop)
        if inputs is not None:
            trial(watched, inputs)

    def inputs_of(self, path: str, module: nn.Module) -> Inputs | None:
        """What the module is called with at first; None: it is not called.

        Raises:
            NotTraceable: it is called with other arguments later, or something inside of it runs
                while it does not.
        """
        inputs = self._inputs[path]
        if path in self._entered or len({_names_given(module, each) for each in inputs}) > 1:
            raise NotTraceable(f"{path!r} is used otherwise than by calling it, always alike.")
        return inputs[0] if inputs else None

    def _start(self, path: str, _: nn.Module, args: Any, kwargs: Any) -> None:
        around = accumulate(path.split("."), "{}.{}".format)
        self._entered.update({*around} - {*self._running, path})
        self._running.append(path)
        self._inputs[path].append(Inputs(args, kwargs))

    def _stop(self, *_: Any) -> None:
        self._running.pop()


class Outside(TorchFunctionMode):
    """Notes the tensors of parts that something is computed from while none of the parts runs.

    Args:
        parts: the modules.
    """

    def __init__(self, parts: Sequence[nn.Module]) -> None:
        super().__init__()
        self.used: dict[int, Tensor] = {}
        self._parts = parts
        self._held = {id(tensor): tensor for tensor in tensors_in(parts)}
        self._running = 0
        self._hooks: list[Any] = []

    def __enter__(self) -> Outside:  # noqa: PYI034  Self is not in Python 3.10
        for part in self._parts:
            self._hooks += [
                part.register_forward_pre_hook(partial(self._run, 1), prepend=True),
                part.register_forward_hook(partial(self._run, -1)),
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
        if not self._running and next(tensors_in(result), None) is not None:
            for tensor in tensors_in((args, kwargs)):
                if id(tensor) in self._held:
                    self.used[id(tensor)] = tensor
        return result

    def _run(self, step: int, *_: Any) -> None:
        self._running += step


def _names_given(module: nn.Module, inputs: Inputs) -> frozenset[str]:
    """The names of the arguments that are given as something else than their default."""
    signature = inspect.signature(module.forward)
    bound = signature.bind(*inputs.args, **inputs.kwargs).arguments
    return frozenset(
        n for n, value in bound.items() if value is not signature.parameters[n].default
    )


def _faithful(module: nn.Module, config: Config, inputs: Inputs | None) -> GraphModule:
    """The graph of a module, held against it: Python that looks at values is not traced."""
    if inputs is None:
        return trace(module, config)
    traced = trace(module, config, _names_given(module, inputs))
    if not same_function(module, traced, inputs):
        raise NotTraceable(
            f"the graph that torch.fx made of {type(module).__name__} computes something else than "
            "the model: its forward looks at values or types, which a tracer does not see, or "
            "keeps a state. Name the module that does so in leaf_modules, or use by_parts=True."
        )
    return traced


def _parts(
    module: nn.Module, config: Config, calls: _Calls, prefix: str = ""
) -> Iterator[tuple[str, nn.Module, nn.Module]]:
    for name, child in module.named_children():
        path = f"{prefix}{name}"
        if next(tensors_in(child), None) is None:
            continue
        try:
            yield path, child, _faithful(child, config, calls.inputs_of(path, child))
        except NotTraceable:
            yield from _parts(child, config, calls, f"{path}.")


def _replace_module(root: nn.Module, old: nn.Module, new: nn.Module) -> None:
    # Under every name: the old one still holds the layers that the new one scales.
    for path, module in list(root.named_modules(remove_duplicate=False)):
        if module is old:
            parent, _, name = path.rpartition(".")
            root.get_submodule(parent).add_module(name, new)
