"""Claim "chain": where the scale of a layer goes, and what it costs.

A scale is folded into the rows of the producer where every consumer of the producer's output gets
it for this very layer, through nodes with f(s x) = s f(x) channel by channel for s > 0; elsewhere
the layer's input is multiplied, once, for that layer alone. All scales come from the ranges before
any weight changes. How inputs, weights, biases and multiplications are judged stands in
`eqconform.judge.placement`; the networks are sorted into clauses by what stands between two layers.

Sources: Nagel et al. 2019, arXiv 1906.04721, section 4.1; PyTorch 2.15,
torch/ao/quantization/fx/_equalize.py, convert_eq_obs.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from eqconform.checks.subjects import (
    REPRESENTATIVE,
    budgets,
    named,
    of_late_extremes,
    of_other_numbers,
    of_scattered_extremes,
    tagged,
)
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded
from eqconform.judge.judgement import equalized
from eqconform.judge.outcome import Evidence, require
from eqconform.judge.placement import (
    judge_biases,
    judge_everything,
    judge_inputs,
    judge_left_out,
    judge_multiplications,
    judge_weights,
    placement,
    placement_of_one,
)
from eqconform_models import Network, network

_NEEDS = ("equalize",)
_CHAINS = tagged("chain", without=("vision",))
_FOLDING = [name for name, each in named(*REPRESENTATIVE).items() if each.folds]
_NOT_JUDGED = ("result-never-used",)  # a pass may drop the layer, and then the calls do not align


@check("chain.scale", needs=_NEEDS, over=named(*REPRESENTATIVE), needs_formula=True)
def scale(implementation: Guarded, network: Network) -> Evidence:
    """Every input arrives as s x, with the formula's s from the ranges before any change."""
    return judge_inputs(placement(implementation, network))


@check("chain.weight", needs=_NEEDS, over=named(*REPRESENTATIVE), needs_formula=True)
def weight(implementation: Guarded, network: Network) -> Evidence:
    """Every weight is diag(s of the next layer, where it is folded) W diag(1/s)."""
    return judge_weights(placement(implementation, network))


@check("chain.bias", needs=_NEEDS, over=named(*_FOLDING), needs_formula=True)
def bias(implementation: Guarded, network: Network) -> Evidence:
    """A bias takes the scale that is folded into its rows, and no other."""
    return judge_biases(placement(implementation, network))


@check("chain.multiplications", needs=_NEEDS, over=named(*REPRESENTATIVE), needs_formula=True)
def multiplications(implementation: Guarded, network: Network) -> Evidence:
    """No multiplication where folding is due, and exactly one where it is not."""
    return judge_multiplications(placement(implementation, network))


@check("chain.calls-apart", needs=_NEEDS, over=named(*REPRESENTATIVE[:3]), needs_formula=True)
def calls_apart(implementation: Guarded, network: Network) -> Evidence:
    """No scale is left over from a model of the same names that was equalized before."""
    equalized(implementation, network)
    return judge_everything(placement(implementation, of_other_numbers(network)))


_SCATTERED = {
    **{
        name: of_scattered_extremes(each)
        for name, each in named("chain-three-layers", "chain-conv2d").items()
    },
    "chain-conv1d-long": of_late_extremes(network("chain-conv1d")),
    "chain-conv2d-large": of_late_extremes(network("chain-conv2d")),
}


@check("chain.every-sample", needs=_NEEDS, over=_SCATTERED, needs_formula=True)
def every_sample(implementation: Guarded, network: Network) -> Evidence:
    """A range is that of every sample of every batch, however many there are and how large."""
    return judge_inputs(placement(implementation, network))


def in_place(implementation: Guarded, network: Network) -> Evidence:
    """Every scale is where it belongs: inputs, weights, biases and multiplications say so."""
    return judge_everything(placement(implementation, network))


@check(
    "chain.folds-into-norms",
    needs=_NEEDS,
    **budgets({n: each for n, each in tagged("norm").items() if each.norm_folds}),
    needs_formula=True,
)
def folds_into_norms(implementation: Guarded, network: Network) -> Evidence:
    """A normalization that ends in a map per channel takes the scale: nothing is multiplied."""
    placed = placement(implementation, network)
    judge_everything(placed)
    spent = placed.after.multiplications - placed.before.multiplications
    due = len(network.multiplied)
    return require(
        spent <= due, Evidence(f"{due} more multiplications, for other layers", f"{spent} more")
    )


def _matching(*patterns: str) -> dict[str, Network]:
    """The networks of `_CHAINS` whose name matches one of the patterns."""
    return {
        name: each
        for name, each in _CHAINS.items()
        if any(fnmatchcase(name, pattern) for pattern in patterns)
    }


def _sorted_into_clauses() -> dict[str, dict[str, Network]]:
    """Every network of which something is known, under the first clause that fits."""
    clauses = {
        "chain.folds-through-relu": tagged("relu"),
        "chain.folds-through-slopes": _matching("*leaky-relu*", "*prelu*"),
        "chain.folds-through-pooling": _matching("chain-*pool*"),
        "chain.folds-through-inert": _matching("*dropout*", "chain-identity", "chain-several*"),
        "chain.folds-grouped": tagged("grouped", without=("hazard",)),
        "chain.folds-functional": tagged("chain", "functional"),
        "chain.folds-at-any-rank": {**tagged("chain", "rank"), **tagged("chain", "unbatched")},
        "chain.odd-values": tagged("values"),
        "chain.odd-names": tagged("names"),
        "chain.across-axes": tagged("rank", without=("norm",)),
        "chain.not-homogeneous": {**tagged("hazard"), **named("module-list-loop")},
        "chain.residuals": tagged("residual"),
        "chain.gates": tagged("gate"),
        "chain.returned-values": named("output-also-returned", "output-before-relu-returned"),
        "chain.branches": tagged("graph"),
        "chain.shared-layers": tagged("shared"),
        "chain.normalizations": tagged("norm"),
        "chain.computed-weights": tagged("computed-weight"),
        "chain.inputs-and-outputs": {**tagged("inputs"), **tagged("outputs")},
        "chain.unsupported-neighbours": tagged("left-alone"),
        "chain.folds": {**_CHAINS, **tagged("degenerate")},
    }
    return _first_of_each(clauses)


@check(
    "chain.producer-not-selected",
    needs=_NEEDS,
    over=named("chain-relu-module", "chain-max-pool2d", "chain-three-layers", "grouped-conv2d"),
    needs_formula=True,
)
def producer_not_selected(implementation: Guarded, network: Network) -> Evidence:
    """A consumer that is chosen alone is multiplied for: its producer stays bit-identical."""
    placed = placement_of_one(implementation, network, min(network.folds))
    judge_left_out(placed)
    return judge_everything(placed)


def _first_of_each(clauses: Mapping[str, Mapping[str, Network]]) -> dict[str, dict[str, Network]]:
    found: dict[str, dict[str, Network]] = {}
    seen = set(_NOT_JUDGED)
    for clause, networks in clauses.items():
        found[clause] = {
            name: each
            for name, each in networks.items()
            if name not in seen and (each.folds or each.multiplied or each.norm_folds)
        }
        seen.update(networks)
    return found


for _clause, _networks in _sorted_into_clauses().items():
    check(_clause, needs=_NEEDS, **budgets(_networks), needs_formula=True)(in_place)
