"""Layer calls: the places of a graph where a Linear or a convolution is computed.

A module and a function come out alike, so that everything after this file knows one kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType
from typing import Any, NamedTuple

import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn
from torch.fx import GraphModule, Node

from eqconform_reference.config import Config
from eqconform_reference.names import joined, name_of
from eqconform_reference.tensors import attribute, own_tensors


class _Kind(NamedTuple):
    module: type[nn.Module]
    function: Any
    spatial: int


_KINDS = {
    "linear": _Kind(nn.Linear, F.linear, 0),
    "conv1d": _Kind(nn.Conv1d, F.conv1d, 1),
    "conv2d": _Kind(nn.Conv2d, F.conv2d, 2),
    "conv3d": _Kind(nn.Conv3d, F.conv3d, 3),
}
FUNCTIONS = frozenset(kind.function for kind in _KINDS.values())
LAYER_TYPE = "eqconform_reference.layer_type"
"""Of a node's `meta`: the type of the layer whose own graph it is in."""

_ARGUMENTS = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")


@dataclass(frozen=True, eq=False)
class LayerCall:
    """One call of a layer.

    Attributes:
        node: the call.
        name: of the module, or of a functional layer's weight; of the call where that is computed.
        operation: the module, its type or the function, for the configuration.
        spatial: number of spatial axes, 0 for Linear.
        groups: of a convolution.
        input: the node whose output is the layer's input.
        weight: the tensor itself; None where it is computed.
        bias: the tensor itself; None where there is none, or where it is computed.
        bias_is_computed: there is a bias, and the graph computes it.
        problem: why the layer cannot be equalized, or "".
    """

    node: Node
    name: str
    operation: object
    spatial: int
    groups: int
    input: Node
    weight: Tensor | None
    bias: Tensor | None
    bias_is_computed: bool
    problem: str

    @property
    def channel_axis(self) -> int:
        """Of the input and of the output, counted from the end: it fits with and without batch."""
        return -(self.spatial + 1)

    @property
    def held_weight(self) -> Tensor:
        """The weight of a call, which has one if it has no `problem`."""
        if self.weight is None:
            raise ValueError(f"{self.name} holds no weight: {self.problem}")
        return self.weight

    @property
    def channels(self) -> int:
        """Number of input channels."""
        return self.held_weight.shape[1] * self.groups


def is_layer(module: nn.Module, config: Config) -> bool:
    """Whether the module computes a supported layer, and nothing else, from weight and bias."""
    return _module_kind(module, config) is not None


def layer_calls(graph_module: GraphModule, config: Config, part: str = "") -> list[LayerCall]:
    """The layer calls of a graph, in the order of execution.

    Args:
        graph_module: with the graph.
        config: names custom layers.
        part: the qualified name of the module that the graph is of.
    """
    names = {key: joined(part, name) for key, name in tensor_names(graph_module).items()}
    found = (
        _layer_call(node, graph_module, config, names, part) for node in graph_module.graph.nodes
    )
    return [call for call in found if call is not None]


def tensor_names(root: nn.Module) -> dict[int, str]:
    """Id of each tensor in the module and below to its qualified name, the first of several."""
    found: dict[int, str] = {}
    for path, module in root.named_modules():
        for name, tensor in own_tensors(module):
            found.setdefault(id(tensor), f"{path}.{name}" if path else name)
    return found


def argument(node: Node, position: int, name: str) -> Any:
    """An argument of a call, given by position or by keyword; None where it is left out."""
    return node.args[position] if position < len(node.args) else node.kwargs.get(name)


def is_altered(module: nn.Module) -> bool:
    """Whether hooks, or a forward of its own, may change what the module's type computes."""
    hooks = module._forward_hooks or module._forward_pre_hooks  # noqa: SLF001  no public way
    return bool(hooks) or "forward" in vars(module)


def _layer_call(
    node: Node, root: GraphModule, config: Config, names: dict[int, str], part: str
) -> LayerCall | None:
    if not isinstance(argument(node, 0, "input"), Node):
        return None
    if node.op == "call_module":
        module = root.get_submodule(str(node.target))
        kind = _module_kind(module, config)
        return kind and _module_call(node, module, kind, name_of(node, part))
    kind = next((k for k in _KINDS.values() if k.function is node.target), None)
    return kind and _function_call(node, root, kind, names, part)


def _module_kind(module: nn.Module, config: Config) -> _Kind | None:
    for module_type, name in config.custom.items():
        if isinstance(module, module_type):
            return _KINDS[name]
    for kind in _KINDS.values():
        if isinstance(module, kind.module) and _keeps_forward(module, kind.module):
            return kind
    return None


def _keeps_forward(module: nn.Module, base: type[nn.Module]) -> bool:
    # A convolution's forward is a frame around _conv_forward, and an instance can have its own.
    return all(
        getattr(type(module), name, None) is getattr(base, name, None) and name not in vars(module)
        for name in ("forward", "_conv_forward", "__call__")
    )


def _module_call(node: Node, module: nn.Module, kind: _Kind, name: str) -> LayerCall:
    own = dict(own_tensors(module))
    hooked = "it has hooks or a forward of its own, which may change what it computes"
    return LayerCall(
        node=node,
        name=name,
        operation=module,
        spatial=kind.spatial,
        groups=int(getattr(module, "groups", 1)),
        input=argument(node, 0, "input"),
        weight=own.get("weight"),
        bias=own.get("bias"),
        bias_is_computed="bias" not in own and getattr(module, "bias", None) is not None,
        problem=hooked if is_altered(module) else _problem(own.get("weight"), kind),
    )


def _function_call(
    node: Node, root: GraphModule, kind: _Kind, names: dict[int, str], part: str
) -> LayerCall:
    given = {name: argument(node, i, name) for i, name in enumerate(_ARGUMENTS)}
    weight, bias = (_held_tensor(given[name], root) for name in ("weight", "bias"))
    constant = isinstance(given["groups"], (int, NoneType))
    return LayerCall(
        node=node,
        name=name_of(node, part) if weight is None else names[id(weight)].removesuffix(".weight"),
        operation=node.meta.get(LAYER_TYPE, node.target),
        spatial=kind.spatial,
        groups=given["groups"] or 1,
        input=given["input"],
        weight=weight,
        bias=bias,
        bias_is_computed=bias is None and given["bias"] is not None,
        problem=_problem(weight, kind) if constant else "its groups are computed by the graph",
    )


def _problem(weight: Tensor | None, kind: _Kind) -> str:
    """Why the weight cannot be scaled, or ""."""
    if weight is None:
        return "its weight is computed (by the graph, or parametrized, pruned or normalized)"
    axes = 2 + kind.spatial  # a Linear's weight may be a vector, which has one
    if not weight.is_floating_point() or not weight.numel() or weight.ndim != axes:
        return f"its weight is of type {weight.dtype} and shape {tuple(weight.shape)}"
    return ""


def _held_tensor(value: object, root: GraphModule) -> Tensor | None:
    if isinstance(value, Node) and value.op == "get_attr":
        held = attribute(root, str(value.target))
        return held if isinstance(held, Tensor) else None
    return None
