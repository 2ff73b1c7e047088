"""Claim "configure", the choice: which layers are equalized, by name and by type.

Source: PyTorch 2.15, torch/ao/quantization/qconfig_mapping.py.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from eqconform.checks.equalize_ways import require_same_scales
from eqconform.checks.reached import (
    CHANNELS,
    Apart,
    Convolution,
    Mixed,
    Subject,
    calls,
    require_left_alone,
    require_reached,
    touched_by,
)
from eqconform.checks.subjects import named
from eqconform.checks.verdicts import identical, refused, speaks
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded
from eqconform.judge.judgement import a_module, equalized, recorded, require_engaged
from eqconform.judge.outcome import Evidence, Raised, Vacuous, require
from eqconform.probe import LayerCall
from eqconform_models import Network, network

_CONVOLUTIONS: dict[str, tuple[Convolution, tuple[int, ...]]] = {
    "conv1d": (nn.Conv1d, (6, CHANNELS, 3)),
    "conv2d": (nn.Conv2d, (6, CHANNELS, 3, 2)),
    "conv3d": (nn.Conv3d, (6, CHANNELS, 3, 2, 2)),
}
_EVERY = {
    "linear": Subject(Apart, (6, CHANNELS), None, frozenset({0, 1, 2})),
    **{
        f"{name}-and-linear": Subject(partial(Mixed, kind), shape, None, frozenset({0, 1}))
        for name, (kind, shape) in _CONVOLUTIONS.items()
    },
}


@check("configure.all-layers", needs=("equalize",), over=_EVERY)
def every_layer_is_reached(implementation: Guarded, subject: Subject) -> Evidence:
    """Without a choice every layer is equalized."""
    result = implementation.equalize(subject.model(), subject.batches())
    return require_reached(subject, touched_by(calls(subject, result)))


_NAMED = {
    "first": Subject(Apart, (6, CHANNELS), ["first"], frozenset({0})),
    "nested": Subject(Apart, (6, CHANNELS), ["block.0"], frozenset({1})),
    "two-of-three": Subject(Apart, (6, CHANNELS), ["first", "last"], frozenset({0, 2})),
}


_BESIDE = {
    f"{chosen}-in-{name}-and-linear": Subject(
        partial(Mixed, kind), shape, [chosen], frozenset({place})
    )
    for name, (kind, shape) in _CONVOLUTIONS.items()
    for place, chosen in enumerate(("convolution", "linear"))
}


@check("configure.by-name", needs=("equalize",), over={**_NAMED, **_BESIDE})
def named_layers_are_reached(implementation: Guarded, subject: Subject) -> Evidence:
    """The named layers are equalized."""
    result = implementation.equalize(subject.model(), subject.batches(), layers=subject.choice)
    return require_reached(subject, touched_by(calls(subject, result)))


def _chain() -> nn.Module:
    return nn.Sequential(nn.Linear(CHANNELS, 5), nn.ReLU(), nn.Linear(5, 3))


class _Alike(nn.Module):
    """Three Linear whose names begin or end alike, with tanh between them."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(CHANNELS, 5)
        self.head2 = nn.Linear(5, 5)
        self.block = nn.ModuleDict({"head": nn.Linear(5, 3)})

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, 4) to (N, 3)."""
        hidden: Tensor = self.block["head"](torch.tanh(self.head2(torch.tanh(self.head(x)))))
        return hidden


_OTHERS = {
    **_NAMED,
    "foldable": Subject(_chain, (6, CHANNELS), ["2"], frozenset({1})),
    "names-alike": Subject(_Alike, (6, CHANNELS), ["head"], frozenset({0})),
    **_BESIDE,
}


@check("configure.unselected-identical", needs=("equalize",), over=_OTHERS)
def other_layers_are_left_alone(implementation: Guarded, subject: Subject) -> Evidence:
    """What is not named is not touched; that says something only if what is named was."""
    result = implementation.equalize(subject.model(), subject.batches(), layers=subject.choice)
    touched = touched_by(calls(subject, result))
    evidence = require_left_alone(subject, touched)
    if not touched:
        raise Vacuous("no layer was changed, neither the chosen ones nor the others")
    return evidence


_CHAINS = named("chain-three-layers", "chain-four-convolutions", "residual-block")
_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


@check("configure.all-by-name", needs=("equalize",), over=_CHAINS)
def all_by_name(implementation: Guarded, network: Network) -> Evidence:
    """With every name chosen, scales are folded and multiplied as without a choice."""
    layers = [n for n, each in network.build().named_modules() if isinstance(each, _LAYERS)]
    chosen = equalized(implementation, network, layers=layers)
    return _judge_all(implementation, network, chosen, "with every layer chosen by name")


def _layer_itself() -> Network:
    """A model that is a layer, so that no module of it is called."""
    base = network("chain-relu-module")

    def build() -> nn.Module:
        return base.build().get_submodule("first")

    return replace(base, build=build, folds={}, multiplied=frozenset({0}))


@check(
    "configure.all-by-type",
    needs=("equalize", "equalize_types"),
    over={**_CHAINS, "layer-itself": _layer_itself()},
)
def all_by_type(implementation: Guarded, network: Network) -> Evidence:
    """Likewise with every type."""
    types = {type(each) for each in network.build().modules() if isinstance(each, _LAYERS)}
    made = implementation.equalize_types(network.build(), network.calibration(), types=types)
    chosen = a_module(made, "equalize_types()")
    return _judge_all(implementation, network, chosen, "with every layer chosen by type")


def _judge_all(implementation: Guarded, network: Network, chosen: nn.Module, how: str) -> Evidence:
    whole = equalized(implementation, network)
    require_engaged(network, whole)
    fresh = network.judgement()["fresh"]
    return require_same_scales(recorded(whole, fresh), recorded(chosen, fresh), how)


_TYPED = {
    f"{chosen.__name__.lower()}-beside-{other}": Subject(
        partial(Mixed, kind), shape, chosen, frozenset({place})
    )
    for name, (kind, shape) in _CONVOLUTIONS.items()
    for place, chosen, other in ((0, kind, "linear"), (1, nn.Linear, name))
}


@check("configure.by-type", needs=("equalize_types",), over=_TYPED)
def layers_of_a_type_are_reached(implementation: Guarded, subject: Subject) -> Evidence:
    """The layers of the type are equalized, and the others left alone."""
    result = implementation.equalize_types(
        subject.model(), subject.batches(), types=[subject.choice]
    )
    touched = touched_by(calls(subject, result))
    require_left_alone(subject, touched)
    return require_reached(subject, touched)


@check(
    "configure.unknown-name",
    needs=("equalize",),
    over={"alone": ["fisrt"], "beside-a-right-one": ["last", "fisrt"]},
)
def unknown_name_is_refused(implementation: Guarded, names: list[str]) -> Evidence:
    """An error that says which name it does not know."""
    subject = _NAMED["first"]
    return refused(
        lambda: implementation.equalize(subject.model(), subject.batches(), layers=names),
        because="no layer is called 'fisrt'",
        naming=["fisrt"],
    )


@check("configure.nothing-chosen", needs=("equalize",))
def nothing_chosen_is_nothing_done(implementation: Guarded, _: None) -> Evidence:
    """An empty choice is no absence of a choice; to refuse it is another way, and no fault."""
    subject = Subject(Apart, (6, CHANNELS), [], frozenset())
    expected = "every layer as it was, bit by bit, or an error that says what is wrong"
    try:
        result = implementation.equalize(subject.model(), subject.batches(), layers=[])
    except Raised as raised:
        return require(speaks(raised), Evidence(expected, str(raised)))
    reached = sorted(touched_by(calls(subject, result)))
    return require(not reached, Evidence(expected, f"calls {reached} changed"))


_CONTAINERS: dict[str, Callable[[list[str]], Collection[str]]] = {
    "reversed": lambda names: names[::-1],
    "repeated": lambda names: [*names, *names],
    "tuple": tuple,
    "set": frozenset,
    "keys": lambda names: dict.fromkeys(names).keys(),
}


@check("configure.choice-is-a-set", needs=("equalize",), over=_CONTAINERS)
def choice_is_a_set(
    implementation: Guarded, contain: Callable[[list[str]], Collection[str]]
) -> Evidence:
    """However the names are given, the same layers get the same weights; the names stay."""
    subject = _NAMED["two-of-three"]

    def made(layers: Collection[str]) -> list[tuple[LayerCall, LayerCall]]:
        # A fresh model each time: whether the caller's is changed is another clause.
        model, batches = subject.model(), subject.batches()
        return calls(subject, implementation.equalize(model, batches, layers=layers))

    plain = made(["first", "last"])
    given = contain(["first", "last"])
    before = list(given)
    found = made(given)
    require(list(given) == before, Evidence(f"the names as they were, {before}", f"{given}"))
    require_reached(subject, touched_by(found))
    pairs = zip(plain, found, strict=True)
    other = [i for i, ((_, a), (_, b)) in enumerate(pairs) if not identical(a.weight, b.weight)]
    expected = f"the weights of layers=['first', 'last'], for layers={given!r}"
    return require(not other, Evidence(expected, f"others at calls {other}" if other else "those"))
