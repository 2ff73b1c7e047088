"""Single layers whose values are drawn evenly between bounds, and the noise that int8 owes them.

Sources: as in `eqconform.judge.noise`.
"""

import math
from copy import deepcopy
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from eqconform.checks.drawing import new_layer, samples, span_inputs
from eqconform.checks.sequences import Tried
from eqconform.judge.noise import FEWEST_LEVELS, LEVELS, Layer, layer_noise
from eqconform_models.network import seed_of

_CHANNELS = 64
_NARROWED = 8


@dataclass(frozen=True)
class Spread:
    """A layer whose inputs and weights are drawn evenly between bounds.

    Of more rows than channels the first half is narrow; the others make the noise and the signal.
    """

    kind: str = "linear"
    inputs: tuple[float, float] = (-1.0, 1.0)
    weights: tuple[float, float] = (-1.0, 1.0)
    groups: int = 1
    rows: int = field(default=_CHANNELS, repr=False)  # the same numbers as ever for those of before


def spread_over(spread: Spread, dtype: torch.dtype = torch.float32) -> Tried:
    """The layer and its batches, in a dtype."""
    generator = torch.Generator().manual_seed(seed_of(repr(spread)))
    layer = new_layer(spread.kind, _CHANNELS, spread.rows, generator, groups=spread.groups)
    calibration, fresh = (
        _between(samples(spread.kind, _CHANNELS, generator, batches=count), spread.inputs)
        for count in (3, 1)
    )
    with torch.no_grad():
        layer.weight.copy_(_between(layer.weight, spread.weights))
        if spread.rows > _CHANNELS:
            layer.weight[: spread.rows // 2] /= _NARROWED
    span_inputs(calibration, *spread.inputs)
    batches = list(calibration.to(dtype).chunk(3))
    return Tried(nn.Sequential(layer).to(dtype).eval(), batches, fresh.to(dtype))


def exactly(tried: Tried) -> Tensor:
    """What the model gives for the fresh batch, float64."""
    return _outputs(tried, tried.fresh)


def _outputs(tried: Tried, batch: Tensor) -> Tensor:
    with torch.no_grad():
        exact: Tensor = deepcopy(tried.model).double()(batch.double())
    return exact


def owed(tried: Tried) -> float:
    """The ratio, in dB, that the coarsest steps make which a conforming quantizer has.

    Weights have 254 steps between -max and max; inputs and outputs have 127, for an engine may
    leave a bit unused, and they too may go from -max to max; theirs are those of calibration. What
    the dtype cannot tell apart is rounded twice besides, as a quotient by the step and as a value,
    each time by half of eps times max at most: a step of that size. In float32 that is nothing, in
    bfloat16 as much as int8.
    """
    layer: Layer = tried.layers[0]
    exact = exactly(tried)
    seen = torch.cat(tried.calibration)
    tensors = (seen, layer.weight, _outputs(tried, seen))
    input_step, weight_step, output_step = (
        _widened(each.abs().amax().item(), steps, tried.fresh.dtype)
        for each, steps in zip(tensors, (FEWEST_LEVELS, LEVELS - 1, FEWEST_LEVELS), strict=True)
    )
    total = layer_noise(layer, tried.fresh, input_step=input_step, weight_step=weight_step)
    total += output_step**2 / 12 * exact.numel()
    signal = (exact - exact.mean(0)).square().sum().item()
    return 10 * math.log10(signal / total)


def _widened(largest: float, steps: int, dtype: torch.dtype) -> float:
    """The step between -largest and largest, as three independent roundings make it."""
    step, spacing = 2 * largest / steps, torch.finfo(dtype).eps * largest
    return math.sqrt(step**2 + 2 * spacing**2)


def _between(even: Tensor, bounds: tuple[float, float]) -> Tensor:
    """Values between -1 and 1, moved between these bounds."""
    low, high = bounds
    return low + (high - low) * (even.detach() + 1) / 2
