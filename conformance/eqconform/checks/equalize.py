"""Claim "equalize": the equalized model computes the same function, on networks of every kind.

The outputs of a model are held against those of the untouched one in float64, on inputs that were
never calibrated on and on three times those: a scale folded through ReLU6 looks right inside the
calibrated range and is far off outside. Tolerances: `eqconform.judge.rounding`. A clause for each
kind of network lets the verdict read as a diagnosis.

Sources: Nagel et al. 2019, arXiv 1906.04721, section 4.1; SPEC.md.
"""

from collections.abc import Sequence

from torch import nn

from eqconform.checks.subjects import (
    budgets,
    families,
    in_long_batches,
    named,
    of_several_sizes,
    other_sizes,
    tagged,
)
from eqconform.judge.alignment import changed_calls
from eqconform.judge.cases import check
from eqconform.judge.form import require_same_form
from eqconform.judge.guard import Guarded, run
from eqconform.judge.judgement import (
    BEYOND_CALIBRATION,
    equalized,
    judge_engaged,
    judge_function,
    recorded,
    require_engaged,
    share,
)
from eqconform.judge.outcome import Evidence, Raised, require
from eqconform.probe import record
from eqconform_models import Network

_NEEDS = ("equalize",)
_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
_JUDGED_BELOW = {"equalize.parametrized-weights", "equalize.hooks", "equalize.every-output"}


@check(
    "equalize.engages", needs=_NEEDS, over=named("chain-three-layers", "chain-four-convolutions")
)
def engages(implementation: Guarded, network: Network) -> Evidence:
    """An equalizer changes weights: one that returns the model as it was equalizes nothing."""
    batch = network.judgement()["fresh"]
    before = record(network.build(), batch)
    changed = changed_calls(before, recorded(equalized(implementation, network), batch))
    observed = f"another weight or input at layer calls {changed}" if changed else "the same ones"
    count = len(before.calls)
    return require(
        bool(changed), Evidence(f"other weights or inputs at some of {count} calls", observed)
    )


def same_function(implementation: Guarded, network: Network) -> Evidence:
    """Every output is that of the untouched model, to rounding, and something was equalized."""
    return judge_engaged(network, equalized(implementation, network))


for _clause, _networks in families().items():
    if _clause not in _JUDGED_BELOW:
        check(_clause, needs=_NEEDS, **budgets(_networks))(same_function)


@check("equalize.every-output", needs=_NEEDS, **budgets(families()["equalize.every-output"]))
def every_output(implementation: Guarded, network: Network) -> Evidence:
    """Every output comes right, in a container like the one it was in, with what is no tensor."""
    model = equalized(implementation, network)
    evidence = judge_engaged(network, model)
    given = network.judgement()
    for name in BEYOND_CALIBRATION:
        untouched = record(network.build(), given[name]).output
        require_same_form(untouched, run(model, given[name]), name)
    return evidence


@check("equalize.parametrized-weights", needs=_NEEDS, over=tagged("parametrized"))
def parametrized_weights(implementation: Guarded, network: Network) -> Evidence:
    """A layer whose weight is computed works, or is refused by an error that has its name."""
    parametrized = _parametrized(network.build())
    return _preserved_or_refused(implementation, network, naming=parametrized)


@check("equalize.hooks", needs=_NEEDS, over=tagged("hooks"))
def hooks(implementation: Guarded, network: Network) -> Evidence:
    """What a hook does to values is done as before, or refused by an error that speaks of hooks."""
    return _preserved_or_refused(implementation, network, naming=["hook"])


def _preserved_or_refused(
    implementation: Guarded, network: Network, *, naming: Sequence[str]
) -> Evidence:
    """The evidence that the function is preserved, or that an error says one of these words.

    Raises:
        Violation: neither.
    """
    try:
        return judge_function(network, equalized(implementation, network))
    except Raised as raised:
        message = f"{type(raised.cause).__name__}: {raised.cause}"
        named_there = any(name in message for name in naming)
        expected = f"the same function, or an error that names {' or '.join(naming)}"
        return require(named_there, Evidence(expected, message))


@check(
    "equalize.unseen-sizes",
    needs=_NEEDS,
    **budgets({**of_several_sizes(), **in_long_batches()}),
)
def unseen_sizes(implementation: Guarded, network: Network) -> Evidence:
    """Batches of another length, and inputs of another size, come out right as well."""
    return judge_engaged(network, equalized(implementation, network), on=other_sizes(network))


@check(
    "equalize.any-layer-selected",
    needs=_NEEDS,
    over=named(
        *("residual-block", "branch-with-chains", "consumer-shared", "shared-bias"),
        *("tied-weight-in-row", "norm-conv-batch-norm-conv", "depthwise-separable-chain"),
    ),
)
def any_layer_selected(implementation: Guarded, network: Network) -> Evidence:
    """Whichever layer is chosen alone, the function stays."""
    names = [name for name, each in network.build().named_modules() if isinstance(each, _LAYERS)]
    found = [
        judge_function(network, equalized(implementation, network, layers=[name])) for name in names
    ]
    require_engaged(network, equalized(implementation, network))
    return max(found, key=share)


def _parametrized(model: nn.Module) -> list[str]:
    """Names of the layers whose weight is computed: it is no parameter of theirs."""
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, _LAYERS) and "weight" not in module._parameters  # noqa: SLF001  no public way to ask
    ]
