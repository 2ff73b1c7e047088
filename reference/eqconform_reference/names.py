"""Names: what the reader and the configuration know layers and the nodes of a graph by.

They are those of the whole model, also where the graph is of a part of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch.fx import Node

INSIDE = "eqconform_reference.inside"
"""Of a node's `meta`: the qualified name of the module in whose forward it is computed."""


def joined(part: str, name: str) -> str:
    """A qualified name of the whole model, from that of a part and one that holds in the part."""
    return f"{part}.{name}" if part and name else part or name


def name_of(node: Node, part: str = "") -> str:
    """The module that a node calls; else the one in which it is computed, and the node's own.

    Args:
        node: of a graph.
        part: the qualified name of the module that the graph is of.
    """
    if node.op == "call_module":
        return joined(part, str(node.target))
    inside = joined(part, node.meta.get(INSIDE, ""))
    return f"{inside} ({node.name})" if inside else node.name


def names_of(nodes: Iterable[Node], part: str = "") -> str:
    """The names of several nodes."""
    return ", ".join(name_of(node, part) for node in nodes)
