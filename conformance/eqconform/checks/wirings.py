"""Networks for the claim "quantize" that are no bare rows of layers.

Sums, branches, sharing, functions; norms, activations and pools of several kinds between layers.

Their channels are as even as their wiring lets them be: inputs, weights and their ranges are drawn
evenly, and every output channel of an inner layer is moved and scaled until its mean is 0 and its
largest value 1. So equalization has little to do there, and int8 costs what its steps cost.
"""

from copy import deepcopy
from functools import cache

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform.checks.drawing import evenly, new_layer, samples, span_columns, span_inputs
from eqconform.contract import Batch
from eqconform.judge.channels import channel_axis, rows_against_weight
from eqconform.probe import record
from eqconform_models import Network
from eqconform_models.network import seed_of, slug

_CHANNELS = 32
_WIDER = 8
"""Times as wide is what a shared layer sees at its second call."""
_VARIANCE = 1 / 256
"""That a norm has measured: what is between -1 and 1 comes to lie beyond 6, too."""


class Wiring(nn.Module):
    """Layers of one kind, and a forward.

    Attributes:
        kind: of the layers.
        groups: of convolutions.
        inner: names of those whose outputs other layers see, in the order of execution.
        last: name of the last layer.
        inputs: how many tensors the forward takes.
    """

    kind = "linear"
    groups = 1
    inner: tuple[str, ...] = ("first",)
    last = "second"
    inputs = 1

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        for name in (*self.inner, self.last):
            width = self.width(name)
            layer = new_layer(self.kind, width, _CHANNELS, generator, groups=self.groups)
            with torch.no_grad():
                span_columns(layer.weight, self.groups, -1, 1)
            self.add_module(name, layer)

    def width(self, name: str) -> int:
        """How many input channels a layer has."""
        del name
        return _CHANNELS

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
        return 2 * _CHANNELS if name == self.last else _CHANNELS

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
        return _layer(self.kind, x, weight, bias, self.groups)

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
        self.norm = nn.BatchNorm2d(_CHANNELS)
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
        self.norm = nn.LayerNorm(_CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, C) to (N / 4, 4, C)."""
        tokens = x.view(-1, 4, _CHANNELS)
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
    groups = 4

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, C, L) to (N, C, L / 2)."""
        return self.call("second", F.avg_pool1d(F.relu(self.call("first", x)), 2))


class TwoOutputs(Wiring):
    """Two layers read one tensor, and what both give is returned."""

    inner = ("first", "other")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Shapes (N, C) to the same twice."""
        hidden = F.relu(self.call("first", x))
        return self.call("other", hidden), self.call("second", hidden)


_WIRINGS: tuple[type[Wiring], ...] = (
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
    TwoOutputs,
)


@cache
def wirings() -> dict[str, Network]:
    """The networks by name."""
    found = [_network(wiring) for wiring in _WIRINGS]
    return {each.name: each for each in found}


def _network(wiring: type[Wiring]) -> Network:
    @cache
    def built() -> Wiring:
        return _balanced(wiring)

    return Network(
        name=slug(wiring.__name__),
        summary=(wiring.__doc__ or "").split("\n")[0],
        build=lambda: deepcopy(built()),
        calibration=lambda: list(_batches(wiring, 3)),
        judgement=lambda: {"fresh": _batches(wiring, 1)[0]},
        folds={},
        multiplied=frozenset(),
        norm_folds=frozenset(),
        tags=frozenset(),
    )


def _balanced(wiring: type[Wiring]) -> Wiring:
    """The model, with the output channels of its inner layers made even."""
    model = wiring(torch.Generator().manual_seed(seed_of(wiring.__name__))).eval()
    for name in wiring.inner:
        weight, bias = _parameters(model, name)
        outputs = _outputs(model, weight)
        means = outputs.mean(1)
        spans = outputs.amax(1) - means
        with torch.no_grad():
            weight.div_(rows_against_weight(spans, weight))
            bias.sub_(means).div_(spans)
    return model


def _parameters(model: Wiring, name: str) -> list[nn.Parameter]:
    """Weight and bias of a layer, whether it is a module or a function."""
    start = f"{name}_" if isinstance(model, FunctionalLayers) else f"{name}."
    return [each for full, each in model.named_parameters() if full.startswith(start)]


def _outputs(model: Wiring, weight: Tensor) -> Tensor:
    """What the layer of a weight gives in calibration, shape (out, values)."""
    recordings = [record(model, batch) for batch in _batches(type(model), 3)]
    calls = [call for recording in recordings for call in recording.calls]
    own = [call for call in calls if torch.equal(call.weight, weight)]
    given = [
        _layer(model.kind, call.input, call.weight, call.bias, model.groups).movedim(
            channel_axis(weight), 0
        )
        for call in own
    ]
    return torch.cat([each.flatten(1) for each in given], 1)


def _batches(wiring: type[Wiring], count: int) -> list[Batch]:
    """So many batches, the same every time; three of them reach from -1 to 1 in every channel."""
    seed = seed_of(f"{wiring.__name__}, {count} batches")
    generator = torch.Generator().manual_seed(seed)
    inputs = []
    for _ in range(wiring.inputs):
        given = samples(wiring.kind, _CHANNELS, generator, batches=count)
        span_inputs(given, -1, 1)
        inputs.append(given.chunk(count))
    return [each[0] if len(each) == 1 else each for each in zip(*inputs, strict=True)]


def _layer(kind: str, x: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> Tensor:
    """Linear, or a convolution of three taps an axis."""
    if kind == "linear":
        return F.linear(x, weight, bias)
    output: Tensor = getattr(F, kind)(x, weight, bias, padding=1, groups=groups)
    return output
