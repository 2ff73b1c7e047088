"""What int8 costs: the noise of quantizers, by closed formulas in float64.

The error of a rounding spreads evenly over one step, whatever was rounded, so that its mean square
is step² / 12; the errors of different elements are independent.

Sources: Widrow and Kollár, "Quantization Noise" (2008), chapter 1; Nagel et al. 2021, "A White
Paper on Neural Network Quantization" (arXiv 2106.08295), section 2.
"""

import math
from copy import deepcopy

import torch
from torch import Tensor, nn

Layer = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d

LEVELS = 255
"""Steps of an 8-bit quantizer from its lowest level to its highest."""

FEWEST_LEVELS = 127
"""The same where an engine leaves one bit unused, lest the sums of its products saturate."""

_DEVIATIONS = 4  # one judgement in 16,000 would miss, were the errors really drawn anew


def by_chance(count: float) -> float:
    """How far apart, in dB, the signal-to-noise ratios of two equally fine quantizations may lie.

    The noise is a sum of the squares of `count` errors, each itself a sum of many and so near
    normal: its relative standard deviation is sqrt(2 / count), and that of the quotient of two
    such sums sqrt(4 / count). A decibel is ln(10) / 10 of a quotient; four deviations are allowed.

    Args:
        count: of the independent errors: of the weights of the smallest layer, or the inputs if
            those are fewer.
    """
    return _DEVIATIONS * math.sqrt(4 / count) * 10 / math.log(10)


def rounded(exact: Tensor, low: float, high: float) -> Tensor:
    """`exact` on the 256 levels between low and high, zero among them: the best that int8 can do.

    Args:
        exact: any shape, float64.
        low: of the calibrated range.
        high: of the calibrated range.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    step = (high - low) / LEVELS
    first = round(low / step)
    return (exact / step).round().clamp(first, first + LEVELS) * step


def layer_noise(layer: Layer, seen: Tensor, *, input_step: float, weight_step: float) -> float:
    """The expected squared error of a layer's output, summed over all elements.

    Each rounding of an input arrives times the weights that it meets, each rounding of a weight
    times the inputs: two runs of the layer, on ones and on squares.

    Args:
        layer: Linear or a convolution.
        seen: its inputs.
        input_step: of the input's quantizer.
        weight_step: of the weight's quantizer, per tensor.
    """
    inputs, weights = seen.double().square(), layer.weight.double().square()
    of_inputs = _run(layer, torch.ones_like(inputs), weights)
    of_weights = _run(layer, inputs, torch.ones_like(weights))
    return (input_step**2 * of_inputs + weight_step**2 * of_weights) / 12


def _run(layer: Layer, seen: Tensor, weight: Tensor) -> float:
    """The sum of the layer's outputs with another weight and without bias."""
    twin = deepcopy(layer).double()
    twin.weight, twin.bias = nn.Parameter(weight), None
    with torch.no_grad():
        return float(twin(seen).sum())
