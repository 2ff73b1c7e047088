"""Claim "observe", the weights: which range the weight column of each input channel has.

The expected bounds are listed from the weight, channel by channel: input channel c of a layer with
g groups belongs to group c // (C / g), whose out / g rows see it as their column c % (C / g).

Sources: PyTorch 2.15, torch/ao/quantization/fx/_equalize.py, _WeightEqualizationObserver;
torch.nn.functional.conv2d for groups.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from eqconform.checks.examples import for_all, sample, tensors
from eqconform.checks.observe import DTYPES
from eqconform.checks.verdicts import copies, exact_range, no_graph, refused, unchanged
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded
from eqconform.judge.outcome import Evidence

_WEIGHT = ("observe_weight",)


def column_extremes(weight: Tensor, groups: int) -> Tensor:
    """The exact bounds of each input channel's column; shape (2, C), float64.

    Args:
        weight: shape (out, C / groups, *kernel).
        groups: of the convolution.
    """
    rows, columns = weight.shape[0] // groups, weight.shape[1]
    found = []
    for c in range(groups * columns):
        group = c // columns
        seen = weight[group * rows : (group + 1) * rows, c % columns]  # (out / groups, *kernel)
        values = seen.detach().double().flatten().tolist()
        found.append([min(values), max(values)])
    return torch.tensor(found, dtype=torch.float64).T


def _exact(implementation: Guarded, weight: Tensor, groups: int) -> Evidence:
    """The evidence that the column ranges of `weight` are exact."""
    returned = implementation.observe_weight(weight, groups=groups)
    return exact_range(returned, column_extremes(weight, groups))


_SHAPES = {
    "linear": (4, 3),
    "linear-one-row": (1, 3),
    "conv1d": (4, 3, 2),
    "conv2d": (4, 3, 2, 2),
    "conv3d": (2, 3, 1, 2, 2),
}


_LARGE = {
    "linear-large": (4099, 1024),  # 16 MiB and more
    "conv2d-large": (520, 960, 3, 3),
    "conv2d-many-taps": (4, 3, 31, 31),
}


@check("observe.columns-any-size", needs=_WEIGHT, over=_LARGE)
def no_weight_is_too_large(implementation: Guarded, shape: tuple[int, ...]) -> Evidence:
    """Every weight counts, the very last one too."""
    return _exact_to_the_last(implementation, shape, 1)


def _exact_to_the_last(implementation: Guarded, shape: tuple[int, ...], groups: int) -> Evidence:
    """The evidence that the column ranges are exact where the very last weight is the largest."""
    weight = sample(*shape)
    weight.view(-1)[-1] = 100.0
    return _exact(implementation, weight, groups)


@check("observe.columns", needs=_WEIGHT, over=_SHAPES)
def columns_are_exact(implementation: Guarded, shape: tuple[int, ...]) -> Evidence:
    """Smallest and largest weight per input channel, over rows and kernel."""
    return for_all(lambda weight: _exact(implementation, weight, 1), weight=tensors(shape))


_GROUPED = {
    "conv1d-2-groups": ((4, 3, 2), 2),
    "conv2d-2-groups": ((4, 3, 2, 1), 2),
    "conv2d-3-groups": ((3, 2, 1, 2), 3),
    "conv3d-2-groups": ((2, 2, 1, 2, 1), 2),
    "depthwise-1d": ((4, 1, 3), 4),
    "depthwise-2d": ((4, 1, 2, 2), 4),
    "depthwise-3d": ((2, 1, 2, 2, 1), 2),
    "depthwise-multiplier": ((6, 1, 2, 2), 3),
}
_LARGE_GROUPED = {
    "conv1d-2-groups-many-rows": ((2 * 1031, 3, 3), 2),
    "depthwise-2d-many-channels": ((1031, 1, 3, 3), 1031),
}


@check("observe.grouped-columns", needs=_WEIGHT, over={**_GROUPED, **_LARGE_GROUPED})
def grouped_columns_are_exact(
    implementation: Guarded, subject: tuple[tuple[int, ...], int]
) -> Evidence:
    """Each input channel's column is looked for among the rows of its own group."""
    shape, groups = subject
    if subject in _LARGE_GROUPED.values():
        return _exact_to_the_last(implementation, shape, groups)
    return for_all(lambda weight: _exact(implementation, weight, groups), weight=tensors(shape))


_LAYOUTS = {
    "transposed": lambda: sample(3, 4).T,
    "channels-last": lambda: sample(4, 3, 2, 2).contiguous(memory_format=torch.channels_last),
    "sliced": lambda: sample(8, 6)[::2, ::2],
}


@check("observe.weight-memory-layout", needs=_WEIGHT, over=_LAYOUTS)
def weight_strides_do_not_matter(implementation: Guarded, weight: Callable[[], Tensor]) -> Evidence:
    """A weight is its values, however they lie in memory."""
    return _exact(implementation, weight(), 1)


@check("observe.weight-dtypes", needs=_WEIGHT, over=DTYPES)
def every_weight_dtype_is_exact(
    implementation: Guarded, given: tuple[torch.dtype, list[list[float]]]
) -> Evidence:
    """No digit is lost, and nothing overflows or vanishes."""
    dtype, values = given
    return _exact(implementation, torch.tensor(values, dtype=dtype), 1)


@check("observe.weight-not-mutated", needs=_WEIGHT)
def weights_are_not_mutated(implementation: Guarded, _: None) -> Evidence:
    """A parameter stays what it was, and the bounds hold no graph of it, and none of its memory."""
    for rows in (4, 1):  # one row has its extremes in itself
        weight = nn.Parameter(sample(rows, 3))
        before, expected = copies([weight]), column_extremes(weight, 1)
        with torch.enable_grad():
            returned = implementation.observe_weight(weight)
        exact_range(returned, expected)
        no_graph(returned)
        evidence = unchanged([weight], before, "the weight")
        implementation.observe_weight(10 * weight.detach())
        weight.detach().zero_()
        exact_range(returned, expected)
    return evidence


@check("observe.weight-rank", needs=_WEIGHT, over={"scalar": (), "vector": (3,)})
def weight_without_columns_is_refused(implementation: Guarded, shape: tuple[int, ...]) -> Evidence:
    """A weight has rows and columns at least."""
    because = f"a weight of shape {shape} has no columns"
    return refused(lambda: implementation.observe_weight(sample(*shape)), because=because)
