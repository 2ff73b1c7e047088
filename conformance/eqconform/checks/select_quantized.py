"""Claim "select", int8 models: the sensitivities of what the implementation itself quantizes.

What the layers of the int8 model give is captured, and so the ratios are known. Of a layer that an
int8 engine computes nothing is seen, and its ratio has only to be a number; but the last layer's
output is the model's, whatever computes it.

Source: PyTorch 2.15, torch/ao/quantization/fx/_equalize.py, get_layer_sqnr_dict, which is for
comparing a float model with a quantized one.
"""

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from eqconform.checks.decibels import like
from eqconform.checks.select_chains import CHAINS, Chain, judge_layer, slack_of, slacks
from eqconform.checks.select_ratios import a_number, layer_outputs, of_call, of_layers
from eqconform.checks.sequences import Tried, extremes, formula_scale
from eqconform.checks.verdicts import roundings
from eqconform.judge.cases import check
from eqconform.judge.channels import against_input
from eqconform.judge.expectation import ExpectedScale
from eqconform.judge.guard import Guarded
from eqconform.judge.judgement import a_module, recorded, share
from eqconform.judge.outcome import Evidence, require
from eqconform.judge.sqnr import sqnr
from eqconform.probe import LayerCall

# As in `eqconform.judge.expectation`: of a scale that is made by the formula.
_FORMULA_ROUNDINGS = 4


@dataclass(frozen=True)
class _Quantized:
    """A chain, and whether it is equalized before it is quantized."""

    chain: Chain
    equalize: bool


@dataclass(frozen=True)
class _Known:
    """An output, float64, and how far it may be off, element by element."""

    output: Tensor
    slack: Tensor


_CASES = {
    f"{name}-{'equalized' if equalize else 'plain'}": _Quantized(CHAINS[name], equalize)
    for name in ("linear", "conv1d", "conv2d", "conv3d")
    for equalize in (False, True)
}


@check("select.quantized-model", needs=("layer_sqnr", "quantize"), over=_CASES)
def int8_has_the_ratios_of_its_outputs(implementation: Guarded, subject: _Quantized) -> Evidence:
    """Every ratio is finite; where the layer's output is seen, it is that of the output."""
    chain = subject.chain
    model, batches, fresh = chain.model(), chain.calibration(), chain.fresh()
    made = implementation.quantize(copy.deepcopy(model), list(batches), equalize=subject.equalize)
    int8 = a_module(made, "quantize()")
    returned = of_layers(implementation.layer_sqnr(model, int8, fresh), chain.names())
    ratios = {name: _finite(returned[name], name) for name in chain.names()}
    outputs = layer_outputs(model, fresh)
    pairs = zip(outputs, slacks(model, outputs), strict=True)
    signal = [_Known(y, slack) for (_, y), slack in pairs]
    given = _given(int8, signal, fresh, _scales(model, batches, implementation.formula))
    found = [
        _judge(ratio, name, exact, candidates)
        for (name, ratio), exact, candidates in zip(ratios.items(), signal, given, strict=True)
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


def _given(
    int8: nn.Module, signal: list[_Known], fresh: Tensor, scales: list[ExpectedScale | None]
) -> list[list[_Known]]:
    """What each layer of the int8 model may count as having given; nothing where it is not seen.

    Of the last layer that is its own output, or the model's, which may be behind a quantizer.

    Args:
        int8: the implementation's.
        signal: what the layers of the float model give.
        fresh: the batch.
        scales: what the rows of each layer may have taken, shape (out,).
    """
    seen = recorded(int8, fresh)
    last = like(signal[-1].output, seen.output).double()
    whole = _Known(last, torch.zeros_like(last))
    if len(seen.calls) != len(signal):
        return [*([] for _ in signal[:-1]), [whole]]
    own = [
        [_unfolded(call, exact.output, scale)]
        for call, exact, scale in zip(seen.calls, signal, scales, strict=True)
    ]
    own[-1].append(whole)
    return own


def _unfolded(call: LayerCall, exact: Tensor, scale: ExpectedScale | None) -> _Known:
    """What a call gave, without a scale that its rows took: whichever is nearer to the signal."""
    bias = None if call.bias is None else call.bias.double()
    output = of_call(call, call.input.double(), call.weight.double(), bias)
    slack = slack_of(call)
    plain = _Known(output, slack)
    if scale is None:
        return plain
    rows, moved = (against_input(each, call.weight) for each in (scale.value, scale.uncertainty))
    undone = _Known(output / rows, (slack + output.abs() * moved) / rows)
    return max((plain, undone), key=lambda each: sqnr(exact, each.output))


def _scales(model: nn.Module, batches: list[Tensor], formula: str) -> list[ExpectedScale | None]:
    """The scale of the next layer by the formula, and its relative uncertainty; None: unknown.

    The range of the next layer's input moves with the rounding of this one's output.
    """
    if formula == "none" or not isinstance(model, nn.Sequential):
        return [None for _ in layer_outputs(model, batches[0])]
    tried = Tried(model, batches, batches[0])
    outputs = layer_outputs(model, torch.cat(batches))
    found: list[ExpectedScale | None] = []
    for layer, off in enumerate(slacks(model, outputs)[:-1], start=1):
        low, high = extremes(tried, layer)
        widest = off.movedim(1, 0).flatten(1).amax(1)  # (C,)
        spread = torch.maximum(low.abs(), high.abs()) if formula == "absmax" else high - low
        uncertainty = roundings(_FORMULA_ROUNDINGS, torch.float32) + widest / spread
        found.append(ExpectedScale(formula_scale(tried, layer, formula), uncertainty))
    return [*found, None]
