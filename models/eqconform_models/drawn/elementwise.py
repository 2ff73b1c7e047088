"""What stands between layers element by element, in all its spellings, and pooling.

Whether a scale passes is a matter of what is computed: `PASSES` by the specification, `OPEN` where
it is silent, and the rest not at all, however much it looks like a ReLU.
"""

from dataclasses import dataclass
from enum import Enum

from eqconform_models.drawn.description import Node, Shape
from eqconform_models.drawn.operation import Crossing, Operation, Site


class Scales(Enum):
    """Whether a factor per channel comes out as it went in."""

    PASSES = "passes"
    OPEN = "open"
    BLOCKED = "blocked"


@dataclass(frozen=True)
class Spelling:
    """One way to write an operation; {x} is its input, {m} what it holds, {c} its channels.

    Attributes:
        text: the expression.
        held: what it holds: a module or a parameter.
        inplace: it overwrites its input.
    """

    text: str
    held: str = ""
    inplace: bool = False


def module(constructor: str) -> Spelling:
    """The spelling that calls a module."""
    return Spelling("{m}({x})", constructor, inplace="inplace=True" in constructor)


def overwriting(text: str) -> Spelling:
    """A spelling that overwrites its input."""
    return Spelling(text, inplace=True)


class Elementwise(Operation):
    """f(x), element by element; by the module of an earlier one, with the setting "of"."""

    def __init__(self, scales: Scales, *ways: Spelling, alias: bool = False) -> None:
        self.scales = scales
        self.ways = ways
        self.spellings = len(ways)
        self._alias = alias

    def inplace(self, node: Node) -> bool:
        return self.ways[node.spelling].inplace

    def alias(self, node: Node) -> bool:
        return self._alias or self.inplace(node)

    def statements(self, site: Site) -> list[str]:
        held = self.ways[site.node.spelling].held if "of" not in site.node.settings else ""
        return [f"{site.held} = {held.format(c=site.shapes[0][0])}"] if held else []

    def expression(self, site: Site) -> str:
        return self.ways[site.node.spelling].text.format(x=site.x[0], m=site.held)

    def crossing(self, node: Node, shape: Shape, axis: int) -> Crossing | None:
        if self.scales is Scales.BLOCKED:
            return None
        return Crossing(axis, open=self.scales is Scales.OPEN)


class Pool(Operation):
    """Max or average pooling over the last axes: of kernel `kernel` and stride `stride`."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.spellings = 2

    def statements(self, site: Site) -> list[str]:
        node, n = site.node, len(site.shapes[0]) - 1
        if node.spelling:
            return []
        return [f"{site.held} = nn.{self.kind}Pool{n}d({self._arguments(node)})"]

    def expression(self, site: Site) -> str:
        node, n = site.node, len(site.shapes[0]) - 1
        if not node.spelling:
            return f"{site.held}({site.x[0]})"
        function = {"Max": "max", "Avg": "avg"}[self.kind]
        return f"F.{function}_pool{n}d({site.x[0]}, {self._arguments(node)})"

    def result(self, node: Node, shapes: tuple[Shape, ...]) -> Shape:
        kernel, stride = node.settings["kernel"], node.settings["stride"]
        return (shapes[0][0], *((size - kernel) // stride + 1 for size in shapes[0][1:]))

    def crossing(self, node: Node, shape: Shape, axis: int) -> Crossing | None:
        return Crossing(axis) if axis == -len(shape) else None

    @staticmethod
    def _arguments(node: Node) -> str:
        kernel, stride = node.settings["kernel"], node.settings["stride"]
        return f"{kernel}" if stride == kernel else f"{kernel}, stride={stride}"


class AdaptivePool(Operation):
    """Adaptive max or average pooling of the last axes to `size`."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.spellings = 2

    def statements(self, site: Site) -> list[str]:
        node, n = site.node, len(site.shapes[0]) - 1
        size = node.settings["size"]
        return [] if node.spelling else [f"{site.held} = nn.Adaptive{self.kind}Pool{n}d({size})"]

    def expression(self, site: Site) -> str:
        node, n = site.node, len(site.shapes[0]) - 1
        if not node.spelling:
            return f"{site.held}({site.x[0]})"
        function = self.kind.lower()
        return f"F.adaptive_{function}_pool{n}d({site.x[0]}, {node.settings['size']})"

    def result(self, node: Node, shapes: tuple[Shape, ...]) -> Shape:
        return (shapes[0][0], *[node.settings["size"]] * (len(shapes[0]) - 1))

    def crossing(self, node: Node, shape: Shape, axis: int) -> Crossing | None:
        return Crossing(axis) if axis == -len(shape) else None


ELEMENTWISE: dict[str, Operation] = {
    "relu": Elementwise(
        Scales.PASSES,
        module("nn.ReLU()"),
        Spelling("F.relu({x})"),
        Spelling("torch.relu({x})"),
        Spelling("{x}.relu()"),
        Spelling("F.relu(input={x})"),
        module("nn.ReLU(inplace=True)"),
        overwriting("F.relu({x}, inplace=True)"),
        overwriting("F.relu_({x})"),
        overwriting("torch.relu_({x})"),
        overwriting("{x}.relu_()"),
    ),
    "leaky_relu": Elementwise(
        Scales.PASSES,
        module("nn.LeakyReLU(0.2)"),
        Spelling("F.leaky_relu({x}, 0.2)"),
        Spelling("F.leaky_relu({x}, negative_slope=0.2)"),
        module("nn.LeakyReLU(0.2, inplace=True)"),
        overwriting("F.leaky_relu_({x}, 0.2)"),
    ),
    "prelu": Elementwise(
        Scales.PASSES,
        module("nn.PReLU()"),
        Spelling("F.prelu({x}, {m})", "nn.Parameter(torch.empty(1))"),
        Spelling("torch.prelu({x}, {m})", "nn.Parameter(torch.empty(1))"),
    ),
    "prelu_per_channel": Elementwise(Scales.PASSES, module("nn.PReLU({c})")),
    "identity": Elementwise(Scales.PASSES, module("nn.Identity()"), alias=True),
    "dropout": Elementwise(
        Scales.PASSES,
        module("nn.Dropout(0.5)"),
        Spelling("F.dropout({x}, 0.5, self.training)"),
        Spelling("F.dropout({x}, p=0.5, training=False)"),
        alias=True,
    ),
    "relu6": Elementwise(
        Scales.BLOCKED,
        module("nn.ReLU6()"),
        Spelling("F.relu6({x})"),
        module("nn.ReLU6(inplace=True)"),
    ),
    "hardtanh": Elementwise(
        Scales.BLOCKED,
        module("nn.Hardtanh(0.0, 6.0)"),
        Spelling("F.hardtanh({x}, 0.0, 30.0)"),
        module("nn.Hardtanh(-30.0, 30.0)"),
        Spelling("{x}.clamp(-20.0, 20.0)"),
        Spelling("torch.clamp({x}, max=20.0)"),
        overwriting("F.hardtanh_({x}, -3.0, 3.0)"),
    ),
    "hardswish": Elementwise(
        Scales.BLOCKED, module("nn.Hardswish()"), Spelling("F.hardswish({x})")
    ),
    "gelu": Elementwise(Scales.BLOCKED, module("nn.GELU()"), Spelling("F.gelu({x})")),
    "silu": Elementwise(
        Scales.BLOCKED,
        module("nn.SiLU()"),
        Spelling("F.silu({x})"),
        Spelling("{x} * torch.sigmoid({x})"),
    ),
    "sigmoid": Elementwise(
        Scales.BLOCKED,
        module("nn.Sigmoid()"),
        Spelling("torch.sigmoid({x})"),
        Spelling("{x}.sigmoid()"),
        Spelling("F.sigmoid({x})"),
        overwriting("{x}.sigmoid_()"),
    ),
    "tanh": Elementwise(
        Scales.BLOCKED,
        module("nn.Tanh()"),
        Spelling("torch.tanh({x})"),
        Spelling("{x}.tanh()"),
        overwriting("torch.tanh_({x})"),
    ),
    "elu": Elementwise(
        Scales.BLOCKED,
        module("nn.ELU()"),
        Spelling("F.elu({x})"),
        Spelling("F.selu({x})"),
        Spelling("F.celu({x}, 0.7)"),
    ),
    "softplus": Elementwise(Scales.BLOCKED, module("nn.Softplus()"), Spelling("F.softplus({x})")),
    "threshold": Elementwise(
        Scales.BLOCKED, module("nn.Threshold(0.5, 0.0)"), Spelling("F.threshold({x}, 0.1, -1.0)")
    ),
    "softmax": Elementwise(
        Scales.BLOCKED,
        module("nn.Softmax(-1)"),
        Spelling("{x}.softmax(-1)"),
        Spelling("F.softmax({x}, dim=-1)"),
        Spelling("torch.softmax({x}, -1)"),
    ),
    "normalize": Elementwise(Scales.BLOCKED, Spelling("F.normalize({x}, dim=-1)")),
    "shift": Elementwise(
        Scales.BLOCKED,
        Spelling("{x} + 1.0"),
        Spelling("torch.add({x}, 0.5)"),
        Spelling("{x}.sub(0.25)"),
        Spelling("1.0 - {x}"),
        overwriting("{x}.add_(1.0)"),
    ),
    "square": Elementwise(
        Scales.BLOCKED,
        Spelling("0.1 * {x} * {x}"),
        Spelling("(0.2 * {x}) ** 2"),
        Spelling("torch.square(0.2 * {x})"),
    ),
    "times": Elementwise(
        Scales.OPEN, Spelling("{x} * 2.0"), Spelling("torch.mul({x}, 0.5)"), Spelling("-{x}")
    ),
    "cut": Elementwise(
        Scales.OPEN,
        Spelling("{x}.clamp(min=0)"),
        Spelling("torch.clamp_min({x}, 0.0)"),
        Spelling("torch.abs({x})"),
        overwriting("{x}.abs_()"),
        overwriting("{x}.clamp_(min=0)"),
    ),
    "same": Elementwise(
        Scales.OPEN,
        Spelling("{x}.clone()"),
        Spelling("{x}.contiguous()"),
        Spelling("{x}.detach()"),
        alias=True,
    ),
    "max_pool": Pool("Max"),
    "avg_pool": Pool("Avg"),
    "adaptive_max_pool": AdaptivePool("Max"),
    "adaptive_avg_pool": AdaptivePool("Avg"),
}


def holds(node: Node) -> bool:
    """Whether an operation, as it is written, holds a module or a parameter that others may use."""
    each = ELEMENTWISE.get(node.op)
    return isinstance(each, Elementwise) and bool(each.ways[node.spelling].held)
