"""Claim "quantize": what equalization wins in int8, judged by outputs alone.

How ratios are taken and compared stands in `eqconform.checks.decibels`; what the networks are, in
`eqconform.checks.sequences`.

Sources: Nagel et al. 2019, arXiv 1906.04721, section 3.1; PyTorch 2.15,
torch/ao/quantization/fx/_equalize.py.
"""

from dataclasses import dataclass

import torch
from torch import nn

from eqconform.checks.decibels import Quantize, amplified, at_least, at_most, plainly, ratio
from eqconform.checks.sequences import (
    Shape,
    Tried,
    balanced,
    divide_columns,
    equalized_by_formula,
    extremes,
    formula_scale,
    multiplied,
    planted,
    powers_of_two,
    scale_rows,
)
from eqconform.contract import Batch
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded
from eqconform.judge.noise import by_chance, rounded
from eqconform.judge.outcome import Evidence, Raised, require
from eqconform.judge.sqnr import sqnr

_NEEDS = ("quantize",)
_REFUSALS = (ValueError, TypeError, NotImplementedError)
_NAMES = ", ".join(each.__name__ for each in _REFUSALS)


@dataclass(frozen=True)
class Planting:
    """Where an imbalance is planted, and how large it is.

    Attributes:
        shape: of the sequence.
        factor: of the widest channels; the narrowest are divided by it.
        at_input: also where the first layer reads; between layers it always is.
        nested: the layers are handed over in blocks of blocks.
        alone: the only layer whose input channels are multiplied, counted from 0; -1: all are.
    """

    shape: Shape
    factor: int = 32
    at_input: bool = False
    nested: bool = False
    alone: int = -1

    @property
    def layers(self) -> range:
        """The layers whose input channels are multiplied."""
        if self.alone >= 0:
            return range(self.alone, self.alone + 1)
        return range(0 if self.at_input else 1, len(self.shape.channels) - 1)


_FOUR = Shape(channels=(32, 32, 32, 32, 24))
PLANTED = {
    "linear-input": Planting(Shape(channels=(32, 24)), at_input=True),
    "linear-chain": Planting(Shape()),
    "linear-chain-by-8": Planting(Shape(), factor=8),
    "linear-adjacent": Planting(Shape(between="")),
    "conv2d-chain": Planting(Shape("conv2d")),
    "three-layers": Planting(Shape(channels=(32, 32, 32, 24)), at_input=True),
    "nested-blocks": Planting(Shape(), at_input=True, nested=True),
    "third-of-four": Planting(_FOUR, alone=2),
    "fourth-of-four": Planting(_FOUR, alone=3),
}
MORE_PLANTED = {
    "conv1d-chain": Planting(Shape("conv1d")),
    "conv3d-chain": Planting(Shape("conv3d")),
    "conv2d-input": Planting(Shape("conv2d", (32, 24)), at_input=True),
    "conv2d-pooled": Planting(Shape("conv2d", between="pool")),
    "conv2d-grouped": Planting(Shape("conv2d", (32, 32, 32), groups=4)),
    "conv2d-depthwise": Planting(Shape("conv2d", (32, 32, 32), groups=32)),
    "linear-input-and-between": Planting(Shape(), at_input=True),
    "four-layers": Planting(Shape(channels=(32, 32, 32, 32, 24)), factor=16),
}

_CHAINS = {
    "linear-chain": Shape(),
    "conv2d-chain": Shape("conv2d"),
    "three-layers": Shape(channels=(32, 32, 32, 24)),
}
_MORE_CHAINS = {
    "conv1d-chain": Shape("conv1d"),
    "linear-adjacent": Shape(between=""),
    "conv2d-pooled": Shape("conv2d", between="pool"),
    "conv2d-depthwise": Shape("conv2d", (32, 32, 32), groups=32),
}
_GAINS = {"widened": 256.0, "narrowed": 1 / 256}
"""By how much the weights of all layers but the first are multiplied, and their inputs divided:
equalized, those inputs span a range that is so many times as wide."""


@check(
    "quantize.planted-imbalance",
    needs=_NEEDS,
    over=PLANTED,
    full=MORE_PLANTED,
    needs_formula=True,
)
def planted_imbalance(implementation: Guarded, planting: Planting) -> Evidence:
    """What a planted imbalance costs in int8, equalization wins back."""
    quantize = plainly(implementation)
    if planting.nested:
        quantize = _in_blocks(quantize)
    return _judge_planted(quantize, planting, implementation.formula)


@check(
    "quantize.quantizers-refitted",
    needs=_NEEDS,
    over={
        f"{name}-{change}": (shape, gain)
        for name, shape in _CHAINS.items()
        for change, gain in _GAINS.items()
    },
    full={
        f"{name}-{change}": (shape, gain)
        for name, shape in _MORE_CHAINS.items()
        for change, gain in _GAINS.items()
    },
    needs_formula=True,
)
def quantizers_refitted(implementation: Guarded, subject: tuple[Shape, float]) -> Evidence:
    """An equalized chain is as good as one that was handed over equalized, and only quantized."""
    skewed = _skewed(*subject)
    folded = equalized_by_formula(skewed, implementation.formula)
    refitted = ratio(plainly(implementation), folded, equalize=False)
    observed = ratio(plainly(implementation), skewed, equalize=True)
    return at_least(
        observed,
        refitted,
        by_chance(skewed.smallest_layer()),
        "as where each quantizer was calibrated on the equalized network",
    )


@check(
    "quantize.other-observers",
    needs=("quantize_observing",),
    over={
        f"{observer}-{name}": (observer, PLANTED[name])
        for observer in ("histogram", "fake-quantize")
        for name in ("linear-input", "linear-chain")
    },
    needs_formula=True,
)
def other_observers(implementation: Guarded, subject: tuple[str, Planting]) -> Evidence:
    """With another observer the planted imbalance is won back too, or the observer is refused."""
    observer, planting = subject

    def observing(model: nn.Module, batches: list[Batch], equalize: bool) -> object:
        return implementation.quantize_observing(
            model, batches, equalize=equalize, observer=observer
        )

    try:
        return _judge_planted(observing, planting, implementation.formula)
    except Raised as raised:
        refusal = f"{type(raised.cause).__name__}: {raised.cause}"
        refused = raised.where == "quantize_observing()" and isinstance(raised.cause, _REFUSALS)
        says = refused and _bare(observer) in _bare(refusal)
        expected = f"that it works, or one of {_NAMES} that names the {observer} observer"
        return require(says, Evidence(expected, refusal))


def with_imbalance(plain: Tried, planting: Planting) -> Tried:
    """The balanced network with imbalanced channels: the same function."""
    found = plain
    for layer in planting.layers:
        channels = planting.shape.channels[layer]
        found = planted(found, layer, powers_of_two(channels, planting.factor, seed=layer))
    return found


def _in_blocks(quantize: Quantize) -> Quantize:
    """The same of a sequence whose layers stand two modules deep, each with what follows it."""

    def nesting(model: nn.Module, batches: list[Batch], equalize: bool) -> object:
        blocks: list[list[nn.Module]] = []
        for part in model.children():
            blocks += [[]] if isinstance(part, nn.Linear) else []
            blocks[-1].append(part)
        nested = [nn.Sequential(nn.Sequential(*block)) for block in blocks]
        return quantize(nn.Sequential(*nested).eval(), batches, equalize)

    return nesting


def _judge_planted(quantize: Quantize, planting: Planting, formula: str) -> Evidence:
    """Planted and equalized it is as good as without the imbalance; unequalized it suffers.

    The imbalance costs at least what it costs to round one planted tensor, all else exact: other
    roundings only add noise.
    """
    plain = balanced(planting.shape, formula)
    imbalanced = with_imbalance(plain, planting)
    chance = by_chance(plain.smallest_layer())
    highest = min(ceiling_of(imbalanced, layer) for layer in planting.layers)
    before = ratio(quantize, imbalanced, equalize=False)
    after = ratio(quantize, imbalanced, equalize=True)
    whole = ratio(quantize, plain, equalize=False)
    at_most(before, highest, chance, "unequalized, where rounding one tensor costs that much")
    words = f"as without the planted imbalance (unequalized: {before:.2f} dB)"
    return at_least(after, whole, chance + cost_of(imbalanced, planting, formula), words)


def cost_of(imbalanced: Tried, planting: Planting, formula: str) -> float:
    """What equalization may cost beside what it wins, in dB; 0 where every layer is planted.

    Only the two rows that planting makes far larger than the others let the columns of the layer
    before span one range; where nothing was planted, scales are uneven. No rounding is amplified by
    more than the product of the layers' largest over smallest, see `eqconform.checks.decibels`.
    """
    largest_over_smallest = []
    for layer, channels in enumerate(planting.shape.channels[:-1]):
        scale = formula_scale(imbalanced, layer, formula)
        if layer in planting.layers:
            scale = scale * powers_of_two(channels, planting.factor, seed=layer)
        largest_over_smallest.append((scale.amax() / scale.amin()).item())
    return amplified(largest_over_smallest)


def ceiling_of(tried: Tried, layer: int) -> float:
    """The ratio, in dB, where the input of one layer is rounded to 8 bits and nothing else is."""
    exact = tried.input_of(layer, tried.fresh.double())
    low, high = extremes(tried, layer)
    levels = rounded(exact, low.min().item(), high.max().item())
    return sqnr(tried.output_of(layer, exact), tried.output_of(layer, levels), centred=True)


def _skewed(shape: Shape, gain: float) -> Tried:
    """A sequence whose channels span ranges of their own, with inner weights large, or small.

    What a layer's weights gain, the layer before has lost; equalized, the two meet, and the tensor
    between spans another range than before.
    """
    tried = balanced(shape)
    for layer, channels in enumerate(shape.channels[:-1]):
        factors = powers_of_two(channels, 8, seed=layer) ** 0.5
        divide_columns(tried.layers[layer], factors.flip(0))
        if layer:
            divide_columns(tried.layers[layer], torch.full_like(factors, 1 / gain))
            scale_rows(tried.layers[layer - 1], factors / gain)
    return multiplied(tried, powers_of_two(shape.channels[0], 8, seed=len(shape.channels)) ** 0.5)


def _bare(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalpha())
