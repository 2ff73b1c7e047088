"""Which tensors modules hold, under which names, and which nodes of a graph use them.

Identity decides: a parameter registered under two names is one tensor.
"""

from __future__ import annotations

import copy
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from functools import reduce
from types import ModuleType
from typing import Any

from torch import Tensor, nn
from torch.fx import GraphModule, Node


def own_tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters, buffers and plain tensor attributes of the module itself, by name."""
    yield from module.named_parameters(recurse=False, remove_duplicate=False)
    yield from module.named_buffers(recurse=False, remove_duplicate=False)
    for name, value in vars(module).items():
        if isinstance(value, Tensor):
            yield name, value


def tensors_in(value: Any, seen: set[int] | None = None) -> Iterator[Tensor]:
    """Every tensor of a value: of a module and those below, of containers and objects in it.

    Args:
        value: a module, an output, the arguments of a call.
        seen: ids of what is left out; what is met is added.
    """
    return (item for item in reachable(value, seen) if isinstance(item, Tensor))


def reachable(value: Any, seen: set[int] | None = None) -> Iterator[Any]:
    """Everything that a value holds, however deep, once each: see `tensors_in`."""
    seen = set() if seen is None else seen
    ahead = [value]
    while ahead:
        item = ahead.pop()
        if item is None or id(item) in seen or isinstance(item, (type, ModuleType, str)):
            continue
        seen.add(id(item))
        yield item
        if isinstance(item, Tensor):
            continue
        if isinstance(item, Mapping):
            ahead.extend(item.values())
        elif isinstance(item, (list, tuple, set, frozenset, deque)):
            ahead.extend(item)
        elif isinstance(item, nn.Module):  # a scripted one keeps its tensors out of vars()
            ahead.extend((vars(item), *item.children()))
            ahead.extend(tensor for _, tensor in own_tensors(item))
        elif hasattr(item, "__dict__"):
            ahead.append(vars(item))


def copy_of(model: nn.Module, *, shared: bool = False) -> nn.Module:
    """A deep copy, with computed tensors (old weight_norm, pruning) taken over as values.

    Args:
        model: any module.
        shared: the copy uses the same parameters: for a trial, which may change all but those.
    """
    computed = (t for module in model.modules() for _, t in own_tensors(module) if not t.is_leaf)
    memo: dict[int, Any] = {id(tensor): tensor.detach().clone() for tensor in computed}
    if shared:
        memo.update((id(parameter), parameter) for parameter in model.parameters())
    return copy.deepcopy(model, memo)


def attribute(root: nn.Module, path: str) -> Any:
    """The attribute at a dotted path."""
    return reduce(getattr, path.split("."), root)


def unused_name(root: nn.Module, wanted: str) -> str:
    """`wanted`, numbered so that no attribute of `root` has that name."""
    number = 0
    while hasattr(root, f"{wanted}_{number}"):
        number += 1
    return f"{wanted}_{number}"


def tensor_users(graph_module: GraphModule) -> dict[int, dict[Node, None]]:
    """Id of each tensor to the nodes that compute with it, directly or inside a module.

    The nodes are in the order of execution: a dict where a set would do but for its order.
    """
    users: dict[int, dict[Node, None]] = defaultdict(dict)
    for node in graph_module.graph.nodes:
        if node.op in ("call_module", "get_attr"):
            of_node = node.users if node.op == "get_attr" else {node: None}
            for tensor in tensors_in(attribute(graph_module, str(node.target))):
                users[id(tensor)].update(of_node)
    return users
