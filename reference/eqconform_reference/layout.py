"""The layout of one traced graph: what planning reads, looked up once."""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor, nn
from torch.fx import GraphModule, Node

from eqconform_reference.config import Config
from eqconform_reference.layers import LayerCall, layer_calls
from eqconform_reference.names import names_of
from eqconform_reference.observers import InputEqualizationObserver
from eqconform_reference.tensors import tensor_users


class Layout:
    """A graph module, its layer calls, and who uses which tensor.

    Args:
        graph_module: traced, with or without observers.
        config: what to equalize.
        foreign: ids of tensors that code outside this graph uses too.
        part: the qualified name of the module that the graph is of.
    """

    def __init__(
        self,
        graph_module: GraphModule,
        config: Config,
        foreign: Collection[int] = (),
        part: str = "",
    ) -> None:
        self.graph_module = graph_module
        self.config = config
        self.foreign = foreign
        self.part = part
        self._users = tensor_users(graph_module)
        self.calls = {call.node: call for call in layer_calls(graph_module, config, part)}

    def groups(self) -> list[tuple[LayerCall, ...]]:
        """The layer calls, those of one weight together."""
        groups: dict[int, list[LayerCall]] = {}
        for call in self.calls.values():
            key = id(call.node if call.weight is None else call.weight)
            groups.setdefault(key, []).append(call)
        return [tuple(calls) for calls in groups.values()]

    def users(self, tensor: Tensor) -> list[Node]:
        """The nodes that compute with a tensor."""
        return list(self._users[id(tensor)])

    def module(self, node: Node) -> nn.Module:
        """The module that a `call_module` node calls."""
        return self.graph_module.get_submodule(str(node.target))

    def observer(self, call: LayerCall) -> InputEqualizationObserver | None:
        """The observer that `prepare` put before the call."""
        if call.input.op != "call_module":
            return None
        module = self.module(call.input)
        return module if isinstance(module, InputEqualizationObserver) else None

    def obstacle(self, calls: tuple[LayerCall, ...]) -> str:
        """Why the calls of one weight are left alone, or ""."""
        if problem := next((call.problem for call in calls if call.problem), ""):
            return problem
        if any(self.config.observers_for(c.name, c.operation) is None for c in calls):
            return "the configuration leaves it out"
        if len({(c.spatial, c.groups) for c in calls}) > 1:
            return "its weight is used by layers of different kinds"
        return self._other_use(calls, calls[0].held_weight)

    def _other_use(self, calls: tuple[LayerCall, ...], weight: Tensor) -> str:
        """What uses the weight beside the calls, or ""."""
        if id(weight) in self.foreign:
            return "its weight is also used outside the part of the network that was traced"
        nodes = {call.node for call in calls}
        if others := [node for node in self.users(weight) if node not in nodes]:
            return f"its weight is also used by {names_of(others, self.part)}"
        return "its weight is also its bias" if any(c.bias is weight for c in calls) else ""
