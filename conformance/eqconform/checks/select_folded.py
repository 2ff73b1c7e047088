"""Claim "select", folded chains: a layer whose rows took a scale is scaled, and not noisy.

The noise is planted in the float model, for the other one is the implementation's own: its outputs
are known, to rounding, from the model that it was made from.

Sources: PyTorch 2.15, torch/ao/quantization/fx/_equalize.py, scale_weight_node and
get_layer_sqnr_dict.
"""

import copy
from collections.abc import Sequence

from torch import Tensor, nn

from eqconform.checks.select_chains import CHAINS, Chain, judge_layer, slacks
from eqconform.checks.select_ratios import layer_outputs, of_layers
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded
from eqconform.judge.judgement import a_module, recorded, share
from eqconform.judge.outcome import Evidence, Vacuous, Violation
from eqconform.probe import LayerCall, of_call

_Outputs = Sequence[tuple[LayerCall, Tensor]]


@check("select.folded-layers", needs=("layer_sqnr", "equalize"), over=CHAINS)
def folded_scale_is_undone(implementation: Guarded, chain: Chain) -> Evidence:
    """The ratio of each layer is that of the noise alone, as if nothing had been folded."""
    model, batches, fresh = chain.model(), chain.calibration(), chain.fresh()
    result = a_module(implementation.equalize(copy.deepcopy(model), batches), "equalize()")
    other = chain.model(noisy=True)
    signal, plain = layer_outputs(other, fresh), layer_outputs(model, fresh)
    allowed = slacks(other, signal), slacks(model, plain)
    _require_folded(result, fresh, plain, allowed[1])
    returned = of_layers(implementation.layer_sqnr(other, result, fresh), chain.names())
    found = [
        judge_layer(returned[name], name, y, changed, slack)
        for name, (_, y), (_, changed), slack in zip(
            chain.names(), signal, plain, zip(*allowed, strict=True), strict=True
        )
    ]
    return max(found, key=share)


def _require_folded(
    model: nn.Module, batch: Tensor, plain: _Outputs, allowed: Sequence[Tensor]
) -> None:
    """Nothing, if some layer of the equalized model gives a scaled output.

    Raises:
        Vacuous: every layer gives what it gave, so that nothing is there to undo.
        Violation: there are more or fewer layer calls than before.
    """
    calls = recorded(model, batch).calls
    if len(calls) != len(plain):
        raise Violation(Evidence(f"{len(plain)} linear or conv calls", f"{len(calls)} of them"))
    for each, (_, y), slack in zip(calls, plain, allowed, strict=True):
        if ((of_call(each, each.input, each.weight, each.bias) - y).abs() > slack).any():
            return
    raise Vacuous("no layer's rows took a scale: every output is what it was")
