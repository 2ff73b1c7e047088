"""Claim "quantize": the values of int8 models whose layers do not stand in a row.

An int8 model is to be no noisier than the coarsest one that conforms, which
`eqconform.checks.simulation` makes of the untouched network. Equalized it may be noisier by what
the formula can cost, which `eqconform.checks.decibels.amplified` derives.

Sources: as in `eqconform.judge.noise`.
"""

from eqconform.checks.decibels import amplified, at_least, like
from eqconform.checks.simulation import coarsest
from eqconform.checks.wirings import wirings
from eqconform.judge.cases import check
from eqconform.judge.expectation import expected_scales
from eqconform.judge.guard import Guarded, run
from eqconform.judge.judgement import a_module, share
from eqconform.judge.noise import by_chance
from eqconform.judge.outcome import Evidence
from eqconform.judge.sqnr import sqnr
from eqconform.probe import Recording, outputs, record
from eqconform_models import Network

_NEEDS = ("quantize",)
_WIRINGS = wirings()


@check("quantize.wirings", needs=_NEEDS, over=_WIRINGS)
def any_wiring(implementation: Guarded, network: Network) -> Evidence:
    """Quantized, a network computes its function up to the noise of the steps."""
    return _judge(implementation, network, equalize=False, cost=0.0)


@check("quantize.wirings-equalized", needs=_NEEDS, over=_WIRINGS, needs_formula=True)
def any_wiring_equalized(implementation: Guarded, network: Network) -> Evidence:
    """Equalized before, it does so too, up to what the formula can cost."""
    cost = amplified(_uneven(network, implementation.formula))
    return _judge(implementation, network, equalize=True, cost=cost)


def _judge(implementation: Guarded, network: Network, *, equalize: bool, cost: float) -> Evidence:
    """The evidence that the ratio is that of the coarsest model, less a cost in dB and chance."""
    batch, calibration = network.judgement()["fresh"], network.calibration()
    untouched = record(network.build(), batch)
    model = implementation.quantize(network.build(), list(calibration), equalize=equalize)
    returned = outputs(run(a_module(model, "quantize()"), batch, who="the int8 model"))
    steps = coarsest(network.build(), calibration, batch)
    allowed = cost + by_chance(_smallest_layer(untouched))
    found = []
    for place, exact in outputs(untouched.output).items():
        observed = sqnr(exact, like(exact, returned.get(place)), centred=True)
        owed = sqnr(exact, steps[place], centred=True)
        words = f"in {place}, as with every tensor on 127 even steps, and the weights on 254"
        found.append(at_least(observed, owed, allowed, words))
    return max(found, key=share)


def _smallest_layer(recording: Recording) -> int:
    """The number of weights of the layer that has the fewest."""
    return min(call.weight.numel() for call in recording.calls)


def _uneven(network: Network, formula: str) -> list[float]:
    """The largest over the smallest scale of each layer, by the formula."""
    calls = record(network.build(), network.calibration()[0]).calls
    scales = expected_scales(network, formula, measured=False)
    found = {
        call.weight_key: (scale.value.amax() / scale.value.amin()).item()
        for call, scale in zip(calls, scales, strict=True)
    }
    return list(found.values())
