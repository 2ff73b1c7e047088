"""Claim "quantize", one layer at a time: its noise, and what equalization may cost.

That equalization never costs is a theorem, but of narrow scope. Let channel c have the range r of
its input and w of its weight column, and let the quantizers be per tensor. The noise of the inputs'
roundings is proportional to max r² Σ w², that of the weights' to max w² Σ r². Equalized both are
proportional to max rw Σ rw, and by Cauchy and Schwarz

    (max rw Σ rw)² <= (max r² Σ w²) (max w² Σ r²),

so that twice the former is at most the sum of the latter: the geometric mean is at most the
arithmetic. This takes channels that spread alike over their ranges and around zero. An offset
breaks it, for a channel that is nearly constant gets a large scale; so do quantizers per output
channel, which have nothing to win from the weights' side; and so does a channel whose range is less
than a step, which loses its digits and less noise than a step's. Where the steps of inputs and
weights differ by one bit, the two means part by no more than (4 + 1) / (2 · √4).

Sources: as in `eqconform.judge.noise`.
"""

import math
from copy import deepcopy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from eqconform.checks.decibels import at_least, plainly, ratio
from eqconform.checks.drawing import new_layer, samples, span_columns, span_inputs
from eqconform.checks.sequences import Tried, divide_columns, scale_rows
from eqconform.checks.spread import Spread, owed, spread_over
from eqconform.judge.cases import check
from eqconform.judge.channels import against_input, against_weight
from eqconform.judge.guard import Guarded
from eqconform.judge.noise import by_chance
from eqconform.judge.outcome import Evidence
from eqconform_models.network import seed_of

_NEEDS = ("quantize",)

_ONE_BIT = 10 * math.log10((4 + 1) / (2 * 2))
"""In dB, what the geometric mean may exceed the arithmetic by where the steps differ by a bit."""


@dataclass(frozen=True)
class Single:
    """One layer, and how the ranges of its channels go.

    Attributes:
        kind: of the layer.
        groups: of a convolution.
        inputs: the exponents of two of the channels' ranges: "even", all 0; "varied", between 0 and
            3; "opposed", 3 less those; "shuffled", those in another order.
        weights: the same of the weight columns.
    """

    kind: str = "linear"
    groups: int = 1
    inputs: str = "varied"
    weights: str = "shuffled"


_CHANNELS = 64
_OCTAVES = 3  # the narrowest channel still has a dozen levels, with 7 bits too

_SINGLE = {
    "linear-inputs-vary": Single(weights="even"),
    "linear-weights-vary": Single(inputs="even"),
    "linear-both-vary": Single(),
    "linear-vary-together": Single(weights="varied"),
    "linear-vary-against": Single(weights="opposed"),
    "conv1d-both-vary": Single("conv1d"),
    "conv2d-both-vary": Single("conv2d"),
    "conv3d-both-vary": Single("conv3d"),
    "conv2d-grouped": Single("conv2d", groups=4),
    "conv2d-depthwise": Single("conv2d", groups=_CHANNELS),
}
_MORE_SINGLE = {
    f"{kind}-{groups}-groups-{inputs}-{weights}": Single(kind, groups, inputs, weights)
    for kind in ("conv1d", "conv2d", "conv3d")
    for groups in (1, 4, _CHANNELS)
    for inputs, weights in (("varied", "even"), ("even", "shuffled"), ("varied", "varied"))
}


@check("quantize.never-worse", needs=_NEEDS, over=_SINGLE, full=_MORE_SINGLE, needs_formula=True)
def never_worse(implementation: Guarded, single: Single) -> Evidence:
    """A layer with centred channels is no worse off, whatever their ranges are."""
    tried, ranges = _layer_of(single)
    before = ratio(plainly(implementation), tried, equalize=False)
    after = ratio(plainly(implementation), tried, equalize=True)
    # A weight counts by the energy of the inputs that it meets.
    energy = ranges.square()
    even = energy.sum().square() / energy.square().sum() / len(energy)
    chance = by_chance(tried.smallest_layer() * even.item())
    return at_least(after, before, _ONE_BIT + chance, "as without equalization")


@check(
    "quantize.noise",
    needs=_NEEDS,
    over={
        "linear": Spread(),
        "linear-positive-weights": Spread(weights=(0, 1)),
        "linear-positive-inputs": Spread(inputs=(0, 1)),
        "linear-negative-inputs": Spread(inputs=(-1, 0)),
        "linear-offset-inputs": Spread(inputs=(2, 3)),
        "conv2d-positive-weights": Spread("conv2d", weights=(0, 1)),
        "linear-many-rows": Spread(rows=1031),
    },
    full={
        f"{kind}-{groups}-groups-{sign}": Spread(kind, inputs, (-0.5, 1), groups)
        for kind in ("conv1d", "conv2d", "conv3d")
        for groups in (1, _CHANNELS)
        for sign, inputs in (("positive", (0, 1)), ("either", (-1, 0.5)))
    },
)
def noise(implementation: Guarded, spread: Spread) -> Evidence:
    """A quantized layer, not equalized, is as noisy as its steps make it, and no more."""
    tried = spread_over(spread)
    observed = ratio(plainly(implementation), tried, equalize=False)
    chance = by_chance(tried.smallest_layer())
    return at_least(observed, owed(tried), chance, "by 8 bits for weights, 7 for the rest")


_TINY = 2.0**-30
"""Exact, so that the network is the same but for its unit, and far below the eps of float32."""
_UNITS = {
    f"{what}-{how}": (inputs, weights, equalize)
    for what, inputs, weights in (
        ("inputs", _TINY, 1.0),
        ("weights", 1.0, _TINY),
        ("inputs-and-weights", _TINY, _TINY),
    )
    for how, equalize in (("plain", False), ("equalized", True))
}


@check("quantize.any-unit", needs=_NEEDS, over=_UNITS)
def any_unit(implementation: Guarded, subject: tuple[float, float, bool]) -> Evidence:
    """In a unit in which all its numbers are tiny, a layer has no fewer digits than in another."""
    inputs, weights, equalize = subject
    plain = spread_over(Spread())
    tried = replace(
        plain,
        model=deepcopy(plain.model),
        calibration=[inputs * batch for batch in plain.calibration],
        fresh=inputs * plain.fresh,
    )
    (layer,) = tried.layers
    scale_rows(layer, torch.full(layer.weight.shape[:1], inputs * weights))  # and the bias
    divide_columns(layer, torch.full(layer.weight.shape[1:2], inputs))
    observed = ratio(plainly(implementation), tried, equalize=equalize)
    chance = by_chance(tried.smallest_layer())
    return at_least(observed, owed(plain), chance, "by 8 bits for weights, 7 for the rest")


def _layer_of(single: Single) -> tuple[Tried, Tensor]:
    """The layer with its batches, and the ranges of its inputs, shape (C,)."""
    generator = torch.Generator().manual_seed(seed_of(repr(single)))
    varied = torch.rand(_CHANNELS, generator=generator) * _OCTAVES
    exponents = {
        "even": torch.zeros(_CHANNELS),
        "varied": varied,
        "opposed": _OCTAVES - varied,
        "shuffled": varied[torch.randperm(_CHANNELS, generator=generator)],
    }
    layer = new_layer(single.kind, _CHANNELS, _CHANNELS, generator, groups=single.groups)
    columns = exponents[single.weights].exp2()
    with torch.no_grad():
        span_columns(layer.weight, single.groups, -1, 1)
        layer.weight *= against_weight(columns, layer.weight, single.groups)
    ranges = exponents[single.inputs].exp2()
    outer = against_input(ranges, layer.weight)
    calibration = samples(single.kind, _CHANNELS, generator, batches=3)
    span_inputs(calibration, -1, 1)
    fresh = samples(single.kind, _CHANNELS, generator)
    model = nn.Sequential(layer).eval()
    return Tried(model, list((calibration * outer).chunk(3)), fresh * outer), ranges
