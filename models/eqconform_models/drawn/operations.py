"""Every operation by name; here those that join values or move axes."""

from eqconform_models.drawn.description import Node, Shape
from eqconform_models.drawn.elementwise import ELEMENTWISE
from eqconform_models.drawn.layers import LAYERS
from eqconform_models.drawn.operation import Crossing, Operation, Site


class _Join(Operation):
    """Two values of one shape, element by element."""

    arity = 2

    def __init__(self, *texts: str) -> None:
        self.texts = texts
        self.spellings = len(texts)

    def inplace(self, node: Node) -> bool:
        return "_(" in self.texts[node.spelling]

    def expression(self, site: Site) -> str:
        return self.texts[site.node.spelling].format(x=site.x[0], y=site.x[1])


class _Concatenation(Operation):
    """Two values behind each other along `axis`."""

    arity = 2
    spellings = 2

    def expression(self, site: Site) -> str:
        axis, (x, y) = site.node.settings["axis"], site.x
        if site.node.spelling:
            return f"torch.cat([{x}, {y}], dim={axis})"
        return f"torch.cat(({x}, {y}), {axis})"

    def result(self, node: Node, shapes: tuple[Shape, ...]) -> Shape:
        axis, joined = node.settings["axis"], list(shapes[0])
        joined[axis] += shapes[1][axis]
        return tuple(joined)


class _Transposition(Operation):
    """The last two axes change places."""

    spellings = 2

    def alias(self, node: Node) -> bool:
        return True

    def expression(self, site: Site) -> str:
        text = "torch.transpose({x}, -2, -1)" if site.node.spelling else "{x}.transpose(-1, -2)"
        return text.format(x=site.x[0])

    def result(self, node: Node, shapes: tuple[Shape, ...]) -> Shape:
        *before, one, other = shapes[0]
        return (*before, other, one)

    def crossing(self, node: Node, shape: Shape, axis: int) -> Crossing | None:
        return Crossing({-1: -2, -2: -1}.get(axis, axis), open=True)


class _Flattening(Operation):
    """All axes of the sample become one."""

    spellings = 2

    def alias(self, node: Node) -> bool:
        return True

    def expression(self, site: Site) -> str:
        start = site.node.settings["start"]
        text = "{x}.flatten({start})" if site.node.spelling else "torch.flatten({x}, {start})"
        return text.format(x=site.x[0], start=start)

    def result(self, node: Node, shapes: tuple[Shape, ...]) -> Shape:
        count = 1
        for size in shapes[0]:
            count *= size
        return (count,)

    def crossing(self, node: Node, shape: Shape, axis: int) -> Crossing | None:
        """Of single pixels, and of a single channel, the axis lives on."""
        alive = [i - len(shape) for i, size in enumerate(shape) if size > 1]
        return Crossing(alive[0], open=True) if len(alive) == 1 else None


class _Mean(Operation):
    """The mean over all axes of the sample but the first."""

    spellings = 2

    def expression(self, site: Site) -> str:
        axes = tuple(range(1 - len(site.shapes[0]), 0))
        text = "{x}.mean({axes})" if site.node.spelling else "torch.mean({x}, dim={axes})"
        return text.format(x=site.x[0], axes=axes)

    def result(self, node: Node, shapes: tuple[Shape, ...]) -> Shape:
        return shapes[0][:1]

    def crossing(self, node: Node, shape: Shape, axis: int) -> Crossing | None:
        return Crossing(-len(shape), open=True)


class _Half(Operation):
    """The first `length` values along `axis`."""

    texts = (
        "{x}.narrow({axis}, 0, {length})",
        "torch.split({x}, {length}, {axis})[0]",
        "{x}.split({length}, dim={axis})[0]",
        "torch.narrow({x}, {axis}, 0, {length})",
    )
    spellings = len(texts)

    def alias(self, node: Node) -> bool:
        return True

    def expression(self, site: Site) -> str:
        return self.texts[site.node.spelling].format(x=site.x[0], **site.node.settings)

    def result(self, node: Node, shapes: tuple[Shape, ...]) -> Shape:
        found = list(shapes[0])
        found[node.settings["axis"]] = node.settings["length"]
        return tuple(found)

    def crossing(self, node: Node, shape: Shape, axis: int) -> Crossing | None:
        """Of half of the channels the other half would have to follow."""
        return None if axis == node.settings["axis"] else Crossing(axis, open=True)


OPERATIONS: dict[str, Operation] = {
    **LAYERS,
    **ELEMENTWISE,
    "add": _Join("{x} + {y}", "torch.add({x}, {y})", "{x}.add({y})", "{x}.add_({y})"),
    "subtract": _Join("{x} - {y}", "torch.sub({x}, {y})"),
    "multiply": _Join("{x} * torch.sigmoid({y})", "torch.mul({x}, torch.tanh({y}))"),
    "maximum": _Join("torch.maximum({x}, {y})"),
    "concatenate": _Concatenation(),
    "transpose": _Transposition(),
    "half": _Half(),
    "flatten": _Flattening(),
    "mean": _Mean(),
}


def operation(node: Node) -> Operation:
    """The operation that a node names."""
    return OPERATIONS[node.op]
