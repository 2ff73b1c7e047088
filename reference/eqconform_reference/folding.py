"""Folding: who can absorb the scale of a layer's input in place of a multiplication.

A scale is folded into a producer only where *every* consumer of the producer's output, through
whatever passes a scale, receives it as the input of this very layer. PyTorch 2.15 goes by the
name of the node before (torch/ao/quantization/fx/_equalize.py, convert_eq_obs), and drops the
scale of every layer behind a ReLU whose own producer cannot take it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from torch import Tensor, nn
from torch.fx import Node

from eqconform_reference.errors import counted
from eqconform_reference.homogeneous import enters_once, passes_through
from eqconform_reference.layers import LayerCall, argument, is_altered
from eqconform_reference.layout import Layout
from eqconform_reference.names import name_of, names_of
from eqconform_reference.tensors import own_tensors


@dataclass(frozen=True, eq=False)
class Producer:
    """What can take a scale in its rows: a layer, or the affine map at the end of a norm.

    Attributes:
        name: for the reader.
        operation: the module or function, for the configuration.
        weight: the rows are axis 0.
        bias: one element per row, or None.
        channel_axis: of its output, counted from the end; None: axis 1 of however many.
        rank: of its output, where `channel_axis` follows from that and not from its type.
    """

    name: str
    operation: object
    weight: Tensor
    bias: Tensor | None
    channel_axis: int | None
    rank: int | None = None


# What normalizes and then maps every channel by its weight and bias, and the axis of the channels.
_NORMS = {
    nn.BatchNorm1d: None,
    nn.BatchNorm2d: -3,
    nn.BatchNorm3d: -4,
    nn.GroupNorm: None,
    nn.LayerNorm: -1,
}


def producer_for(
    call: LayerCall, group: Collection[LayerCall], layout: Layout
) -> tuple[Producer | None, str]:
    """The producer that can absorb the scale of a call, or None and why there is none.

    Args:
        call: whose input is to be scaled.
        group: the calls that share its weight, `call` among them, and so its scale.
        layout: of the graph.
    """
    if layout.config.fold == "never":
        return None, "the configuration folds nothing"
    source = _source(call, layout)
    producer = _producer(source, layout)
    if isinstance(producer, str):
        return None, producer
    observer = layout.observer(call)
    if producer.channel_axis is None and observer and observer.ndim > 0:
        producer = replace(producer, channel_axis=1 - observer.ndim, rank=observer.ndim)
    why = _misfit(producer, call, layout) or _reaches_further(producer, layout)
    if why:
        return None, why
    served = {each.node for each in group}
    for node in layout.users(producer.weight):
        if stranger := _stranger(node, served, call.channel_axis, layout):
            return None, f"{name_of(stranger, layout.part)} uses the output of {producer.name} too"
    return producer, ""


def _source(call: LayerCall, layout: Layout) -> Node:
    """The node that the input comes from, through whatever passes a scale."""
    node = call.input
    while passes_through(node, layout.graph_module, call.channel_axis):
        before = argument(node, 0, "input")
        if not isinstance(before, Node):
            break
        node = before  # if it enters twice, it will be found a stranger to itself
    return node


def _producer(node: Node, layout: Layout) -> Producer | str:
    """The producer that a node is a call of, or why it is none."""
    layer = layout.calls.get(node)
    if layer is not None:
        if layer.problem:
            return f"{layer.name} cannot take it: {layer.problem}"
        if layer.bias_is_computed:
            return f"{layer.name} has a bias that is computed"
        axis = layer.channel_axis
        return Producer(layer.name, layer.operation, layer.held_weight, layer.bias, axis)
    if node.op == "call_module" and (
        norm := _norm(name_of(node, layout.part), layout.module(node))
    ):
        return norm
    return f"its input comes from {name_of(node, layout.part)}, which has no rows to scale"


def _norm(name: str, module: nn.Module) -> Producer | None:
    own = dict(own_tensors(module))
    weight = own.get("weight")
    if type(module) not in _NORMS or weight is None or weight.ndim != 1 or is_altered(module):
        return None
    return Producer(name, module, weight, own.get("bias"), _NORMS[type(module)])


def _misfit(producer: Producer, call: LayerCall, layout: Layout) -> str:
    """Why the producer's rows are not the channels of the call's input, or ""."""
    if layout.config.observers_for(producer.name, producer.operation) is None:
        return f"the configuration leaves {producer.name} out"
    if producer.channel_axis != call.channel_axis:
        return f"the channels of {producer.name} lie on another axis"
    if producer.weight.shape[0] != call.channels:
        rows = counted(producer.weight.shape[0], "row")
        return f"{producer.name} has {rows} for {counted(call.channels, 'channel')}"
    return ""


def _reaches_further(producer: Producer, layout: Layout) -> str:
    """What else would change with the producer's rows, or ""."""
    name, weight, bias = producer.name, producer.weight, producer.bias
    tensors = [weight] if bias is None else [weight, bias]
    if any(id(tensor) in layout.foreign for tensor in tensors):
        return f"{name} shares a tensor with what was not traced"
    nodes = layout.users(weight)
    for node in nodes:
        same = _producer(node, layout)
        if isinstance(same, str) or same.weight is not weight or same.bias is not bias:
            return f"the weight of {name} is also used by {name_of(node, layout.part)}"
    if bias is not None and (others := [n for n in layout.users(bias) if n not in nodes]):
        return f"the bias of {name} is also used by {names_of(others, layout.part)}"
    return ""


def _stranger(node: Node, served: set[Node], channel_axis: int, layout: Layout) -> Node | None:
    """A node that sees the producer's output, through what passes a scale, and is not served."""
    for user in node.users:
        if not enters_once(node, user):
            return user
        if user in served:
            continue
        if not passes_through(user, layout.graph_module, channel_axis):
            return user
        if stranger := _stranger(user, served, channel_axis, layout):
            return stranger
    return None
