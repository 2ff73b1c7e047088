"""What an operation is to a drawn network: source text, a shape, and what it does to a scale.

A *crossing* says where a factor per channel of the result would have to stand on the input for the
result to come out multiplied by it: f(s x) = s f(x) for s > 0, channel by channel. What does so
is a pass-through by the specification (ReLU, LeakyReLU, PReLU, max and average pooling, dropout in
eval, identity), or an operation on which the specification is silent: those are *open*, and a
scale may be folded through them or not.
"""

from dataclasses import dataclass

from eqconform_models.drawn.description import Node, Shape


@dataclass(frozen=True)
class Site:
    """An operation where it stands.

    Attributes:
        node: the operation.
        shapes: sample shapes of its inputs.
        x: the expressions of its inputs.
        held: what it holds on the model: "self.fc".
        holder: the operation whose weight it uses; itself, save where the weight is another's.
    """

    node: Node
    shapes: tuple[Shape, ...]
    x: tuple[str, ...] = ()
    held: str = ""
    holder: Node | None = None


@dataclass(frozen=True)
class Crossing:
    """Where a scale on the result stands on the first input.

    Attributes:
        axis: the channel axis of the input, counted from the end.
        open: the specification does not say whether this counts as a pass-through.
    """

    axis: int
    open: bool = False


class Operation:
    """The frame; by itself it lets no scale through.

    Attributes:
        arity: how many values it reads.
        layer: it is a Linear or a convolution.
        spellings: how many ways there are to write it.
    """

    arity = 1
    layer = False
    spellings = 1

    def inplace(self, node: Node) -> bool:
        """Whether it overwrites its input."""
        return False

    def alias(self, node: Node) -> bool:
        """Whether its result may share memory with its input."""
        return self.inplace(node)

    def statements(self, site: Site) -> list[str]:
        """The lines of the constructor."""
        return []

    def expression(self, site: Site) -> str:
        """What computes it in the forward."""
        raise NotImplementedError

    def result(self, node: Node, shapes: tuple[Shape, ...]) -> Shape:
        """Sample shape of the result."""
        return shapes[0]

    def crossing(self, node: Node, shape: Shape, axis: int) -> Crossing | None:
        """Where a scale along `axis` of the result comes from; None: it lets none through.

        Args:
            node: the operation.
            shape: sample shape of its first input.
            axis: of the result, counted from the end.
        """
        return None

    def produces(self, node: Node, shape: Shape) -> int | None:
        """The channel axis of the result whose channels are rows that can take a scale.

        None where it has no such rows.
        """
        return None
