"""Claim "quantize", the choice: `layers` says what is equalized, and never what is quantized."""

from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass

from torch import nn

from eqconform.checks.decibels import Quantize, at_least, at_most, plainly, ratio
from eqconform.checks.quantize import Planting, ceiling_of, cost_of, with_imbalance
from eqconform.checks.sequences import Shape, balanced
from eqconform.checks.verdicts import refused, speaks
from eqconform.contract import Batch
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded
from eqconform.judge.noise import by_chance
from eqconform.judge.outcome import Evidence, Raised, require

_NEEDS = ("quantize",)
_SHAPE = Shape()
"""Layers "0" and "2", and a ReLU between them."""


@dataclass(frozen=True)
class Choice:
    """Which layers are named, of a sequence in which one layer's input channels are imbalanced.

    Attributes:
        imbalanced: the layer, counted from 0.
        names: the choice.
        mended: the choice holds all that it takes to equalize the imbalance away.
        contain: makes the container that the names are handed over in.
        nested: the layers stand in blocks, "block.0.layer" and "block.1.layer".
    """

    imbalanced: int
    names: tuple[str, ...]
    mended: bool
    contain: Callable[[tuple[str, ...]], Collection[str]] = list
    nested: bool = False


_CONTAINERS: dict[str, Callable[[tuple[str, ...]], Collection[str]]] = {
    "tuple": tuple,
    "set": frozenset,
    "view": lambda names: dict.fromkeys(names).keys(),
}
_CHOICES = {
    "input-first-chosen": Choice(0, ("0",), mended=True),
    "input-second-chosen": Choice(0, ("2",), mended=False),
    "input-both-chosen": Choice(0, ("0", "2"), mended=True),
    "input-none-chosen": Choice(0, (), mended=False),
    "between-first-chosen": Choice(1, ("0",), mended=False),
    "between-both-chosen": Choice(1, ("0", "2"), mended=True),
    "between-none-chosen": Choice(1, (), mended=False),
    "nested-first-chosen": Choice(0, ("block.0.layer",), mended=True, nested=True),
    "nested-second-chosen": Choice(0, ("block.1.layer",), mended=False, nested=True),
    **{
        f"{which}-in-a-{name}": Choice(0, (layer,), mended=layer == "0", contain=contain)
        for name, contain in _CONTAINERS.items()
        for which, layer in (("first", "0"), ("second", "2"))
    },
}


@check("quantize.choice", needs=_NEEDS, over=_CHOICES, needs_formula=True)
def named_layers_are_equalized(implementation: Guarded, choice: Choice) -> Evidence:
    """An imbalance goes where the layer that has it is named, and stays where it is not."""
    plain = balanced(_SHAPE, implementation.formula)
    planting = Planting(_SHAPE, alone=choice.imbalanced)
    imbalanced = with_imbalance(plain, planting)
    chance = by_chance(plain.smallest_layer())
    try:
        observed = ratio(_of(implementation, choice), imbalanced, equalize=True)
    except Raised as raised:
        expected = "what is named equalized; to refuse an empty choice is another way"
        return require(not choice.names and speaks(raised), Evidence(expected, str(raised)))
    if choice.mended:
        whole = ratio(plainly(implementation), plain, equalize=False)
        cost = cost_of(imbalanced, planting, implementation.formula)
        return at_least(observed, whole, chance + cost, "as without the planted imbalance")
    left = ceiling_of(imbalanced, choice.imbalanced)
    return at_most(observed, left, chance, "where rounding one tensor costs that much")


def _of(implementation: Guarded, choice: Choice) -> Quantize:
    """`quantize`, of which the chosen layers are equalized."""

    def quantize(model: nn.Module, batches: list[Batch], equalize: bool) -> object:
        layers = choice.contain(choice.names)
        given = _nested(model) if choice.nested else model
        return implementation.quantize(given, batches, equalize=equalize, layers=layers)

    return quantize


def _nested(model: nn.Module) -> nn.Module:
    """The same of a sequence of two layers and a ReLU, each layer in a block of its own."""
    first, activation, second = model.children()
    blocks = (
        nn.Sequential(OrderedDict(layer=first, activation=activation)),
        nn.Sequential(OrderedDict(layer=second)),
    )
    return nn.Sequential(OrderedDict(block=nn.Sequential(*blocks))).eval()


_UNKNOWN = {
    f"{place}-{how}": (names, equalize)
    for place, names in (("alone", ["fisrt"]), ("beside-a-right-one", ["2", "fisrt"]))
    for how, equalize in (("plain", False), ("equalized", True))
}


@check("quantize.unknown-name", needs=_NEEDS, over=_UNKNOWN)
def unknown_name_is_refused(implementation: Guarded, subject: tuple[list[str], bool]) -> Evidence:
    """An error that says which name it does not know."""
    names, equalize = subject
    tried = balanced(_SHAPE)
    return refused(
        lambda: implementation.quantize(
            tried.model, list(tried.calibration), equalize=equalize, layers=names
        ),
        because="no layer is called 'fisrt'",
        naming=["fisrt"],
    )
