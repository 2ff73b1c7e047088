"""The same network under other names: no name may change what an implementation does.

A network is traced with `torch.fx` and rebuilt, with its modules, parameters, buffers, graph nodes
and forward arguments under names drawn at random, misleading ones among them. What was shared
stays shared, and the order of computation stays the same.
"""

import copy
from collections.abc import Iterator
from dataclasses import replace
from functools import partial, reduce
from random import Random
from typing import Any

from torch import nn
from torch.fx import Graph, GraphModule, Node, symbolic_trace
from torch.fx.node import map_arg

from eqconform_models.network import Network

_MISLEADING = (
    "relu",
    "relu6",
    "pre_relu_norm",
    "conv_bias",
    "weight_linear",
    "linear_weight",
    "bias_conv2d",
    "equalization_scale",
    "input_equalization_process",
    "activation_post_process",
    "add_relu",
    "batch_norm",
    "dropout",
    "identity",
    "max_pool2d",
    "scale",
)


def renamed(module: nn.Module, seed: int) -> nn.Module:
    """A copy of `module` that computes the same under random names.

    Names inside PyTorch's own modules (`weight` of a Linear) are PyTorch's, and stay.

    Args:
        module: `torch.fx.symbolic_trace` must be able to trace it; it stays as it is.
        seed: decides the names.

    Raises:
        Exception: whatever `symbolic_trace` raises.
    """
    traced = symbolic_trace(copy.deepcopy(module))
    renaming = _Renaming(Random(seed))  # noqa: S311  names, not secrets
    graph = renaming.graph_of(traced)
    held = {new: _attribute(traced, old) for old, new in renaming.held.items()}
    return GraphModule(held, graph, "Renamed").train(module.training)


def renamed_network(network: Network, seed: int) -> Network:
    """The network under random names; its batches and what is expected of it stay.

    Args:
        network: one with the tag "traceable".
        seed: decides the names.
    """
    return replace(
        network,
        name=f"{network.name}-renamed-{seed}",
        build=partial(_build_renamed, network, seed),
        tags=network.tags | {"renamed"},
    )


class _Renaming:
    """New names for what a graph refers to; the same old name always gets the same new one."""

    def __init__(self, random: Random) -> None:
        self.names = _names(random)
        self.held: dict[str, str] = {}

    def graph_of(self, traced: GraphModule) -> Graph:
        """The graph under new names, node by node."""
        graph, copies = Graph(), dict[Node, Node]()
        for node in traced.graph.nodes:
            copies[node] = graph.create_node(
                node.op,
                self._target(node),
                map_arg(node.args, copies.__getitem__),
                map_arg(node.kwargs, copies.__getitem__),
                next(self.names),
            )
        return graph

    def _target(self, node: Node) -> Any:
        if node.op in ("call_module", "get_attr"):
            depth = 1 + len(self.held) % 3
            return self.held.setdefault(
                str(node.target), ".".join(next(self.names) for _ in range(depth))
            )
        return next(self.names) if node.op == "placeholder" else node.target


def _names(random: Random) -> Iterator[str]:
    """Identifiers that never repeat: a misleading word, a number, sometimes another word."""
    number = 0
    while True:
        number += random.randint(1, 9)
        first, second = random.sample(_MISLEADING, 2)
        yield random.choice((f"{first}_{number}", f"{first}_{number}_{second}"))


def _attribute(root: nn.Module, path: str) -> Any:
    return reduce(getattr, path.split("."), root)


def _build_renamed(network: Network, seed: int) -> nn.Module:
    return renamed(network.build(), seed)
