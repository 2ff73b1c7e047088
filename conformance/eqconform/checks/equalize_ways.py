"""Claim "equalize": the other ways to an equalized model lead to the one that `equalize` makes.

A model can be prepared, calibrated and converted step by step, all layers or some; a clause on
`equalize` says nothing of that. For models that cannot be taken whole see
`eqconform.checks.equalize_parts`.

Source: PyTorch 2.15, torch/ao/quantization/quantize_fx.py, prepare_fx; torch/ao/quantization/fx/
_equalize.py, convert_eq_obs.
"""

from torch import nn

from eqconform.checks.subjects import named
from eqconform.checks.verdicts import near, roundings
from eqconform.judge.alignment import aligned
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded
from eqconform.judge.judgement import (
    a_module,
    calibrated,
    equalized,
    judge_twin,
    recorded,
    require_engaged,
    what_it_returns,
)
from eqconform.judge.outcome import Evidence, require
from eqconform.probe import Recording
from eqconform_models import Network

_PRODUCTS = 8  # roundings of a weight that takes two factors, in either order, on either side
_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
_STEPPED = named("chain-three-layers", "residual-block", "norm-conv-batch-norm-conv")
_CHOICES = {
    f"{name}-{choice}": (each, choice)
    for name, each in _STEPPED.items()
    for choice in ("all-layers", "last-layer")
}


@check("equalize.steps-agree", needs=("equalize", "prepare", "convert"), over=_CHOICES)
def steps_agree(implementation: Guarded, subject: tuple[Network, str]) -> Evidence:
    """Prepared, calibrated and converted, a model computes the same, with the same scales.

    A weight is diag(r) W diag(1/s): where all weights, all outputs and the number of
    multiplications agree, so do the scales, and the places where they are.
    """
    network, choice = subject
    layers = _last_layer(network.build()) if choice == "last-layer" else None
    whole = equalized(implementation, network, layers=layers)
    require_engaged(network, whole)
    prepared = calibrated(implementation, network, layers=layers)
    stepped = a_module(implementation.convert(prepared), "convert()")
    fresh = network.judgement()["fresh"]
    require_same_scales(recorded(whole, fresh), recorded(stepped, fresh), "step by step")
    return judge_twin(network, what_it_returns(network, stepped), what_it_returns(network, whole))


def _last_layer(model: nn.Module) -> list[str]:
    names = [name for name, module in model.named_modules() if isinstance(module, _LAYERS)]
    return names[-1:]


def require_same_scales(whole: Recording, other: Recording, how: str) -> Evidence:
    """The evidence that two results have the same scales in the same places.

    Weights agree to the few roundings of another order of products; multiplications exactly.

    Args:
        whole: of what `equalize` makes without a choice.
        other: of what was made another way.
        how: that way, for the reader.

    Raises:
        Violation: they have not.
    """
    for index, (one, two) in enumerate(aligned(whole, other)):
        expected = one.weight.double()
        allowed = expected.abs() * roundings(_PRODUCTS, one.weight.dtype)
        near(two.weight, expected, allowed, f"weight of layer call {index}, {how}")
    counts = whole.multiplications, other.multiplications
    return require(
        counts[0] == counts[1],
        Evidence(f"{counts[0]} multiplications, as of equalize()", f"{counts[1]} {how}"),
    )
