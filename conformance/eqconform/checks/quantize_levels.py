"""Claim "quantize": how many different values a quantized tensor takes, in every layer.

Where one factor of every product is 1, what comes out of a layer has the levels of the other: of an
identity's inputs, or of the weights that meet one input at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform.checks.drawing import evenly
from eqconform.judge.cases import check
from eqconform.judge.channels import rows_against_weight
from eqconform.judge.guard import Guarded, run
from eqconform.judge.judgement import a_module
from eqconform.judge.noise import LEVELS, Layer
from eqconform.judge.outcome import Evidence, Violation, within
from eqconform.probe import outputs
from eqconform_models.network import seed_of

_NEEDS = ("quantize",)
_CHANNELS = 64
_SAMPLES = 1024
_DEPTH = 4
_TIMES_SMALLER = 8

_ONE_TAP: dict[str, Callable[[], Layer]] = {
    "linear": lambda: nn.Linear(_CHANNELS, _CHANNELS, bias=False),
    "conv1d": lambda: nn.Conv1d(_CHANNELS, _CHANNELS, 1, bias=False),
    "conv2d": lambda: nn.Conv2d(_CHANNELS, _CHANNELS, 1, bias=False),
    "conv3d": lambda: nn.Conv3d(_CHANNELS, _CHANNELS, 1, bias=False),
}


_MANY_TAPS: dict[str, tuple[type[nn.Conv1d | nn.Conv2d | nn.Conv3d], int, int]] = {
    "conv1d": (nn.Conv1d, 25, 1),
    "conv2d": (nn.Conv2d, 5, 2),
    "conv3d": (nn.Conv3d, 3, 3),
}
"""Of depthwise convolutions: the type, how many taps an axis has, and how many axes there are."""


class _Functional(nn.Module):
    """A layer that is a function, with a parameter of the model for its weight."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.weight = layer.weight


class _FunctionalLinear(_Functional):
    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, C) to the same."""
        return F.linear(x, self.weight)


class _FunctionalConvolution(_Functional):
    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, C, 1, 1) to the same."""
        return F.conv2d(x, self.weight)


class _EveryOutput(nn.Module):
    """Layers in a row; what each of them gives is returned."""

    def __init__(self, layers: list[Layer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Shape (N, C) to as many of the same as there are layers."""
        given: list[Tensor] = []
        for layer in self.layers:
            x = layer(x)
            given.append(x)
        return tuple(given)


@dataclass(frozen=True, eq=False)
class Leveled:
    """A model of which an output has the levels of one tensor.

    Attributes:
        model: in eval mode.
        batch: that it is calibrated and judged on.
        output: place of the output.
        apart: every channel has a scale of its own once it is equalized, and is counted apart.
    """

    model: nn.Module
    batch: Tensor
    output: str = "output"
    apart: bool = False


_Subject = tuple[Callable[[], Leveled], bool]
"""What makes the model, and whether it is equalized."""


def _cases(**makes: Callable[[], Leveled]) -> dict[str, _Subject]:
    """Each with equalization and without."""
    return {
        f"{name.replace('_', '-')}-{how}": (make, equalize)
        for name, make in makes.items()
        for how, equalize in (("plain", False), ("equalized", True))
    }


def _alone(kind: str, what: str, contain: Callable[[Layer], nn.Module] = nn.Sequential) -> Leveled:
    """A layer of one tap without bias: the identity on many inputs, or many weights on it."""
    layer = _ONE_TAP[kind]()
    many, one = _many(_CHANNELS, seed_of(what)), torch.eye(_CHANNELS)
    weight, given = (one, many) if what == "inputs" else (many, one)
    batch = given.reshape(layer.weight.shape)  # (N, C, 1, ...), with as many samples as channels
    return Leveled(contain(_with(layer, weight)).eval(), batch)


def _depthwise(kind: str) -> Leveled:
    """A depthwise convolution of many taps, of which an impulse in every channel brings out all.

    A channel has two filters, a small one beside a large one, which spans what the large ones of
    the others do: so that equalized all channels have one scale, and filters far from one range.
    """
    make, taps, axes = _MANY_TAPS[kind]
    layer = make(_CHANNELS, 2 * _CHANNELS, taps, padding=taps - 1, groups=_CHANNELS, bias=False)
    batch = torch.zeros(1, _CHANNELS, *[2] * axes)
    batch.view(_CHANNELS, -1)[:, 0] = 1
    large, other = (_many(taps**axes, seed).T for seed in range(2))  # (C, taps), from -1 to 1
    weight = torch.stack([large, other / _TIMES_SMALLER], 1)  # (C, 2, taps)
    return Leveled(nn.Sequential(_with(layer, weight)).eval(), batch)


def _many_inputs_at(place: int) -> Leveled:
    """Layers in a row, of which one is the identity; those before mix many inputs.

    What reaches it would else have few values already. Its channels reach up to 1, and no further.
    """
    batch = seen = _many(_SAMPLES, place)
    layers: list[Layer] = []
    for number in range(_DEPTH):
        weight = torch.eye(_CHANNELS) if number == place else _many(_CHANNELS, number)
        weight /= rows_against_weight((seen @ weight.T).abs().amax(0), weight)
        seen = seen @ weight.T  # (N, C)
        layers.append(_with(_ONE_TAP["linear"](), weight))
    return Leveled(_EveryOutput(layers).eval(), batch, f"output[{place}]", apart=True)


def _many_weights_at(place: int) -> Leveled:
    """Layers in a row, of which one has many weights; the others pass one input at a time."""
    weights = [torch.eye(_CHANNELS) for _ in range(_DEPTH)]
    weights[place] = _many(_CHANNELS, place)
    layers = [_with(_ONE_TAP["linear"](), weight) for weight in weights]
    return Leveled(_EveryOutput(layers).eval(), torch.eye(_CHANNELS), f"output[{place}]")


def _many(rows: int, seed: int) -> Tensor:
    """Values between -1 and 1, with both in every column, shape (rows, C)."""
    values = evenly((rows, _CHANNELS), torch.Generator().manual_seed(seed))
    values[0], values[1] = 1, -1
    return values


def _with(layer: Layer, weight: Tensor) -> Layer:
    with torch.no_grad():
        layer.weight.copy_(weight.reshape(layer.weight.shape))
    return layer


@check(
    "quantize.levels",
    needs=_NEEDS,
    over=_cases(
        inputs=partial(_alone, "linear", "inputs"),
        weights=partial(_alone, "linear", "weights"),
        conv2d_inputs=partial(_alone, "conv2d", "inputs"),
        conv2d_weights=partial(_alone, "conv2d", "weights"),
        depthwise_weights=partial(_depthwise, "conv2d"),
    ),
    full=_cases(
        conv1d_inputs=partial(_alone, "conv1d", "inputs"),
        conv1d_weights=partial(_alone, "conv1d", "weights"),
        conv3d_inputs=partial(_alone, "conv3d", "inputs"),
        conv3d_weights=partial(_alone, "conv3d", "weights"),
        depthwise_conv1d_weights=partial(_depthwise, "conv1d"),
        depthwise_conv3d_weights=partial(_depthwise, "conv3d"),
    ),
)
def levels(implementation: Guarded, subject: _Subject) -> Evidence:
    """What comes out where one factor of every product is 1 has the other's levels: 256 at most."""
    return _judge(implementation, *subject)


@check(
    "quantize.levels-of-functions",
    needs=_NEEDS,
    over=_cases(
        linear_inputs=partial(_alone, "linear", "inputs", _FunctionalLinear),
        linear_weights=partial(_alone, "linear", "weights", _FunctionalLinear),
        conv2d_inputs=partial(_alone, "conv2d", "inputs", _FunctionalConvolution),
        conv2d_weights=partial(_alone, "conv2d", "weights", _FunctionalConvolution),
    ),
)
def levels_of_functions(implementation: Guarded, subject: _Subject) -> Evidence:
    """A layer that is a function has a quantizer for its input and one for its weight too."""
    return _judge(implementation, *subject)


@check(
    "quantize.levels-at-depth",
    needs=_NEEDS,
    over=_cases(
        second_inputs=partial(_many_inputs_at, 1),
        third_inputs=partial(_many_inputs_at, 2),
        last_inputs=partial(_many_inputs_at, _DEPTH - 1),
        second_weights=partial(_many_weights_at, 1),
        third_weights=partial(_many_weights_at, 2),
        last_weights=partial(_many_weights_at, _DEPTH - 1),
    ),
)
def levels_at_depth(implementation: Guarded, subject: _Subject) -> Evidence:
    """So it is with every layer of a network, however many stand before it."""
    return _judge(implementation, *subject)


_OF_THE_OTHERS = ["layers.0", f"layers.{_DEPTH - 1}"]


@check(
    "quantize.unchosen-quantized",
    needs=_NEEDS,
    over=_cases(
        inputs=partial(_many_inputs_at, 1),
        weights=partial(_many_weights_at, 1),
        more_inputs=partial(_many_inputs_at, 2),
        more_weights=partial(_many_weights_at, 2),
    ),
)
def unchosen_layers_are_quantized(implementation: Guarded, subject: _Subject) -> Evidence:
    """A layer that is not named has its levels too: the choice is what to equalize."""
    return _judge(implementation, *subject, layers=_OF_THE_OTHERS)


def _judge(
    implementation: Guarded,
    make: Callable[[], Leveled],
    equalize: bool,
    layers: list[str] | None = None,
) -> Evidence:
    leveled = make()
    quantized = implementation.quantize(
        leveled.model, [leveled.batch], equalize=equalize, layers=layers
    )
    model = a_module(quantized, "quantize()")
    returned = outputs(run(model, leveled.batch, who="the int8 model"))
    values = returned.get(leveled.output)
    if values is None:
        raise Violation(Evidence(f"a tensor at {leveled.output}", f"{sorted(returned)}"))
    parts = values.unbind(1) if leveled.apart else (values,)
    count = max(len(torch.unique(part)) for part in parts)
    expected = f"at most {LEVELS + 1} different values of {parts[0].numel()} at {leveled.output}"
    return within(count, LEVELS + 1, expected=expected, observed=f"{count}")
