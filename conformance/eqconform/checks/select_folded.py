"""Claim "select", folded chains: a layer whose rows took a scale is scaled, and not noisy.

The noise is planted in the float model, for the other one is the implementation's own: its outputs
are known, to rounding, from the model that it was made from.

Sources: PyTorch 2.15, torch/ao/quantization/fx/_equalize.py, scale_weight_node and
get_layer_sqnr_dict; Higham, "Accuracy and Stability of Numerical Algorithms" (2002), section 3.1.
"""

import copy
import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from eqconform.checks.examples import sample
from eqconform.checks.select_sqnr import (
    judge_ratio,
    layer_outputs,
    of_call,
    of_layers,
    rounding_of_ratio,
)
from eqconform.checks.verdicts import roundings
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded
from eqconform.judge.judgement import a_module, recorded, share
from eqconform.judge.outcome import Evidence, Vacuous, Violation
from eqconform.judge.sqnr import sqnr
from eqconform.probe import LayerCall

_Outputs = Sequence[tuple[LayerCall, Tensor]]

# Beside the dot product: the input's multiplication, the weight's division (by a reciprocal or
# not) and multiplication, and the division that undoes it, by a reciprocal or not.
_SCALINGS = 6


@dataclass(frozen=True)
class _Chain:
    """Layers with ReLU between them, what they are fed with, and the module that they are in."""

    layers: Callable[[], list[nn.Module]]
    shape: tuple[int, ...]
    inside: str = ""

    def names(self) -> list[str]:
        """Of the layers, as they follow each other in the network."""
        prefix = f"{self.inside}." if self.inside else ""
        return [f"{prefix}{2 * place}" for place in range(len(self.layers()))]

    def model(self, *, noisy: bool = False) -> nn.Module:
        """The chain; with noise of a relative size of 1/20 in its weights."""
        parts = [each for layer in self.layers() for each in (layer, nn.ReLU())]
        model = nn.Sequential(*parts[:-1])
        for seed, parameter in enumerate(model.parameters()):
            parameter.data = sample(*parameter.shape, seed=seed)
            if noisy:
                parameter.data += sample(*parameter.shape, seed=100 + seed) / 20
        inside = nn.Sequential(OrderedDict({self.inside: model})) if self.inside else model
        return inside.eval()

    def batch(self, seed: int) -> Tensor:
        """Channels, at axis 1, of different magnitude."""
        spread = torch.logspace(-1, 1, self.shape[1]).view(-1, *[1] * (len(self.shape) - 2))
        return spread * sample(*self.shape, seed=1000 + seed)


def _linear() -> list[nn.Module]:
    return [nn.Linear(4, 6), nn.Linear(6, 5), nn.Linear(5, 3)]


_CHAINS = {
    "linear": _Chain(_linear, (8, 4)),
    "linear-inside-a-block": _Chain(_linear, (8, 4), inside="block"),
    "conv2d": _Chain(lambda: [nn.Conv2d(3, 4, 2), nn.Conv2d(4, 3, 2)], (3, 3, 4, 4)),
}


@check("select.folded-layers", needs=("layer_sqnr", "equalize"), over=_CHAINS)
def folded_scale_is_undone(implementation: Guarded, chain: _Chain) -> Evidence:
    """The ratio of each layer is that of the noise alone, as if nothing had been folded."""
    batches = [chain.batch(seed) for seed in range(3)]
    model = chain.model()
    result = a_module(implementation.equalize(copy.deepcopy(model), batches), "equalize()")
    other, fresh = chain.model(noisy=True), chain.batch(9)
    signal, plain = layer_outputs(other, fresh), layer_outputs(model, fresh)
    _require_folded(result, fresh, plain)
    returned = of_layers(implementation.layer_sqnr(other, result, fresh), chain.names())
    slacks = zip(_slack(signal), _slack(plain), strict=True)
    found = [
        _judge_layer(returned[name], name, y, changed, slack)
        for name, (_, y), (_, changed), slack in zip(
            chain.names(), signal, plain, slacks, strict=True
        )
    ]
    return max(found, key=share)


def _judge_layer(
    observed: object, name: str, y: Tensor, changed: Tensor, slack: tuple[Tensor, Tensor]
) -> Evidence:
    """The evidence that this is the ratio of two outputs, each known to its slack.

    The norm of a vector that is off by at most `slack` is off by at most the norm of `slack`.
    """
    in_signal, in_other = (float(each.norm()) for each in slack)
    noise = changed - y
    relative = in_signal / float(y.norm()), (in_signal + in_other) / float(noise.norm())
    tolerance = sum(-20 * math.log10(1 - each) for each in relative)
    return judge_ratio(observed, sqnr(y, changed), tolerance + rounding_of_ratio(y, noise), name)


def _slack(outputs: _Outputs) -> list[Tensor]:
    """How far a float32 computation of each layer's output may be off, element by element.

    A dot product of n terms and a bias: n + 1 roundings of the sum of magnitudes, Higham's (3.5),
    and those of the scalings. What the layer before was off by comes through the weights; ReLU
    adds nothing, for it has no slope above 1.
    """
    found: list[Tensor] = []
    for call, y in outputs:
        bias = None if call.bias is None else call.bias.abs()
        magnitude = of_call(call, call.input.abs(), call.weight.abs(), bias)
        own = roundings(call.weight[0].numel() + 1 + _SCALINGS, torch.float32) * magnitude
        before = found[-1] if found else torch.zeros_like(call.input)
        inherited = of_call(call, before, call.weight.abs(), None)
        assert inherited.shape == y.shape  # noqa: S101  the chain is one layer behind the other
        found.append(own + inherited)
    return found


def _require_folded(model: nn.Module, batch: Tensor, plain: _Outputs) -> None:
    """Nothing, if some layer of the equalized model gives a scaled output.

    Raises:
        Vacuous: every layer gives what it gave, so that nothing is there to undo.
        Violation: there are more or fewer layer calls than before.
    """
    calls = recorded(model, batch).calls
    if len(calls) != len(plain):
        raise Violation(Evidence(f"{len(plain)} linear or conv calls", f"{len(calls)} of them"))
    for each, (_, y), slack in zip(calls, plain, _slack(plain), strict=True):
        if ((of_call(each, each.input, each.weight, each.bias) - y).abs() > slack).any():
            return
    raise Vacuous("no layer's rows took a scale: every output is what it was")
