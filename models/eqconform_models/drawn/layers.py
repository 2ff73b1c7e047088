"""Linear, convolutions and norms, as modules and as functions with tensors of their own.

A layer's tensors are a module's, parameters or buffers, and its call is a module's or a function's:
`_WAYS` holds the combinations. A layer may use the weight and bias of an earlier one (the setting
"of"): the same module called again, or its tensors given to a function.
"""

from typing import NamedTuple

from eqconform_models.drawn.description import Node, Shape
from eqconform_models.drawn.operation import Operation, Site


class _Way(NamedTuple):
    """Where the tensors are (module, parameter, buffer), and how the layer is called."""

    kept: str
    call: str


_WAYS = (
    _Way("module", "module"),
    _Way("parameter", "positions"),
    _Way("parameter", "keywords"),
    _Way("parameter", "all keywords"),
    _Way("buffer", "positions"),
    _Way("module", "positions"),
    _Way("module", "keywords"),
)


class _Layer(Operation):
    """A layer with weight and bias."""

    layer = True
    spellings = len(_WAYS)

    def function(self, shape: Shape) -> str:
        """The function's name."""
        raise NotImplementedError

    def constructor(self, node: Node, shape: Shape) -> str:
        """The module's constructor."""
        raise NotImplementedError

    def weight_shape(self, node: Node, shape: Shape) -> Shape:
        """Shape of the weight."""
        raise NotImplementedError

    def options(self, node: Node) -> list[tuple[str, str]]:
        """Further arguments of the function, by name."""
        return []

    def statements(self, site: Site) -> list[str]:
        node, m = site.node, site.held
        if "of" in node.settings:
            return []
        kept = _WAYS[node.spelling].kept
        if kept == "module":
            return [f"{m} = {self.constructor(node, site.shapes[0])}"]
        shape = self.weight_shape(node, site.shapes[0])
        tensors = {"weight": shape}
        if node.settings["bias"]:
            tensors["bias"] = shape[:1]
        return [_kept(kept, f"{m}_{name}", size) for name, size in tensors.items()]

    def expression(self, site: Site) -> str:
        holder = site.holder or site.node
        kept, call = _WAYS[holder.spelling].kept, _WAYS[site.node.spelling].call
        if kept == "module" and call == "module":
            return f"{site.held}({site.x[0]})"
        joint = "." if kept == "module" else "_"
        tensors = [("weight", f"{site.held}{joint}weight")]
        tensors += [("bias", f"{site.held}{joint}bias" if holder.settings["bias"] else "None")]
        given = [("input", site.x[0]), *tensors, *self.options(site.node)]
        positional = {"all keywords": 0, "keywords": 1}.get(call, len(given))
        words = [value for _, value in given[:positional]]
        words += [f"{name}={value}" for name, value in given[positional:]]
        return f"F.{self.function(site.shapes[0])}({', '.join(words)})"


class Linear(_Layer):
    """From the last axis to `out` features."""

    def function(self, shape: Shape) -> str:
        return "linear"

    def constructor(self, node: Node, shape: Shape) -> str:
        return f"nn.Linear({shape[-1]}, {node.settings['out']}{_without_bias(node)})"

    def weight_shape(self, node: Node, shape: Shape) -> Shape:
        return (node.settings["out"], shape[-1])

    def result(self, node: Node, shapes: tuple[Shape, ...]) -> Shape:
        return (*shapes[0][:-1], node.settings["out"])

    def produces(self, node: Node, shape: Shape) -> int | None:
        return -1


class Conv(_Layer):
    """A convolution over the axes behind the first of the sample.

    Settings: out, bias, kernel, stride, padding ("same" too), dilation, groups, mode (of padding).
    """

    def function(self, shape: Shape) -> str:
        return f"conv{len(shape) - 1}d"

    def constructor(self, node: Node, shape: Shape) -> str:
        settings = node.settings
        words = [f"{shape[0]}", f"{settings['out']}", f"{settings['kernel']}"]
        words += [f"{name}={value}" for name, value in self.options(node)]
        if settings["mode"] != "zeros":
            words.append(f"padding_mode={settings['mode']!r}")
        return f"nn.Conv{len(shape) - 1}d({', '.join(words)}{_without_bias(node)})"

    def weight_shape(self, node: Node, shape: Shape) -> Shape:
        settings, spatial = node.settings, len(shape) - 1
        return (settings["out"], shape[0] // settings["groups"], *[settings["kernel"]] * spatial)

    def options(self, node: Node) -> list[tuple[str, str]]:
        names = ("stride", "padding", "dilation", "groups")
        return [(name, repr(node.settings[name])) for name in names]

    def result(self, node: Node, shapes: tuple[Shape, ...]) -> Shape:
        settings = node.settings
        if settings["padding"] == "same":
            return (settings["out"], *shapes[0][1:])
        reach = settings["dilation"] * (settings["kernel"] - 1) + 1
        lost = 2 * settings["padding"] - reach
        return (settings["out"], *((s + lost) // settings["stride"] + 1 for s in shapes[0][1:]))

    def produces(self, node: Node, shape: Shape) -> int | None:
        return -len(shape)


class _Norm(Operation):
    """A normalization; with `affine`, a map per channel comes last."""

    spellings = 2

    def function(self, site: Site) -> str:
        """The call of the function."""
        raise NotImplementedError

    def constructor(self, node: Node, shape: Shape) -> str:
        """The module's constructor."""
        raise NotImplementedError

    def channel_axis(self, shape: Shape) -> int:
        """Of the affine map, from the end."""
        return -len(shape)

    def statements(self, site: Site) -> list[str]:
        node, shape = site.node, site.shapes[0]
        if not node.spelling:
            return [f"{site.held} = {self.constructor(node, shape)}"]
        channels = (shape[self.channel_axis(shape)],)
        names = ("weight", "bias") if node.settings["affine"] else ()
        return [_kept("parameter", f"{site.held}_{name}", channels) for name in names]

    def expression(self, site: Site) -> str:
        return self.function(site) if site.node.spelling else f"{site.held}({site.x[0]})"

    def produces(self, node: Node, shape: Shape) -> int | None:
        return self.channel_axis(shape) if node.settings["affine"] else None


class BatchNorm(_Norm):
    """Over the batch; in eval an affine map per channel."""

    def constructor(self, node: Node, shape: Shape) -> str:
        rank = max(len(shape) - 1, 1)
        return f"nn.BatchNorm{rank}d({shape[0]}{_without_affine(node, 'affine')})"

    def statements(self, site: Site) -> list[str]:
        if not site.node.spelling:
            return super().statements(site)
        channels = (site.shapes[0][0],)
        statistics = [_kept("buffer", f"{site.held}_{each}", channels) for each in ("mean", "var")]
        return [*statistics, *super().statements(site)]

    def function(self, site: Site) -> str:
        m = site.held
        return f"F.batch_norm({site.x[0]}, {m}_mean, {m}_var, {_affine(site)})"


class LayerNorm(_Norm):
    """Over the last axis."""

    def channel_axis(self, shape: Shape) -> int:
        return -1

    def constructor(self, node: Node, shape: Shape) -> str:
        return f"nn.LayerNorm({shape[-1]}{_without_affine(node, 'elementwise_affine')})"

    def function(self, site: Site) -> str:
        return f"F.layer_norm({site.x[0]}, ({site.shapes[0][-1]},), {_affine(site)})"


class GroupNorm(_Norm):
    """Over groups of channels, one or as many as there are."""

    def constructor(self, node: Node, shape: Shape) -> str:
        groups = node.settings["groups"]
        return f"nn.GroupNorm({groups}, {shape[0]}{_without_affine(node, 'affine')})"

    def function(self, site: Site) -> str:
        return f"F.group_norm({site.x[0]}, {site.node.settings['groups']}, {_affine(site)})"


LAYERS: dict[str, Operation] = {
    "linear": Linear(),
    "conv": Conv(),
    "batch_norm": BatchNorm(),
    "layer_norm": LayerNorm(),
    "group_norm": GroupNorm(),
}


def kept_by_module(node: Node) -> bool:
    """Whether the tensors of a layer are a module's."""
    return _WAYS[node.spelling].kept == "module"


def called_as_module(node: Node) -> bool:
    """Whether a layer is called as a module, if its tensors are one's."""
    return _WAYS[node.spelling].call == "module"


def _kept(how: str, place: str, shape: Shape) -> str:
    if how == "parameter":
        return f"{place} = nn.Parameter(torch.empty({shape}))"
    owner, _, name = place.rpartition(".")
    return f"{owner}.register_buffer({name!r}, torch.empty({shape}))"


def _without_bias(node: Node) -> str:
    return "" if node.settings["bias"] else ", bias=False"


def _without_affine(node: Node, option: str) -> str:
    return "" if node.settings["affine"] else f", {option}=False"


def _affine(site: Site) -> str:
    if not site.node.settings["affine"]:
        return "None, None"
    return f"{site.held}_weight, {site.held}_bias"
