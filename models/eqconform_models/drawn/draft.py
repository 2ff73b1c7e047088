"""A network in the making: what is there so far, and in which spellings an operation may follow.

How often which one does is `eqconform_models.drawn.grammar`'s business.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from eqconform_models.drawn.description import Node, Shape
from eqconform_models.drawn.layers import called_as_module, kept_by_module
from eqconform_models.drawn.operations import OPERATIONS, operation

T = TypeVar("T")
Choose = Callable[[int], int]
"""Of n choices one: a number below n."""

_NAMES = (
    *("fc", "conv", "relu", "relu6", "pre_relu_norm", "bias_weight", "linear_relu", "block.linear"),
    *("größe", "λ", "block.relu.conv", "weight_fake_quant", "layer1.bn", "identity", "mul", "_x"),
)


@dataclass
class Draft:
    """A network in the making.

    Attributes:
        choose: makes every choice.
        batched: the inputs have a batch axis, which shapes leave out.
        shapes: of every value: the inputs, then the results of the operations.
        nodes: the operations.
        spoiled: values that were overwritten, and are not to be read again.
        shared: values that may share memory with another one.
        read: values that some operation reads.
    """

    choose: Choose
    batched: bool
    shapes: list[Shape]
    nodes: list[Node] = field(default_factory=list)
    spoiled: set[int] = field(default_factory=set)
    shared: set[int] = field(default_factory=set)
    read: set[int] = field(default_factory=set)

    def pick(self, among: Sequence[T]) -> T:
        """One of them, the first being the simplest."""
        return among[self.choose(len(among))]

    def rarely(self, times: int) -> bool:
        """True once in so many times, and not in the simplest case."""
        return self.choose(times) == times - 1

    @property
    def inputs(self) -> int:
        """How many values are inputs."""
        return len(self.shapes) - len(self.nodes)

    def node(self, value: int) -> Node:
        """The operation whose result a value is."""
        return self.nodes[value - self.inputs]

    @property
    def readable(self) -> list[int]:
        """The values that may be read, the latest first."""
        return [each for each in reversed(range(len(self.shapes))) if each not in self.spoiled]

    def add(self, op: str, inputs: tuple[int, ...], **settings: Any) -> None:
        """Append an operation, spelled somehow."""
        name = self._name()
        spelling = self.pick(self.spellings(op, inputs, settings))
        node = Node(op, inputs, spelling, settings, name)
        value = len(self.shapes)
        if operation(node).alias(node):
            self.shared.update((value, *inputs))
        if operation(node).inplace(node):
            self.spoiled.add(inputs[0])
            self.shared.discard(value)
        self.read.update(inputs)
        self.shapes.append(operation(node).result(node, tuple(self.shapes[i] for i in inputs)))
        self.nodes.append(node)

    def spellings(self, op: str, inputs: tuple[int, ...], settings: Mapping[str, Any]) -> list[int]:
        """In which spellings an operation may stand here."""
        node = Node(op, inputs, 0, settings)
        return [n for n in range(OPERATIONS[op].spellings) if self._may(node, n)]

    def _may(self, node: Node, spelling: int) -> bool:
        """Whether a spelling is possible here."""
        spelled = Node(node.op, node.inputs, spelling, node.settings, node.name)
        if operation(node).layer:
            return self._may_layer(spelled)
        if "of" in node.settings and spelling != self.node(node.settings["of"]).spelling:
            return False
        if not operation(node).inplace(spelled):
            return True
        first = node.inputs[0]  # those that have read it before saw what it was
        own = first >= self.inputs and first not in self.shared
        return own and node.inputs.count(first) == 1

    def _may_layer(self, node: Node) -> bool:
        """Padding modes are a module's, and whose tensors are no module's is called with them."""
        as_module = kept_by_module(node) and called_as_module(node)
        if node.settings.get("mode", "zeros") != "zeros":
            return as_module
        if "of" in node.settings:
            holder = self.node(node.settings["of"])
            return kept_by_module(holder) or not as_module
        return True

    def _name(self) -> str:
        taken = {node.name for node in self.nodes}
        name = self.pick(_NAMES)
        return name if name not in taken else f"{name}_{len(self.nodes)}"
