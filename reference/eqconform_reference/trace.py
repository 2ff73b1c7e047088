"""Tracing: from a module to a graph module, whole or part by part.

Source: torch.fx (Reed et al. 2022, arXiv 2112.08429); its public `Tracer`, as in PyTorch 2.1 to
2.15.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator
from typing import Any

from torch import Tensor, nn
from torch.fx import Graph, GraphModule, Proxy, Tracer

from eqconform_reference.config import Config
from eqconform_reference.errors import NotTraceable
from eqconform_reference.folded import FoldedScale
from eqconform_reference.layers import is_layer
from eqconform_reference.tensors import all_tensors, own_tensors


class _LayerTracer(Tracer):
    """Keeps layers whole, holds defaults fixed, and knows which module it is in.

    Args:
        config: names leaf modules and custom layers.
        given: names of the forward arguments that will be given at every call; the others keep
            their default, since `if mask is not None` cannot be asked of a traced argument.
    """

    def __init__(self, config: Config, given: Collection[str]) -> None:
        super().__init__()
        self.config = config
        self.given = given
        self.inside: list[str] = []

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        leaves = self.config.leaf_modules
        types = tuple(leaf for leaf in leaves if isinstance(leaf, type))
        named = isinstance(m, types) or module_qualified_name in leaves
        return named or is_layer(m, self.config) or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        self.inside.append(self.path_of_module(m))
        result = super().call_module(m, forward, args, kwargs)
        self.inside.pop()  # not when it raises: then the path says where
        return result

    def create_proxy(
        self, kind: str, target: Any, args: Any, kwargs: Any, *more: Any, **named: Any
    ) -> Any:
        proxy = super().create_proxy(kind, target, args, kwargs, *more, **named)
        name = str(target).lstrip("*")
        if kind != "placeholder" or not args or name in self.given:
            return proxy
        if isinstance(args[0], (list, tuple, dict)):
            return proxy  # held, it would make torch.fx flatten the outputs into a list
        super().create_proxy("call_function", _hold, (proxy, args[0], name), {})
        return args[0]


def _hold(value: object, default: object, name: str) -> None:
    """Refuse another value for an argument than the default that the graph was made for."""
    if isinstance(value, Proxy):  # traced once more, as unpickling does: the check stays
        value.tracer.create_proxy("call_function", _hold, (value, default, name), {})
        return
    if value is default:
        return
    if isinstance(value, Tensor) or value != default:
        raise ValueError(
            f"argument {name!r} was traced at its default, {default!r}, and is now given as "
            f"{type(value).__name__}. Prepare the model with an example batch that gives it."
        )


class TracedModule(GraphModule):
    """A graph module that keeps the plain attributes of the module it stands for, copies too."""

    def __deepcopy__(self, memo: dict[int, Any]) -> GraphModule:
        copied = super().__deepcopy__(memo)
        carry_over(self, copied, lambda value: copy.deepcopy(value, memo))
        return copied


def carry_over(
    old: nn.Module, new: GraphModule, transform: Callable[[Any], Any] = lambda value: value
) -> None:
    """Give `new` the plain attributes, forward hooks, second names and notes of folds of `old`."""
    for name, value in vars(old).items():
        if name.startswith("_forward_") or not hasattr(new, name):
            setattr(new, name, transform(value))
    called = dict(new.named_modules())
    for name, module in old.named_modules(remove_duplicate=False):
        twin = transform(module) if name and name not in called else None
        if isinstance(twin, FoldedScale) or (
            isinstance(twin, nn.Module) and twin in called.values()
        ):
            new.add_submodule(name, twin)


def trace(model: nn.Module, config: Config, given: Collection[str] = ()) -> GraphModule:
    """The model as a graph that calls the model's own submodules.

    Args:
        model: anything that `torch.fx` can trace.
        config: names leaf modules and custom layers.
        given: names of the forward arguments with a default that calls will give.

    Raises:
        NotTraceable: naming the module that stopped the tracer, and the way out.
    """
    tracer = _LayerTracer(config, given)
    # Some forwards keep what they computed on the module; traced, that would be a proxy.
    state = [(module, dict(vars(module))) for module in model.modules()]
    try:
        # Constants of the forward become attributes of the model; the graph module takes them.
        traced = TracedModule(model, _plain(tracer.trace(model)), type(model).__name__)
    except Exception as error:
        where = tracer.inside[-1] if tracer.inside else ""
        stopped = model.get_submodule(where)
        raise NotTraceable(_way_out(where, stopped, error)) from error
    finally:
        for module, attributes in state:
            vars(module).clear()
            vars(module).update(attributes)
    carry_over(model, traced)
    return traced


def trace_parts(
    model: nn.Module, config: Config, given: Collection[str] = ()
) -> tuple[nn.Module, list[str]]:
    """The model with every part that can be traced replaced by its graph.

    Args:
        model: changed in place: pass a copy.
        config: `by_parts` says whether a part will do.
        given: see `trace`; of the whole model's forward.

    Returns:
        The model and the qualified names of its traced parts; [""] is the whole.

    Raises:
        NotTraceable: see `trace`; with `by_parts`, no part that holds a parameter can be traced.
    """
    try:
        return trace(model, config, given), [""]
    except NotTraceable:
        if not config.by_parts:
            raise
        parts = {id(part[1]): part for part in _traceable_children(model, config, "")}
        if not parts:
            raise
    for _, original, traced in parts.values():
        _replace_module(model, original, traced)
    return model, [path for path, _, _ in parts.values()]


def copy_of(model: nn.Module) -> nn.Module:
    """A deep copy, with computed tensors (old weight_norm, pruning) taken over as values."""
    memo: dict[int, Any] = {
        id(tensor): tensor.detach().clone()
        for module in model.modules()
        for _, tensor in own_tensors(module)
        if not tensor.is_leaf
    }
    return copy.deepcopy(model, memo)


def _traceable_children(
    module: nn.Module, config: Config, prefix: str
) -> Iterator[tuple[str, nn.Module, nn.Module]]:
    for name, child in module.named_children():
        path = f"{prefix}{name}"
        if not any(True for _ in all_tensors(child)):
            continue
        try:
            yield path, child, trace(child, config)
        except NotTraceable:
            yield from _traceable_children(child, config, f"{path}.")


def _replace_module(root: nn.Module, old: nn.Module, new: nn.Module) -> None:
    # Under every name: the old one still holds the layers that the new one scales.
    for path, module in list(root.named_modules(remove_duplicate=False)):
        if module is old:
            parent, _, name = path.rpartition(".")
            root.get_submodule(parent).add_module(name, new)


def _plain(graph: Graph) -> Graph:
    """The same graph, which does not ask for `_LayerTracer` when it is unpickled."""
    plain = Graph()
    plain.output(plain.graph_copy(graph, {}))
    return plain


def _way_out(where: str, stopped: nn.Module, error: Exception) -> str:
    place = f"module {where!r} ({type(stopped).__name__})" if where else type(stopped).__name__
    reason = str(error).strip().split("\n")[0]
    return (
        f"torch.fx cannot trace {place}: {type(error).__name__}: {reason} "
        f"Leave that module as it is with leaf_modules=({(where or type(stopped).__name__)!r},), "
        "or equalize what can be traced and leave the rest with by_parts=True."
    )
