"""Tracing: from a module to a graph module.

Source: torch.fx (Reed et al. 2022, arXiv 2112.08429); its public `Tracer`, as in PyTorch 2.1 to
2.15.
"""

from __future__ import annotations

import copy
import inspect
import threading
from collections.abc import Callable, Collection
from types import NoneType
from typing import Any

import torch
from torch import nn
from torch.fx import Graph, GraphModule, Proxy

from eqconform_reference.config import Config
from eqconform_reference.errors import NotTraceable
from eqconform_reference.folded import FoldedScale
from eqconform_reference.guards import hold
from eqconform_reference.kinds import KindTracer
from eqconform_reference.layers import FUNCTIONS, LAYER_TYPE, is_layer
from eqconform_reference.names import INSIDE, joined
from eqconform_reference.state import State
from eqconform_reference.tensors import own_tensors
from eqconform_reference.unseen import NoConstants, refusal

# While torch.fx traces, it has replaced the __call__ of every module in the process.
_TRACING = threading.RLock()

# Defaults that can stand in the code of a graph as they are.
_WRITABLE = (bool, int, float, str, NoneType)

# A child of such a name could not be reached: a graph module has an attribute of its own there.
_RESERVED = {*dir(GraphModule), "meta"} - {*dir(nn.Module)}


class _LayerTracer(KindTracer):
    """Keeps layers whole, holds defaults fixed, and knows which module it is in.

    Args:
        config: names leaf modules and custom layers.
        given: names of the forward arguments that will be given at every call; the others keep
            their default, since `if mask is not None` cannot be asked of a traced argument.
        part: the qualified name of the module that is traced.
    """

    def __init__(self, config: Config, given: Collection[str], part: str) -> None:
        super().__init__()
        self.config = config
        self.part = part
        self.given = given
        self.inside: list[str] = []
        self.thread = threading.get_ident()
        self.autocast = _autocast()

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        name = joined(self.part, module_qualified_name)
        kept = is_named_leaf(m, name, self.config) or is_layer(m, self.config)
        return kept or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        if threading.get_ident() != self.thread:
            return forward(*args, **kwargs)
        self.inside.append(self.path_of_module(m))
        result = super().call_module(m, forward, args, kwargs)
        self.inside.pop()  # not when it raises: then the path says where
        return result

    def create_args_for_root(
        self, root_fn: Callable[..., Any], is_module: bool, concrete_args: Any = None
    ) -> tuple[Any, list[Any]]:
        function, args = super().create_args_for_root(root_fn, is_module, concrete_args)
        defaults = {
            name: parameter.default
            for name, parameter in inspect.signature(root_fn).parameters.items()
            if parameter.default is not parameter.empty and name not in self.given
        }
        return function, [self._at_default(arg, defaults) for arg in args]

    def _at_default(self, arg: Any, defaults: dict[str, Any]) -> Any:
        name = arg.node.target if isinstance(arg, Proxy) else None
        if name not in defaults:
            return arg
        (stand_in,) = arg.node.args
        self.create_proxy("call_function", hold, (arg, stand_in, f"argument {name!r}"), {})
        return defaults[name]

    def create_arg(self, a: Any) -> Any:
        if isinstance(a, nn.Parameter) and all(a is not each for each in self.root.parameters()):
            raise refusal(a, self.root)
        return super().create_arg(a)

    def create_proxy(
        self, kind: str, target: Any, args: Any, kwargs: Any, *more: Any, **named: Any
    ) -> Any:
        if _autocast() != self.autocast:
            raise RuntimeError("its forward switches autocast, which a graph would not.")
        if kind == "placeholder" and args and not isinstance(args[0], _WRITABLE):
            args = (...,)  # which no operation takes for a value
        proxy = super().create_proxy(kind, target, args, kwargs, *more, **named)
        if self.inside:
            proxy.node.meta[INSIDE] = self.inside[-1]
        elif target in FUNCTIONS and is_layer(self.root, self.config):
            proxy.node.meta[LAYER_TYPE] = type(self.root)
        return proxy


class TracedModule(GraphModule):
    """A graph module whose copies have everything that it has, hooks and plain attributes too."""

    def __deepcopy__(self, memo: dict[int, Any]) -> GraphModule:
        copied: GraphModule = type(self).__new__(type(self))
        memo[id(self)] = copied
        vars(copied).update(copy.deepcopy(vars(self), memo))
        copied.graph = vars(copied)["_graph"]  # which compiles it
        return copied


def is_named_leaf(module: nn.Module, name: str, config: Config) -> bool:
    """Whether the configuration says, by type or by name, to leave the module as it is.

    A scripted one cannot be anything else.
    """
    types = (leaf for leaf in config.leaf_modules if isinstance(leaf, type))
    return isinstance(module, (torch.jit.ScriptModule, *types)) or name in config.leaf_modules


def trace(
    model: nn.Module, config: Config, given: Collection[str] = (), part: str = ""
) -> GraphModule:
    """The model as a graph that calls the model's own submodules.

    Args:
        model: anything that `torch.fx` can trace.
        config: names leaf modules and custom layers.
        given: names of the forward arguments with a default that calls will give.
        part: the qualified name of the module, in the model that it is of.

    Raises:
        NotTraceable: naming the module that stopped the tracer, and the way out.
    """
    tracer = _LayerTracer(config, given, part)
    state = State(model)  # some forwards keep what they computed; traced, that would be a proxy
    try:
        _check_root(model)
        with _TRACING, NoConstants(model):
            graph = tracer.trace(model)
        # Constants of the forward became attributes of the model; the graph module takes them.
        traced = TracedModule(model, _plain(graph), type(model).__name__)
    except Exception as error:
        where = tracer.inside[-1] if tracer.inside else ""
        stopped = model.get_submodule(where)
        raise NotTraceable(f"{_why(where, stopped, error)} {_way_out(where, config)}") from error
    finally:
        state.restore()
    _carry_over(model, traced)
    return traced


def _carry_over(model: nn.Module, traced: GraphModule) -> None:
    """Give the traced module the plain attributes, hooks, second names and notes of folds."""
    for name, value in vars(model).items():
        if name.startswith("_forward_") or name == "meta" or not hasattr(traced, name):
            setattr(traced, name, value)
    called = dict(traced.named_modules())
    for name, module in model.named_modules(remove_duplicate=False):
        if name in called and called[name] is not module:
            _leave_unsaved(module, called[name])
        kept = isinstance(module, FoldedScale) or module in called.values()
        if name and name not in called and kept:
            traced.add_submodule(name, module)


def _leave_unsaved(module: nn.Module, traced: nn.Module) -> None:
    """Keep the same buffers out of the state_dict; older releases of torch.fx forget which."""
    unsaved = module._non_persistent_buffers_set  # noqa: SLF001  no public way
    for name, buffer in list(traced.named_buffers(recurse=False)):
        if name in unsaved:
            traced.register_buffer(name, buffer, persistent=False)


def _check_root(model: nn.Module) -> None:
    if "forward" in vars(model):
        raise ValueError("it has a forward of its own beside that of its class.")
    held = {name for name, _ in (*model.named_children(), *own_tensors(model))}
    if taken := sorted(_RESERVED & (held | vars(model).keys() - {"meta"})):
        raise ValueError(f"it has {taken[0]!r}, a name that a torch.fx.GraphModule uses itself.")


def _autocast() -> tuple[bool, ...]:
    """Whether autocast is on, for the CPU and for CUDA."""
    try:
        return torch.is_autocast_enabled("cpu"), torch.is_autocast_enabled("cuda")
    except TypeError:  # before PyTorch 2.4 there was a function for each
        return torch.is_autocast_cpu_enabled(), torch.is_autocast_enabled()


def _plain(graph: Graph) -> Graph:
    """The same graph, which does not ask for `_LayerTracer` when it is unpickled."""
    plain = Graph(tracer_cls=KindTracer)
    plain.output(plain.graph_copy(graph, {}))
    return plain


def _why(where: str, stopped: nn.Module, error: Exception) -> str:
    place = f"module {where!r} ({type(stopped).__name__})" if where else type(stopped).__name__
    reason = str(error).strip().split("\n")[0].rstrip(".")
    return f"torch.fx cannot trace {place}: {type(error).__name__}: {reason}."


def _way_out(where: str, config: Config) -> str:
    """What can still be tried; the model itself, "", is no leaf, or nothing would be left."""
    ways = []
    if where:
        ways.append(f"Leave that module as it is with Config(leaf_modules=({where!r},))")
    if not config.by_parts:
        ways.append("equalize what can be traced and leave the rest with Config(by_parts=True)")
    words = ", or ".join(ways) or "no part of it can be traced either"
    return f"{words[0].upper()}{words[1:]}."
