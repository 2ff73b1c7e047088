"""Models for the claim "quantize" that are no bare rows of layers.

Sums, branches, sharing, functions; norms, activations and pools of several kinds between layers;
convolutions that stride, dilate and pad otherwise than with zeros.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform.checks.drawing import evenly, groups_of, new_layer, span_columns

CHANNELS = 32
_WIDER = 8
"""Times as wide is what a shared layer sees at its second call."""
_VARIANCE = 1 / 256
"""That a norm has measured: what is between -1 and 1 comes to lie beyond 6, too."""


class Wiring(nn.Module):
    """Layers of one kind, and a forward.

    Attributes:
        kind: of the layers.
        geometry: of convolutions, beside their three taps and what they pad.
        inner: names of those whose outputs other layers see, in the order of execution.
        last: name of the last layer.
        inputs: how many tensors the forward takes.
    """

    kind = "linear"
    geometry: ClassVar[Mapping[str, Any]] = {}
    inner: tuple[str, ...] = ("first",)
    last = "second"
    inputs = 1

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        for name in (*self.inner, self.last):
            width = self.width(name)
            layer = new_layer(self.kind, width, CHANNELS, generator, **self.geometry)
            with torch.no_grad():
                span_columns(layer.weight, groups_of(layer), -1, 1)
            self.add_module(name, layer)

    def width(self, name: str) -> int:
        """How many input channels a layer has."""
        del name
        return CHANNELS

    def call(self, name: str, x: Tensor) -> Tensor:
        """The output of a layer."""
        output: Tensor = self.get_submodule(name)(x)
        return output


class ResidualAdded(Wiring):
    """A layer's input is added to its output, before the next layer and at the end."""

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, C, ...) to the same."""
        hidden = F.relu(self.call("first", x)) + x
        return self.call("second", hidden) + hidden


class ResidualOfConvolutions(ResidualAdded):
    """The same of convolutions."""

    kind = "conv2d"


class BranchesAdded(Wiring):
    """Two layers read one tensor, and a third their sum."""

    inner = ("first", "left", "right")

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, C) to the same."""
        hidden = F.relu(self.call("first", x))
        return self.call("second", self.call("left", hidden) + self.call("right", hidden))


class BranchesConcatenated(Wiring):
    """Two layers read one tensor, and a third what they give, side by side."""

    inner = ("first", "left", "right")

    def width(self, name: str) -> int:
        """Of the last layer twice that of the others."""
        return 2 * CHANNELS if name == self.last else CHANNELS

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, C, ...) to the same."""
        hidden = F.relu(self.call("first", x))
        both = (F.relu(self.call("left", hidden)), F.relu(self.call("right", hidden)))
        return self.call("second", torch.cat(both, 1))


class ConvolutionsConcatenated(BranchesConcatenated):
    """The same of convolutions."""

    kind = "conv2d"


class SharedLayer(Wiring):
    """One layer is called twice, on tensors of which the second is far wider."""

    inner = ("first", "shared")

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, C) to the same."""
        narrow = F.relu(self.call("first", x))
        wide = self.call("shared", narrow) + self.call("shared", _WIDER * narrow)
        return self.call("second", F.relu(wide))


class SharedLayerNarrowLast(SharedLayer):
    """The same, with the wider tensor at the first call."""

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, C) to the same."""
        narrow = F.relu(self.call("first", x))
        wide = self.call("shared", _WIDER * narrow) + self.call("shared", narrow)
        return self.call("second", F.relu(wide))


class TwoInputs(Wiring):
    """Each of two inputs has a layer of its own."""

    inner = ("first", "other")
    inputs = 2

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Shapes (N, C) twice to the same."""
        total = F.relu(self.call("first", x)) + F.relu(self.call("other", y))
        return self.call("second", total)


class FunctionalLayers(Wiring):
    """Parameters of the model itself, given to functions; one of them to two calls."""

    inner = ("first", "left")

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__(generator)
        for name in (*self.inner, self.last):
            layer = self.get_submodule(name)
            delattr(self, name)
            for kind, parameter in layer.named_parameters():
                self.register_parameter(f"{name}_{kind}", parameter)

    def call(self, name: str, x: Tensor) -> Tensor:
        """The output of a layer."""
        weight, bias = getattr(self, f"{name}_weight"), getattr(self, f"{name}_bias")
        if self.kind == "linear":
            return F.linear(x, weight, bias)
        return F.conv2d(x, weight, bias, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, C, ...) to the same."""
        hidden = F.relu(self.call("first", x))
        return self.call("second", F.relu(self.call("left", hidden) + hidden))


class FunctionalConvolutions(FunctionalLayers):
    """The same of convolutions."""

    kind = "conv2d"


class ConvolutionsWithNorm(Wiring):
    """A BatchNorm, a ReLU6 that cuts off, and a pool between convolutions."""

    kind = "conv2d"

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__(generator)
        self.norm = nn.BatchNorm2d(CHANNELS)
        for name, tensor in self.norm.named_buffers():
            if name == "running_mean":
                tensor.copy_(evenly(tensor.shape, generator) / 2)
            elif name == "running_var":
                tensor.fill_(_VARIANCE)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, C, H, W) to (N, C, H / 2, W / 2)."""
        hidden = F.relu6(self.norm(self.call("first", x)))
        return self.call("second", F.max_pool2d(hidden, 2))


class TokensWithNorm(Wiring):
    """A LayerNorm and a GELU between layers on tokens."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__(generator)
        self.norm = nn.LayerNorm(CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, C) to (N / 4, 4, C)."""
        tokens = x.view(-1, 4, CHANNELS)
        return self.call("second", F.gelu(self.norm(self.call("first", tokens))))


class VolumesWithHardswish(Wiring):
    """A hardswish between convolutions in three dimensions."""

    kind = "conv3d"

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, C, D, H, W) to the same."""
        return self.call("second", F.hardswish(self.call("first", x)))


class GroupedSignals(Wiring):
    """A mean over neighbours between grouped convolutions in one dimension."""

    kind = "conv1d"
    geometry: ClassVar = {"groups": 4}

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, C, L) to (N, C, L / 2)."""
        return self.call("second", F.avg_pool1d(F.relu(self.call("first", x)), 2))


class DilatedAndStrided(Wiring):
    """Convolutions whose taps lie two apart, at every other place."""

    kind = "conv2d"
    geometry: ClassVar = {"dilation": 2, "padding": 2, "stride": 2}

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, C, H, W) to (N, C, H / 4, W / 4)."""
        return self.call("second", F.relu(self.call("first", x)))


class PaddedAround(DilatedAndStrided):
    """Convolutions that see the other end of the image beyond its edge."""

    geometry: ClassVar = {"padding_mode": "circular"}


class PaddedByReflection(DilatedAndStrided):
    """Convolutions that see the image in a mirror beyond its edge."""

    geometry: ClassVar = {"padding_mode": "reflect"}


class TwoOutputs(Wiring):
    """Two layers read one tensor, and what both give is returned."""

    inner = ("first", "other")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Shapes (N, C) to the same twice."""
        hidden = F.relu(self.call("first", x))
        return self.call("other", hidden), self.call("second", hidden)


WIRINGS: tuple[type[Wiring], ...] = (
    ResidualAdded,
    ResidualOfConvolutions,
    BranchesAdded,
    BranchesConcatenated,
    ConvolutionsConcatenated,
    SharedLayer,
    SharedLayerNarrowLast,
    TwoInputs,
    FunctionalLayers,
    FunctionalConvolutions,
    ConvolutionsWithNorm,
    TokensWithNorm,
    VolumesWithHardswish,
    GroupedSignals,
    DilatedAndStrided,
    PaddedAround,
    PaddedByReflection,
    TwoOutputs,
)
