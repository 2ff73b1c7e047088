"""Guards: what a graph takes for granted, held at every call.

A graph is made for one way of calling. Called in another, it would go on computing what no longer
is the model's function; a guard in the graph makes that an error.
"""

from __future__ import annotations

from reprlib import repr as short

from torch.fx import Graph, Node, Proxy
from torch.fx.node import Argument, has_side_effect


def add_guard(graph: Graph, node: Node, expected: Argument, what: str) -> None:
    """Make the graph refuse every other value of `node` than `expected`, right after it."""
    with graph.inserting_after(node):
        graph.call_function(hold, (node, expected, what))


@has_side_effect
def hold(value: object, expected: object, what: str) -> None:
    """Refuse another value than that which a graph was made for.

    Raises:
        ValueError: naming `what` it is.
    """
    if isinstance(value, Proxy):  # traced once more, as unpickling does: the guard stays
        value.tracer.create_proxy("call_function", hold, (value, expected, what), {})
    elif value is not expected and value != expected:
        before = "left out" if expected is ... else repr(expected)
        raise ValueError(
            f"{what} was {before} when the graph was made, and now is {short(value)}. Give prepare "
            "an example, and calibrate with batches, as the model will be called."
        )
