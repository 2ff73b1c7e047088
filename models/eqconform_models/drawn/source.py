"""The source of a drawn network: written once, executed to build the model, printed in scripts.

So the model that is judged and the script that shows it can never differ.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from eqconform_models.drawn.description import Description, Node, Shape
from eqconform_models.drawn.operation import Site
from eqconform_models.drawn.operations import operation


def sample_shapes(description: Description) -> list[Shape]:
    """The sample shape of every value."""
    shapes = list(description.inputs)
    for node in description.nodes:
        given = tuple(shapes[each] for each in node.inputs)
        shapes.append(operation(node).result(node, given))
    return shapes


def class_source(description: Description) -> str:
    """The class `Network`, in terms of `torch`, `nn` and `F`."""
    shapes = sample_shapes(description)
    names = _value_names(description)
    made: dict[str, None] = {}
    body: list[str] = []
    for index, node in enumerate(description.nodes):
        site = _site(description, node, shapes, names)
        held = operation(node).statements(site)
        made.update(dict.fromkeys([*(_containers(node) if held else ()), *held]))
        value = names[len(description.inputs) + index]
        body.append(f"{value} = {operation(node).expression(site)}")
    lines = ["class Network(nn.Module):"]
    lines += _method("def __init__(self):", ["super().__init__()", *made])
    arguments = ", ".join(["self", *names[: len(description.inputs)]])
    result = _result(description, names)
    lines += ["", *_method(f"def forward({arguments}):", [*body, f"return {result}"])]
    return "\n".join(lines) + "\n"


def in_short(description: Description) -> str:
    """The network on one line: what it holds, and the statements of its forward."""
    lines = [line.strip() for line in class_source(description).splitlines()]
    plain = [each for each in lines if each and not each.startswith(("class ", "def ", "super()"))]
    traits = [f"{name}={getattr(description, name)}" for name in _TRAITS if _has(description, name)]
    return "; ".join([*plain, *traits])


_TRAITS = ("dtype", "channels_last", "dead", "constant", "silent")


def _has(description: Description, trait: str) -> bool:
    return getattr(description, trait) not in (False, "float32")


@cache
def _environment() -> dict[str, Any]:
    import torch  # noqa: PLC0415  the same three names as in a script
    import torch.nn.functional as F  # noqa: N812, PLC0415  as above

    return {"torch": torch, "nn": torch.nn, "F": F, "__name__": "eqconform_models.drawn.network"}


def network_class(description: Description) -> Any:
    """The class that the source defines."""
    names = dict(_environment())
    exec(compile(class_source(description), "<drawn network>", "exec"), names)  # noqa: S102  our own text
    return names["Network"]


def _method(head: str, body: list[str]) -> list[str]:
    return [f"    {head}", *(f"        {line}" for line in body)]


def _value_names(description: Description) -> list[str]:
    names = list(description.arguments[: len(description.inputs)])
    return names + [f"v{i}" for i in range(len(names), description.values)]


def _site(description: Description, node: Node, shapes: list[Shape], names: list[str]) -> Site:
    owner = description.node(node.settings["of"]) if "of" in node.settings else node
    assert owner is not None  # noqa: S101  for the type checker: "of" names an operation
    return Site(
        node,
        tuple(shapes[each] for each in node.inputs),
        tuple(names[each] for each in node.inputs),
        f"self.{owner.name}",
        owner,
    )


def _containers(node: Node) -> Iterator[str]:
    """The modules on the way to a dotted name."""
    parts = node.name.split(".")[:-1]
    for length in range(1, len(parts) + 1):
        yield f"self.{'.'.join(parts[:length])} = nn.Module()"


def _result(description: Description, names: list[str]) -> str:
    values = [names[each] for each in description.outputs]
    if description.container == "tensor":
        return values[0]
    if description.container == "dict":
        return "{" + ", ".join(f"'out{i}': {value}" for i, value in enumerate(values)) + "}"
    inside = ", ".join(values)
    return f"[{inside}]" if description.container == "list" else f"({inside},)"
