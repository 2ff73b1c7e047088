"""Claim "select": chains of layers, and how far a float32 computation of their outputs may be off.

Sources: Higham, "Accuracy and Stability of Numerical Algorithms" (2002), section 3.1; the rows of a
layer take the scale of the next: PyTorch 2.15, torch/ao/quantization/fx/_equalize.py,
scale_weight_node.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform.checks.examples import sample
from eqconform.checks.select_ratios import judge_ratio, rounding_of_ratio
from eqconform.checks.verdicts import roundings
from eqconform.judge.outcome import Evidence
from eqconform.judge.sqnr import sqnr
from eqconform.probe import LayerCall, of_call

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)

# Beside the dot product: the input's multiplication, the weight's division (by a reciprocal or
# not) and multiplication, and the division that undoes it, by a reciprocal or not.
_SCALINGS = 6

# Of the variance's root and its reciprocal 3, of the weight and the scale that it takes 2, of the
# two products and the two sums 4.
_NORMALIZATION = 9


class Function(nn.Module):
    """A layer that is a function of the module's own weight and bias.

    Args:
        layer: whose they are; Linear, or a convolution that neither strides nor pads.
    """

    def __init__(self, layer: nn.Linear | nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = layer.weight, layer.bias
        self.is_linear = isinstance(layer, nn.Linear)

    def forward(self, x: Tensor) -> Tensor:
        """What the layer gives."""
        if self.is_linear:
            return F.linear(x, self.weight, self.bias)
        return F.conv2d(x, self.weight, self.bias)


LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, Function)


@dataclass(frozen=True)
class Chain:
    """Layers and what stands between them, what they are fed with, and the module they are in.

    Attributes:
        parts: makes the modules; parameters, and buffers of layers, are overwritten.
        shape: of a batch.
        inside: name of a module around them, or "".
        axis: of a batch, that holds the channels.
    """

    parts: Callable[[], list[nn.Module]]
    shape: tuple[int, ...]
    inside: str = ""
    axis: int = 1

    def names(self) -> list[str]:
        """Of the layers, as they follow each other in the network."""
        prefix = f"{self.inside}." if self.inside else ""
        parts = enumerate(self.parts())
        return [f"{prefix}{place}" for place, part in parts if isinstance(part, LAYERS)]

    def model(self, *, noisy: bool = False) -> nn.Module:
        """The chain; with noise of a relative size of 1/20 in its weights."""
        model = nn.Sequential(*self.parts())
        on_buffers = (b for each in model if isinstance(each, LAYERS) for b in each.buffers())
        for seed, tensor in enumerate((*model.parameters(), *on_buffers)):
            tensor.data = sample(*tensor.shape, seed=seed)
            if noisy:
                tensor.data += sample(*tensor.shape, seed=100 + seed) / 20
        for seed, norm in enumerate(each for each in model if isinstance(each, NORMS)):
            norm.running_mean = sample(norm.num_features, seed=200 + seed)
            norm.running_var = sample(norm.num_features, seed=300 + seed).square() + 1
        inside = nn.Sequential(OrderedDict({self.inside: model})) if self.inside else model
        return inside.eval()

    def batch(self, seed: int) -> Tensor:
        """Channels of different magnitude."""
        own, *rest = self.shape[self.axis :]
        spread = torch.logspace(-1, 1, own).view(-1, *[1] * len(rest))  # (C, 1, ...)
        return spread * sample(*self.shape, seed=1000 + seed)

    def calibration(self) -> list[Tensor]:
        """Three batches."""
        return [self.batch(seed) for seed in range(3)]

    def fresh(self) -> Tensor:
        """A batch that is not calibrated on."""
        return self.batch(9)


class _OnBuffers(nn.Linear):
    """A Linear that is not trained: weight and bias are buffers."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(channels, out)
        for name, parameter in list(self.named_parameters()):
            delattr(self, name)
            self.register_buffer(name, parameter.detach())


def _activated(*layers: nn.Module) -> list[nn.Module]:
    """The layers with ReLU between them."""
    return [each for layer in layers for each in (layer, nn.ReLU())][:-1]


def _linear() -> list[nn.Module]:
    return _activated(nn.Linear(4, 6), nn.Linear(6, 5), nn.Linear(5, 3))


def _conv2d() -> list[nn.Module]:
    return _activated(nn.Conv2d(3, 4, 2), nn.Conv2d(4, 3, 2))


def _as_functions(parts: list[nn.Module]) -> list[nn.Module]:
    kinds = (nn.Linear, nn.Conv2d)
    return [Function(each) if isinstance(each, kinds) else each for each in parts]


def _normalized() -> list[nn.Module]:
    """The scale of the second layer goes into a norm, and that of the third into the second."""
    first, *rest = _activated(nn.Conv2d(3, 4, 2), nn.Conv2d(4, 3, 1), nn.Conv2d(3, 2, 2))
    return [first, nn.BatchNorm2d(4), *rest]


CHAINS = {
    "linear": Chain(_linear, (8, 4)),
    "linear-inside-a-block": Chain(_linear, (8, 4), inside="block"),
    "buffers-inside-a-block": Chain(
        lambda: _activated(_OnBuffers(4, 6), _OnBuffers(6, 5), _OnBuffers(5, 3)), (8, 4), "block"
    ),
    "conv1d": Chain(lambda: _activated(nn.Conv1d(3, 4, 2), nn.Conv1d(4, 3, 2)), (4, 3, 6)),
    "conv2d": Chain(_conv2d, (3, 3, 4, 4)),
    "conv3d": Chain(lambda: _activated(nn.Conv3d(2, 4, 2), nn.Conv3d(4, 3, 2)), (2, 2, 3, 4, 3)),
    "conv2d-behind-a-norm": Chain(_normalized, (3, 3, 4, 4)),
    "conv2d-unbatched": Chain(_conv2d, (3, 4, 4), axis=0),
    "linear-of-rank-3": Chain(_linear, (2, 5, 4), axis=2),
    "functional-linear": Chain(lambda: _as_functions(_linear()), (8, 4)),
    "functional-conv2d": Chain(lambda: _as_functions(_conv2d()), (3, 3, 4, 4)),
}


def judge_layer(
    observed: object, name: str, y: Tensor, changed: Tensor, slack: tuple[Tensor, Tensor]
) -> Evidence:
    """The evidence that this is the ratio of two outputs, each known to its slack.

    The norm of a vector that is off by at most `slack` is off by at most the norm of `slack`.

    Args:
        observed: what was returned for the layer.
        name: of the layer.
        y: the signal, float64.
        changed: signal and noise, of the same shape.
        slack: of each, element by element.

    Raises:
        Violation: it is not.
    """
    in_signal, in_other = (float(each.norm()) for each in slack)
    noise = changed - y
    relative = in_signal / float(y.norm()), (in_signal + in_other) / float(noise.norm())
    tolerance = sum(-20 * math.log10(1 - each) for each in relative)
    return judge_ratio(observed, sqnr(y, changed), tolerance + rounding_of_ratio(y, noise), name)


def slacks(model: nn.Module, outputs: Sequence[tuple[LayerCall, Tensor]]) -> list[Tensor]:
    """How far a float32 computation of each layer's output may be off, element by element.

    What the parts before a layer are off by comes through its weights; ReLU adds nothing, for it
    has no slope above 1.

    Args:
        model: a chain.
        outputs: its layer calls and what they give, in float64.
    """
    found: list[Tensor] = []
    calls, y, off = iter(outputs), torch.empty(0), torch.zeros((), dtype=torch.float64)
    for part in (each for each in model.modules() if isinstance(each, (*LAYERS, *NORMS))):
        if isinstance(part, LAYERS):
            call, y = next(calls)
            inherited = of_call(call, off.expand_as(call.input), call.weight.abs(), None)
            assert inherited.shape == y.shape  # noqa: S101  one layer is behind the other
            off = slack_of(call) + inherited
            found.append(off)
        else:
            off = _behind_norm(part, y, off)
    return found


def slack_of(call: LayerCall) -> Tensor:
    """How far the output of one call may be off, whose input is exact.

    A dot product of n terms and a bias: n + 1 roundings of the sum of magnitudes, Higham's (3.5),
    and those of the scalings.
    """
    weight, bias = call.weight.abs().double(), call.bias
    given = None if bias is None else bias.abs().double()
    magnitude = of_call(call, call.input.abs().double(), weight, given)
    return roundings(weight[0].numel() + 1 + _SCALINGS, torch.float32) * magnitude


def _behind_norm(norm: nn.Module, x: Tensor, off: Tensor) -> Tensor:
    """How far the output of a norm in eval may be off, whose input x is off by so much.

    It is (x - mean) · f + bias, with f = weight / sqrt(variance + eps), channel by channel.
    """
    assert isinstance(norm, NORMS)  # noqa: S101  for the type checker
    shape = (-1, *[1] * (x.ndim - 2))  # (C, 1, ...)
    mean, variance = (norm.get_buffer(f"running_{each}").double() for each in ("mean", "var"))
    weight, bias = (each.detach().double() for each in (norm.weight, norm.bias))
    factor = (weight / (variance + norm.eps).sqrt()).abs().view(shape)
    magnitude = (x.abs() + mean.abs().view(shape)) * factor + bias.abs().view(shape)
    return factor * off + roundings(_NORMALIZATION, torch.float32) * magnitude
