"""Claims "equalize" and "chain": names of modules, tensors and arguments never matter.

A network is rebuilt under random names, misleading ones among them (`eqconform_models.renamed`):
whatever is said of it under its own names must be said again, and the scales must be the same.

Source: PyTorch 2.15, torch/ao/quantization/fx/_equalize.py, node_supports_equalization, which
takes a node for a ReLU by its name.
"""

from collections.abc import Callable
from dataclasses import dataclass

from eqconform.checks.subjects import named, tagged
from eqconform.judge.alignment import aligned
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded
from eqconform.judge.judgement import equalized, judge_engaged, recorded, share, worst_of
from eqconform.judge.outcome import Evidence, Raised, Vacuous, Violation, require
from eqconform.judge.placement import judge_everything, placement
from eqconform.judge.rounding import unit_roundoff
from eqconform.probe import Recording
from eqconform_models import Network, renamed_network

_RENAMINGS = 2
_PRODUCTS = 8  # roundings of a weight that takes two factors, in either order, on either side
_FEW = ("residual-block", "chain-three-layers", "hazard-gelu", "grouped-conv2d", "fire-module")
# Tracing, which renames, takes subclasses of layers apart: that changes more than names.
_MANY = tagged("core", "traceable", without=("vision", "layer-type"))


@dataclass(frozen=True)
class _Verdict:
    """What is said of a network, in words that hold no name; the recording if all is well."""

    words: str
    recording: Recording | None = None


_Judge = Callable[[Guarded, Network], Recording]


@check("equalize.names-do-not-matter", needs=("equalize",), over=named(*_FEW), full=_MANY)
def names_do_not_matter(implementation: Guarded, network: Network) -> Evidence:
    """Under random names a network meets the same verdict, and gets the same scales."""
    return _judge_renamed(implementation, network, _same_function)


@check(
    "chain.names-do-not-matter",
    needs=("equalize",),
    over=named(*_FEW),
    full={name: each for name, each in _MANY.items() if each.folds or each.multiplied},
    needs_formula=True,
)
def chain_names_do_not_matter(implementation: Guarded, network: Network) -> Evidence:
    """Under random names every scale goes where it went."""
    return _judge_renamed(implementation, network, _in_place)


def _judge_renamed(implementation: Guarded, network: Network, judge: _Judge) -> Evidence:
    plain = _verdict(implementation, network, judge)
    for seed in range(_RENAMINGS):
        other = _verdict(implementation, renamed_network(network, seed), judge)
        require(
            plain.words == other.words,
            Evidence(f"{plain.words}, as under its own names", f"{other.words} (renaming {seed})"),
        )
        if plain.recording and other.recording:
            _require_same_numbers(plain.recording, other.recording, seed)
    if plain.recording is None:
        raise Vacuous(f"{plain.words} under its own names already, and under others alike")
    return Evidence("the same weights and inputs under other names", f"{_RENAMINGS} renamings")


def _same_function(implementation: Guarded, network: Network) -> Recording:
    model = equalized(implementation, network)
    judge_engaged(network, model)
    return recorded(model, network.judgement()["fresh"])


def _in_place(implementation: Guarded, network: Network) -> Recording:
    placed = placement(implementation, network)
    judge_everything(placed)
    return placed.after


def _verdict(implementation: Guarded, network: Network, judge: _Judge) -> _Verdict:
    try:
        return _Verdict("all is well", judge(implementation, network))
    except Violation:
        return _Verdict("a violation")
    except Raised as raised:
        return _Verdict(f"{type(raised.cause).__name__}")


def _require_same_numbers(plain: Recording, other: Recording, seed: int) -> None:
    """Weights and inputs agree, to the few roundings of another order of products."""
    for index, (one, two) in enumerate(aligned(plain, other)):
        numbers = ("weight", one.weight, two.weight), ("input", one.input, two.input)
        for what, mine, theirs in numbers:
            allowed = mine.double().abs() * _PRODUCTS * unit_roundoff(mine.dtype)
            place = f"{what} of layer call {index} under renaming {seed}"
            worst = worst_of(theirs.double(), mine.double(), allowed, place)
            require(share(worst) <= 1, worst)
