"""Which tensors modules hold, under which names, and which nodes of a graph use them.

Identity decides: a parameter registered under two names is one tensor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import reduce
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


def all_tensors(module: nn.Module) -> Iterator[Tensor]:
    """Every tensor in the module and below."""
    for each in module.modules():
        for _, tensor in own_tensors(each):
            yield tensor


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
        of_node = node.users if node.op == "get_attr" else {node: None}
        for tensor in _tensors_of(node, graph_module):
            users[id(tensor)].update(of_node)
    return users


def _tensors_of(node: Node, root: GraphModule) -> Iterator[Tensor]:
    if node.op == "call_module":
        yield from all_tensors(root.get_submodule(str(node.target)))
    elif node.op == "get_attr" and isinstance(value := attribute(root, str(node.target)), Tensor):
        yield value
