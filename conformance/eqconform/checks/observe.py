"""Claim "observe", the inputs: which range the calibration batches of a layer have.

Every range is compared bit by bit with the extremes found by listing the values: a minimum and a
maximum are values of the tensor, so that nothing rounds.

Sources: PyTorch 2.15, torch/ao/quantization/fx/_equalize.py, _InputEqualizationObserver;
torch/ao/quantization/observer.py, PerChannelMinMaxObserver.
"""

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise

import torch
from hypothesis import strategies as st
from torch import Tensor

from eqconform.checks.examples import batches, for_all, sample, tensors
from eqconform.checks.verdicts import (
    as_range,
    copies,
    exact_range,
    extremes,
    heard,
    no_graph,
    refused,
    speaks,
    unchanged,
)
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded
from eqconform.judge.outcome import Evidence, Raised, require

_INPUT = ("observe_input",)

DTYPES = {
    "float16": (torch.float16, [[1 + 2**-10, 65504, 2**-14], [1, -65504, -(2**-14)]]),
    "bfloat16": (torch.bfloat16, [[1 + 2**-7, 2.0**127, 2**-126], [1, -(2.0**127), -(2**-126)]]),
    "float32": (torch.float32, [[1 + 2**-23, 2.0**127, 2**-126], [1, -(2.0**127), -(2**-126)]]),
    "float64": (torch.float64, [[1 + 2**-52, 2.0**999, 2**-999], [1, -(2.0**999), -(2**-999)]]),
}
"""Values, shape (2, 3), that take every digit of a dtype and come near its ends."""


def _exact(implementation: Guarded, given: Sequence[Tensor], axis: int) -> Evidence:
    """The evidence that the range of `given` is exact."""
    returned = implementation.observe_input(list(given), channel_axis=axis)
    return exact_range(returned, extremes(given, axis))


@check("observe.extremes", needs=_INPUT, over={f"rank-{n}": n for n in (2, 3, 4, 5)})
def extremes_are_exact(implementation: Guarded, rank: int) -> Evidence:
    """Smallest and largest value per channel at axis 1, for random batches."""
    return for_all(lambda x: _exact(implementation, x, 1), x=batches(rank=rank, axis=1))


@check("observe.last-axis", needs=_INPUT, over={f"rank-{n}": n for n in (1, 2, 3, 4, 5)})
def linear_channels_are_last(implementation: Guarded, rank: int) -> Evidence:
    """The channels of a Linear input are its last axis."""
    given = batches(rank=rank, axis=rank - 1)
    return for_all(lambda x: _exact(implementation, x, rank - 1), x=given)


@check("observe.unbatched-convolution", needs=_INPUT, over={f"conv{n}d": n for n in (1, 2, 3)})
def unbatched_channels_are_first(implementation: Guarded, spatial: int) -> Evidence:
    """The channels of an unbatched convolution input are axis 0."""
    given = batches(rank=spatial + 1, axis=0)
    return for_all(lambda x: _exact(implementation, x, 0), x=given)


_LARGE = {
    "many-samples": ((5000, 3), torch.contiguous_format),
    "many-channels": ((2, 1025), torch.contiguous_format),
    "many-pixels": ((2, 3, 70, 70), torch.contiguous_format),
    "many-pixels-channels-last": ((4, 24, 33, 35), torch.channels_last),
    # 16 MiB: more than a core's cache, where an implementation may work in blocks.
    "many-values": ((70_003, 61), torch.contiguous_format),
}


@check("observe.any-size", needs=_INPUT, over=_LARGE)
def no_size_is_too_large(
    implementation: Guarded, subject: tuple[tuple[int, ...], torch.memory_format]
) -> Evidence:
    """Every value counts, the very last one too."""
    shape, layout = subject
    given = [sample(*shape), sample(*shape, seed=1)]
    for batch, extreme in zip(given, (-100.0, 100.0), strict=True):
        batch.view(-1)[-1] = extreme  # of the last channel, at the last place
    return _exact(implementation, [batch.contiguous(memory_format=layout) for batch in given], 1)


@check("observe.negative-axis", needs=_INPUT, over={"last": (3, -1), "second": (4, -3)})
def negative_axis_counts_from_the_end(implementation: Guarded, place: tuple[int, int]) -> Evidence:
    """A negative axis is the one that it counts back to."""
    rank, axis = place
    return for_all(lambda x: _exact(implementation, x, axis), x=batches(rank=rank, axis=axis))


@check("observe.zero-not-swept-in", needs=_INPUT, over={"positive": 1.0, "negative": -1.0})
def zero_is_not_swept_in(implementation: Guarded, sign: float) -> Evidence:
    """A range in which zero never occurred does not hold it."""
    whole = st.lists(st.integers(1, 99), min_size=6, max_size=6)
    given = whole.map(lambda values: sign * torch.tensor(values, dtype=torch.float32).reshape(2, 3))
    return for_all(lambda x: _exact(implementation, [x], 1), x=given)


_PLACES = {"first": (0, 3), "middle": (1, 3), "last": (2, 3), "last-of-hundreds": (299, 300)}


@check("observe.running", needs=_INPUT, over=_PLACES)
def range_runs_over_all_batches(implementation: Guarded, subject: tuple[int, int]) -> Evidence:
    """The batch that holds every extreme counts wherever it comes."""
    place, count = subject
    given = [sample(4, 3, seed=seed) for seed in range(count)]
    given[place] = 10 * given[place]
    return _exact(implementation, given, 1)


@check("observe.order", needs=_INPUT)
def order_does_not_matter(implementation: Guarded, _: None) -> Evidence:
    """Batches in another order have the range that they had."""

    def judge(x: list[Tensor], order: list[int]) -> Evidence:
        return _exact(implementation, [x[place] for place in order], 1)

    three = st.lists(tensors((2, 3)), min_size=3, max_size=3)
    return for_all(judge, x=three, order=st.permutations(range(3)))


@check("observe.split", needs=_INPUT)
def split_does_not_matter(implementation: Guarded, _: None) -> Evidence:
    """The same samples in other batches, one of them twice, have the range that they had."""

    def judge(x: Tensor, cuts: list[int]) -> Evidence:
        at = [0, *accumulate(cuts), len(x)]
        parts = [x[start:stop] for start, stop in pairwise(at) if start < stop]
        return _exact(implementation, [*parts, parts[0]], 1)

    cuts = st.lists(st.integers(1, 2), max_size=2)
    return for_all(judge, x=tensors((5, 2)), cuts=cuts)


@check("observe.single-sample", needs=_INPUT, over={"linear": (1, 3), "conv2d": (1, 3, 2, 2)})
def single_sample_has_a_range(implementation: Guarded, shape: tuple[int, ...]) -> Evidence:
    """One sample is data enough for a range, if perhaps an empty one."""
    return for_all(lambda x: _exact(implementation, [x], 1), x=tensors(shape))


def _transposed(x: Tensor) -> Tensor:
    return x.transpose(0, 3).contiguous().transpose(0, 3)


def _sliced(x: Tensor) -> Tensor:
    wide = torch.full((*x.shape[:-1], 2 * x.shape[-1]), 1e6, dtype=x.dtype)
    wide[..., ::2] = x
    return wide[..., ::2]  # what lies between must not be seen


def _expanded(x: Tensor) -> Tensor:
    return x[:1].expand_as(x)


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "transposed": _transposed,
    "sliced": _sliced,
    "expanded": _expanded,
    "channels-last": _channels_last,
}
"""Ways for a tensor of rank 4 to lie in memory; "expanded" repeats its first sample."""


@check("observe.memory-layout", needs=_INPUT, over=LAYOUTS)
def strides_do_not_matter(implementation: Guarded, layout: Callable[[Tensor], Tensor]) -> Evidence:
    """A tensor is its values, however they lie in memory."""
    return _exact(implementation, [layout(sample(2, 3, 4, 5))], 1)


@check("observe.dtypes", needs=_INPUT, over=DTYPES)
def every_dtype_is_exact(
    implementation: Guarded, given: tuple[torch.dtype, list[list[float]]]
) -> Evidence:
    """No digit is lost, and nothing overflows or vanishes."""
    dtype, values = given
    return _exact(implementation, [torch.tensor(values, dtype=dtype)], 1)


@check("observe.device", needs=("observe_input", "observe_weight"))
def bounds_are_where_the_data_is(implementation: Guarded, _: None) -> Evidence:
    """The bounds are on the device of input and weight, which is the one that the run is for."""
    device = implementation.device
    given = [sample(4, 3).to(device), sample(4, 3, seed=1).to(device)]
    seen = implementation.observe_input(given, channel_axis=1)
    exact_range(seen, extremes(given, 1))
    columns = implementation.observe_weight(given[0])
    exact_range(columns, extremes(given[:1], 1))
    found = sorted({each.device.type for each in (*seen, *columns)})
    return require(found == [device.type], Evidence(f"bounds on {device.type}", ", ".join(found)))


@check("observe.input-not-mutated", needs=_INPUT)
def batches_are_not_mutated(implementation: Guarded, _: None) -> Evidence:
    """The batches, and the list of them, are afterwards what they were; the range is no part."""

    def judge(x: list[Tensor]) -> Evidence:
        before, expected = copies(x), extremes(x, 1)
        returned = implementation.observe_input(x, channel_axis=1)
        evidence = unchanged(x, before, "the batches")
        implementation.observe_input([2 * each + 1 for each in x], channel_axis=1)
        for each in x:
            each.fill_(3000)  # more than any value that is drawn
        exact_range(returned, expected)
        return evidence

    return for_all(judge, x=batches(rank=3, axis=1))


@check("observe.no-graph", needs=_INPUT)
def no_graph_is_kept(implementation: Guarded, _: None) -> Evidence:
    """Bounds of inputs that require gradients require none."""
    leaf = sample(4, 3).requires_grad_()
    given = [leaf, 2 * leaf]
    with torch.enable_grad():
        returned = implementation.observe_input(given, channel_axis=1)
    exact_range(returned, extremes(given, 1))
    return no_graph(returned)


_EMPTY = {"first": (0,), "last": (3,), "in-between": (1, 2)}


@check("observe.empty-batch", needs=_INPUT, over=_EMPTY)
def empty_batch_changes_nothing(implementation: Guarded, places: tuple[int, ...]) -> Evidence:
    """A batch without samples counts for nothing, wherever it comes."""
    seen = [1 + sample(4, 3, 2, seed=seed).abs() for seed in range(3)]  # a 0 would show
    given = list(seen)
    for place in places:
        given.insert(place, torch.empty(0, 3, 2))
    returned = implementation.observe_input(given, channel_axis=1)
    return exact_range(returned, extremes(seen, 1))


_CHANGES = {"more": (3, 5), "fewer": (5, 3), "from-one": (1, 4), "to-one": (4, 1)}


def _changing(implementation: Guarded, channels: tuple[int, int]) -> Callable[[], object]:
    given = [sample(2, count, 6) for count in channels]
    return lambda: implementation.observe_input(given, channel_axis=1)


def _change_of(channels: tuple[int, int]) -> str:
    return f"the number of channels is {channels[0]} in the first batch and {channels[1]} after it"


@check("observe.channel-change", needs=_INPUT, over=_CHANGES)
def channel_change_is_refused(implementation: Guarded, channels: tuple[int, int]) -> Evidence:
    """Batches of different numbers of channels have no common range."""
    because = _change_of(channels)
    return refused(_changing(implementation, channels), because=because)


@check("observe.channel-change-named", needs=_INPUT, over=_CHANGES)
def channel_change_is_named(implementation: Guarded, channels: tuple[int, int]) -> Evidence:
    """The message has both numbers of channels."""
    because = _change_of(channels)
    return refused(_changing(implementation, channels), because=because, naming=channels)


_RANKS = {
    "scalar": ([()], 0),
    "vector-at-axis-1": ([(3,)], 1),
    "beyond-the-rank": ([(2, 3, 4)], 3),
    "after-a-good-batch": ([(2, 3), (3,)], 1),
}


@check("observe.rank", needs=_INPUT, over=_RANKS)
def missing_channel_axis_is_refused(
    implementation: Guarded, subject: tuple[list[tuple[int, ...]], int]
) -> Evidence:
    """Where there is no channel axis there is no channel."""
    shapes, axis = subject
    given = [sample(*shape) for shape in shapes]
    because = f"a batch of shape {shapes[-1]} has no axis {axis}"
    return refused(lambda: implementation.observe_input(given, channel_axis=axis), because=because)


_NOT_FINITE = {"nan": float("nan"), "infinity": float("inf"), "minus-infinity": -float("inf")}
_BOTH = ("observe_input", "equalization_scale")


def _scale_after(implementation: Guarded, value: float) -> Tensor:
    """The scale of a layer whose calibration input holds `value` in channel 1 of 3."""
    given = [sample(4, 3), sample(4, 3, seed=1)]
    given[1][2, 1] = value
    inputs = implementation.observe_input(given, channel_axis=1)
    weights = as_range([-1, -1, -1], [1, 1, 1])
    scale: Tensor = implementation.equalization_scale(inputs, weights)
    return scale


@check("observe.not-finite-harmless", needs=_BOTH, over=_NOT_FINITE)
def not_finite_does_no_harm(implementation: Guarded, value: float) -> Evidence:
    """The model is refused, or its scales are finite and positive."""
    expected = f"an error that says what is wrong, or a scale > 0 and finite, for {value} in X"
    try:
        scale = _scale_after(implementation, value)
    except Raised as raised:
        return require(speaks(raised), Evidence(expected, str(raised)))
    harmless = scale.shape == (3,) and bool((torch.isfinite(scale) & (scale > 0)).all())
    return require(harmless, Evidence(expected, f"{scale.tolist()}"))


@check("observe.not-finite-reported", needs=_BOTH, over=_NOT_FINITE)
def not_finite_is_reported(implementation: Guarded, value: float) -> Evidence:
    """There is an error or a warning."""
    expected = f"an error or a warning about {value} in X"
    try:
        scale, messages = heard(lambda: _scale_after(implementation, value), about="nan|inf|finite")
    except Raised as raised:
        return require(speaks(raised), Evidence(expected, str(raised)))
    observed = "; ".join(messages) or f"neither; the scale is {scale.tolist()}"
    return require(bool(messages), Evidence(expected, observed))


@check("observe.merge", needs=("observe_input", "merge_ranges"))
def ranges_merge(implementation: Guarded, _: None) -> Evidence:
    """The merged range of two data sets is that of both, whichever comes first."""

    def judge(x: Tensor, y: Tensor) -> Evidence:
        seen = [implementation.observe_input([each], channel_axis=1) for each in (x, y)]
        before = copies([*seen[0], *seen[1]])
        merged = implementation.merge_ranges(*seen)
        implementation.merge_ranges(seen[0], seen[0])
        exact_range(merged, extremes([x, y], 1))
        exact = exact_range(implementation.merge_ranges(*reversed(seen)), extremes([x, y], 1))
        unchanged([*seen[0], *seen[1]], before, "the ranges that were merged")
        return exact

    return for_all(judge, x=tensors((2, 3)), y=tensors((2, 3)))
