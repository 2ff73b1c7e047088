"""Claim "select": ratios in decibels, and how far one may be off that is made of exact outputs.

Sources: PyTorch 2.15, torch/ao/ns/fx/utils.py, compute_sqnr.
"""

import copy
import math
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from eqconform.checks.verdicts import roundings
from eqconform.contract import Batch
from eqconform.judge.outcome import Evidence, Violation, require, within
from eqconform.judge.rounding import cast
from eqconform.probe import LayerCall, of_call, record


def layer_outputs(model: nn.Module, batch: Batch) -> list[tuple[LayerCall, Tensor]]:
    """The layer calls of a model and what they give, in float64."""
    calls = record(copy.deepcopy(model).double(), cast(batch, torch.float64)).calls
    return [(each, of_call(each, each.input, each.weight, each.bias)) for each in calls]


def judge_ratio(observed: object, expected: float, tolerance: float, layer: str) -> Evidence:
    """The evidence that this is the layer's ratio.

    Args:
        observed: a number, or a tensor that holds one.
        expected: in dB; infinite where there is no noise.
        tolerance: in dB.
        layer: its name.

    Raises:
        Violation: it is not.
    """
    wanted = f"{layer}: {expected:.9g} dB"
    ratio = a_number(observed, wanted)
    error = 0.0 if ratio == expected else abs(ratio - expected)
    return within(error, tolerance, expected=wanted, observed=f"{ratio:.9g} dB")


def a_number(observed: object, wanted: str) -> float:
    """What was observed, if it is a number, or a tensor that holds one.

    Raises:
        Violation: it is not.
    """
    if not isinstance(observed, (float, int, Tensor)) or torch.as_tensor(observed).numel() != 1:
        raise Violation(Evidence(wanted, f"{observed!r}, no number"))
    return float(observed)


def rounding_of_ratio(signal: Tensor, noise: Tensor) -> float:
    """How far off a ratio may be, in dB, that is computed in float32 of exact outputs.

    Each of the two norms is the root of a sum of N squares: (N + 1) / 2 + 1 roundings; their
    quotient is one more. In decibels a relative error r is 20 / ln(10) · r. Whether the quotient
    comes before the logarithm or a difference after it, a result of that size is rounded twice.
    """
    relative = roundings(signal.numel() + 4, torch.float32)
    size = sum(abs(_decibels(float(each.norm()))) for each in (signal, noise))
    return 20 / math.log(10) * relative + roundings(3, torch.float32) * size


def by_layer(returned: object) -> Mapping[Any, Any]:
    """What was returned, if it is a mapping.

    Raises:
        Violation: it is not.
    """
    if not isinstance(returned, Mapping):
        raise Violation(Evidence("ratios by layer", f"{type(returned).__name__}"))
    return returned


def of_layers(returned: object, names: Collection[str]) -> Mapping[Any, Any]:
    """The ratios by layer, if they are those of the named layers.

    Raises:
        Violation: it is no mapping, or has other keys.
    """
    found = by_layer(returned)
    observed = f"ratios of {sorted(map(str, found))}"
    wanted = f"ratios of the layers {sorted(set(names))}"
    require(set(found) == set(names), Evidence(wanted, observed))
    return found


def _decibels(amplitude: float) -> float:
    return 20 * math.log10(amplitude) if amplitude else 0.0
