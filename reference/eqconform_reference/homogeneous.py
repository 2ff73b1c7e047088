"""What a scale may pass through.

A node passes a scale through where f(s · x) = s · f(x), channel by channel, for every s > 0.
Type and arguments of the operation decide, never its name in the graph.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import nn
from torch.fx import GraphModule, Node

from eqconform_reference.layers import argument, is_altered
from eqconform_reference.observers import InputEqualizationObserver

_ELEMENTWISE_MODULES = (
    *(nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.Identity),
    *(nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d),
)
_ELEMENTWISE_FUNCTIONS = {
    *(F.relu, F.relu_, torch.relu, torch.relu_),
    *(F.leaky_relu, F.leaky_relu_, F.prelu, torch.prelu),
    *(F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, torch.dropout),
}
_ELEMENTWISE_METHODS = {"relu", "relu_", "contiguous"}

# Pooling over the last n axes leaves channels apart only where the channel axis is before them.
_POOLING_MODULES = {
    getattr(nn, f"{kind}Pool{n}d"): n
    for kind in ("Max", "Avg", "AdaptiveMax", "AdaptiveAvg")
    for n in (1, 2, 3)
}
_POOLING_FUNCTIONS = {
    getattr(namespace, f"{kind}_pool{n}d"): n
    for kind in ("max", "avg", "adaptive_max", "adaptive_avg")
    for n in (1, 2, 3)
    for namespace in (F, torch)
    if hasattr(namespace, f"{kind}_pool{n}d")
}


def passes_through(node: Node, root: GraphModule, channel_axis: int) -> bool:
    """Whether a per-channel scale on the node's first argument comes out as it went in.

    Args:
        node: any node.
        root: holds its module.
        channel_axis: of the channels that are scaled, counted from the end.
    """
    if node.op == "call_module":
        module = root.get_submodule(str(node.target))
        if isinstance(module, InputEqualizationObserver):
            return True
        # A subclass may compute something else; ReLU6 is no ReLU.
        kind = type(module)
        known = kind in _ELEMENTWISE_MODULES or _spares(_POOLING_MODULES.get(kind), channel_axis)
        return known and not is_altered(module)
    if node.op == "call_function":
        pooled = _POOLING_FUNCTIONS.get(node.target)
        return node.target in _ELEMENTWISE_FUNCTIONS or _spares(pooled, channel_axis)
    return node.op == "call_method" and node.target in _ELEMENTWISE_METHODS


def enters_once(value: Node, node: Node) -> bool:
    """Whether `node` takes `value` as its first argument, `input`, and nowhere else."""
    occurrences: list[Node] = []
    torch.fx.node.map_arg((node.args, node.kwargs), occurrences.append)
    return argument(node, 0, "input") is value and occurrences.count(value) == 1


def _spares(pooled: Any, channel_axis: int) -> bool:
    return pooled is not None and channel_axis < -pooled
