"""Claim "select", int8 models: the sensitivities of what the implementation itself quantizes.

What the layers of the int8 model give is captured, and so the ratios are known. Of a layer that an
int8 engine computes nothing is seen, and its ratio has only to be a number; but where the model
returns what its last layer gives, that is seen, whatever computes it.

Source: PyTorch 2.15, torch/ao/quantization/fx/_equalize.py, get_layer_sqnr_dict, which is for
comparing a float model with a quantized one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from eqconform.checks.decibels import like
from eqconform.checks.select_chains import judge_layer, slack_of
from eqconform.checks.select_networks import NETWORKS
from eqconform.checks.select_ratios import a_number, layer_outputs, of_layers
from eqconform.judge.cases import check
from eqconform.judge.channels import against_input
from eqconform.judge.expectation import ExpectedScale, expected_scales
from eqconform.judge.guard import Guarded
from eqconform.judge.judgement import a_module, recorded, share
from eqconform.judge.outcome import Evidence, require
from eqconform.judge.rounding import bounds
from eqconform.judge.sqnr import sqnr
from eqconform.probe import LayerCall, Recording, of_call, record
from eqconform_models import Network


@dataclass(frozen=True)
class _Known:
    """An output, float64, and how far it may be off, element by element."""

    output: Tensor
    slack: Tensor


_CASES = {
    f"{name}-{'equalized' if equalize else 'plain'}": (network, equalize)
    for name, network in NETWORKS.items()
    for equalize in (False, True)
}


@check("select.quantized-model", needs=("layer_sqnr", "quantize"), over=_CASES)
def int8_has_the_ratios_of_its_outputs(
    implementation: Guarded, subject: tuple[Network, bool]
) -> Evidence:
    """Every ratio is finite; where the layer's output is seen, it is that of the output."""
    network, equalize = subject
    fresh = network.judgement()["fresh"]
    made = implementation.quantize(network.build(), network.calibration(), equalize=equalize)
    int8 = a_module(made, "quantize()")
    names, signal = _names(network), _signal(network)
    returned = of_layers(implementation.layer_sqnr(network.build(), int8, fresh), names)
    ratios = [_finite(returned[name], name) for name in names]
    given = _given(network, implementation.formula, signal, recorded(int8, fresh))
    found = [
        _judge(ratio, name, exact, candidates)
        for ratio, name, exact, candidates in zip(ratios, names, signal, given, strict=True)
    ]
    return max(found, key=share)


def _finite(observed: object, name: str) -> float:
    """The ratio of a layer, if it is finite: int8 has noise, and the layers have signals.

    Raises:
        Violation: it is not.
    """
    wanted = f"{name}: a finite ratio in dB, of an int8 model's output"
    ratio = a_number(observed, wanted)
    require(math.isfinite(ratio), Evidence(wanted, f"{ratio}"))
    return ratio


def _judge(ratio: float, name: str, exact: _Known, candidates: list[_Known]) -> Evidence:
    """The evidence that a ratio is that of one of the candidates, or finite if there is none.

    Raises:
        Violation: it is not.
    """
    if not candidates:
        return Evidence(f"{name}: a finite ratio, its output is not seen", f"{ratio} dB", 0.0, 0.0)
    near = min(candidates, key=lambda each: abs(sqnr(exact.output, each.output) - ratio))
    return judge_layer(ratio, name, exact.output, near.output, (exact.slack, near.slack))


def _names(network: Network) -> list[str]:
    """The layer of each call, by the name of its weight."""
    model = network.build()
    names = {parameter.data_ptr(): name for name, parameter in model.named_parameters()}
    calls = record(model, network.judgement()["fresh"]).calls
    return [names[call.weight_key[0]].removesuffix(".weight") for call in calls]


def _signal(network: Network) -> list[_Known]:
    """What each layer call of the untouched network gives.

    A float32 computation of it is off by what its input is off by, through the weights, and by its
    own roundings.
    """
    tolerances = bounds(network, "fresh").input_tolerance
    outputs = layer_outputs(network.build(), network.judgement()["fresh"])
    found = []
    for (call, y), tolerance in zip(outputs, tolerances, strict=True):
        off = against_input(tolerance, call.weight).expand_as(call.input)
        inherited = of_call(call, off, call.weight.abs(), None)
        found.append(_Known(y, slack_of(call) + inherited))
    return found


def _given(
    network: Network, formula: str, signal: Sequence[_Known], seen: Recording
) -> list[list[_Known]]:
    """What each layer of the int8 model may count as having given; nothing where it is not seen.

    Of a last layer whose output the model returns, that is its own output, or the model's, which
    may be behind a quantizer.

    Args:
        network: that the int8 model was made from.
        formula: of the implementation.
        signal: what the layers of the untouched network give.
        seen: what the int8 model does on the same batch.
    """
    scales = () if formula == "none" else expected_scales(network, formula)
    own: list[list[_Known]] = [[] for _ in signal]
    if len(seen.calls) == len(signal):
        own = [
            _nearest(exact.output, seen.calls, scales[place + 1 :])
            for place, exact in enumerate(signal)
        ]
    if _returns_its_last_layer(network, signal[-1]):
        last = like(signal[-1].output, seen.output).double()
        own[-1].append(_Known(last, torch.zeros_like(last)))
    return own


def _returns_its_last_layer(network: Network, last: _Known) -> bool:
    output = record(network.build(), network.judgement()["fresh"]).output
    same = isinstance(output, Tensor) and output.shape == last.output.shape
    return same and bool(((output - last.output).abs() <= last.slack).all())


def _nearest(
    exact: Tensor, calls: Sequence[LayerCall], scales: Sequence[ExpectedScale]
) -> list[_Known]:
    """Of all that the int8 model's layers gave, what is nearest to the signal of one.

    So it is known again in whatever order they were called, and whether its rows took a scale.

    Args:
        exact: the signal.
        calls: of the int8 model.
        scales: that the rows may have taken: those of the layers behind.
    """
    given = [each for call in calls for each in _with_and_without(call, scales)]
    fitting = [each for each in given if each.output.shape == exact.shape]
    return sorted(fitting, key=lambda each: sqnr(exact, each.output))[-1:]


def _with_and_without(call: LayerCall, scales: Sequence[ExpectedScale]) -> list[_Known]:
    """What a call gave, as it is, and without each scale that its rows can have taken."""
    bias = None if call.bias is None else call.bias.double()
    output = of_call(call, call.input.double(), call.weight.double(), bias)
    plain = _Known(output, slack_of(call))
    fitting = [each for each in scales if len(each.value) == len(call.weight)]
    return [plain, *(_undone(plain, call.weight, scale) for scale in fitting)]


def _undone(scaled: _Known, weight: Tensor, scale: ExpectedScale) -> _Known:
    rows, moved = (against_input(each, weight) for each in (scale.value, scale.uncertainty))
    return _Known(scaled.output / rows, (scaled.slack + scaled.output.abs() * moved) / rows)
