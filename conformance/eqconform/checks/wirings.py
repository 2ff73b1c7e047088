"""Networks for the claim "quantize" that are no bare rows of layers, balanced.

Their channels are as even as their wiring lets them be: inputs, weights and their ranges are drawn
evenly, and every output channel of an inner layer is moved and scaled until its mean is 0 and its
largest value 1. So equalization has little to do there, and int8 costs what its steps cost.
"""

from copy import deepcopy
from functools import cache

import torch
from torch import Tensor, nn

from eqconform.checks.drawing import samples, span_inputs
from eqconform.checks.wired import CHANNELS, WIRINGS, FunctionalLayers, Wiring
from eqconform.contract import Batch
from eqconform.judge.channels import channel_axis, rows_against_weight
from eqconform.probe import of_call, record
from eqconform_models import Network
from eqconform_models.network import seed_of, slug


@cache
def wirings() -> dict[str, Network]:
    """The networks by name."""
    found = [_network(wiring) for wiring in WIRINGS]
    return {each.name: each for each in found}


def _network(wiring: type[Wiring]) -> Network:
    @cache
    def built() -> Wiring:
        return _balanced(wiring)

    return Network(
        name=slug(wiring.__name__),
        summary=(wiring.__doc__ or "").split("\n")[0],
        build=lambda: deepcopy(built()),
        calibration=lambda: list(_batches(wiring, 3)),
        judgement=lambda: {"fresh": _batches(wiring, 1)[0]},
        folds={},
        multiplied=frozenset(),
        norm_folds=frozenset(),
        tags=frozenset(),
    )


def _balanced(wiring: type[Wiring]) -> Wiring:
    """The model, with the output channels of its inner layers made even."""
    model = wiring(torch.Generator().manual_seed(seed_of(wiring.__name__))).eval()
    for name in wiring.inner:
        weight, bias = _parameters(model, name)
        outputs = _outputs(model, weight)
        means = outputs.mean(1)
        spans = outputs.amax(1) - means
        with torch.no_grad():
            weight.div_(rows_against_weight(spans, weight))
            bias.sub_(means).div_(spans)
    return model


def _parameters(model: Wiring, name: str) -> list[nn.Parameter]:
    """Weight and bias of a layer, whether it is a module or a function."""
    start = f"{name}_" if isinstance(model, FunctionalLayers) else f"{name}."
    return [each for full, each in model.named_parameters() if full.startswith(start)]


def _outputs(model: Wiring, weight: Tensor) -> Tensor:
    """What the layer of a weight gives in calibration, shape (out, values)."""
    recordings = [record(model, batch) for batch in _batches(type(model), 3)]
    calls = [call for recording in recordings for call in recording.calls]
    own = [call for call in calls if torch.equal(call.weight, weight)]
    given = [
        of_call(call, call.input, call.weight, call.bias).movedim(channel_axis(weight), 0)
        for call in own
    ]
    return torch.cat([each.flatten(1) for each in given], 1)


def _batches(wiring: type[Wiring], count: int) -> list[Batch]:
    """So many batches, the same every time; three of them reach from -1 to 1 in every channel."""
    seed = seed_of(f"{wiring.__name__}, {count} batches")
    generator = torch.Generator().manual_seed(seed)
    inputs = []
    for _ in range(wiring.inputs):
        given = samples(wiring.kind, CHANNELS, generator, batches=count)
        span_inputs(given, -1, 1)
        inputs.append(given.chunk(count))
    return [each[0] if len(each) == 1 else each for each in zip(*inputs, strict=True)]
