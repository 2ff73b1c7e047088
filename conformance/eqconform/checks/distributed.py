"""Claim "distributed": what several processes saw, reduced over `torch.distributed`.

The processes are real, on the gloo backend, and are started once for all cases.
Source: torch.distributed, `all_reduce`; ranges merge by min and max, which is exact.
"""

from dataclasses import replace

import torch
from torch import Tensor

from eqconform.checks.examples import sample
from eqconform.checks.verdicts import bounds, exact_range, extremes, refused
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded, attempt
from eqconform.judge.outcome import Evidence, Raised, Violation, require
from eqconform.judge.processes import Batches, reduced
from eqconform.loading import spec_of

_PROCESSES = 4  # with three, an exchange with both neighbours would reach all
_CHANNELS = 5


def _seen(
    *batches: int,
    centre: float = 10,
    channels: int = _CHANNELS,
    dtype: torch.dtype = torch.float32,
) -> Batches:
    """So many batches for each process, with extremes in every one of them, and zero in none."""
    numbers = iter(range(sum(batches)))
    return [
        [(centre + sample(4, channels, seed=next(numbers))).to(dtype) for _ in range(count)]
        for count in batches
    ]


_CASES: dict[str, Batches] = {
    "even split": _seen(2, 2, 2, 2),
    "uneven split": _seen(1, 3, 2, 1),
    "the first process saw nothing": _seen(0, 2, 1, 1),
    "the last process saw nothing": _seen(2, 1, 1, 0),
    "one process saw something": _seen(0, 0, 2, 0),
    "one process saw something, all of it below zero": _seen(0, 2, 0, 0, centre=-10),
    "no process saw anything": _seen(0, 0, 0, 0),
    "float64": _seen(1, 1, 1, 1, dtype=torch.float64),
    "bfloat16": _seen(1, 1, 1, 1, dtype=torch.bfloat16),
    "float16": _seen(1, 1, 1, 1, dtype=torch.float16),
    "many channels": _seen(1, 1, 1, 1, channels=1025),
    "three axes": [
        [sample(2, 3, 4, seed=10)],
        [sample(3, 3, 2, seed=11)],
        [sample(1, 3, 5, seed=12)],
        [sample(4, 3, 1, seed=13)],
    ],
}
_BROKEN = 3  # the channel that holds a NaN
_NAN = "a NaN in one process"


@check(
    "distributed.reduced-ranges",
    needs=("input_observer", "observed_range", "reduce_ranges"),
)
def reduced_ranges_are_those_of_one_process(implementation: Guarded, _: None) -> Evidence:
    """Bit by bit, in every process, for observers that are all at work at the same time.

    And so they are when they are reduced once more: the whole is what each of them has seen.
    """
    cases = dict(_CASES)
    expected = {name: _of_one_process(batches) for name, batches in cases.items()}
    if _keeps_nan(implementation):
        finite = _seen(1, 1, 1, 1)
        cases[_NAN] = _with_nan(finite)
        expected[_NAN] = _of_one_process(finite)
        expected[_NAN][:, _BROKEN] = torch.nan
    answers = reduced(spec_of(implementation.implementation), cases, processes=_PROCESSES)
    for name, ranges in answers.items():
        for rank, (once, twice) in enumerate(ranges):
            where = f"process {rank} of {_PROCESSES}, {name}"
            _judge(once, expected[name], where)
            evidence = _judge(twice, expected[name], f"{where}, reduced twice")
    return evidence


def _of_one_process(batches: Batches) -> Tensor:
    """The bounds of everything together, shape (2, C), float64; (2, 0) of nothing."""
    seen = [batch for each in batches for batch in each]
    return extremes(seen, 1) if seen else torch.empty(2, 0)


def _with_nan(batches: Batches) -> Batches:
    """The batches, with a NaN in one of those of the last process but one."""
    changed = [[batch.clone() for batch in each] for each in batches]
    changed[-2][0][0, _BROKEN] = torch.nan
    return changed


def _keeps_nan(implementation: Guarded) -> bool:
    """Whether the observer of one process has a NaN in its range after it saw one.

    It may refuse the batch, or pass over the NaN: other clauses judge that.
    """
    ((batch,), _) = _with_nan(_seen(1, 0))
    observer = implementation.input_observer(channel_axis=1)
    try:
        attempt("observing a NaN", lambda: observer(batch))
        return bool(bounds(implementation.observed_range(observer), _CHANNELS).isnan().any())
    except (Raised, Violation):
        return False


_CHANGED = {"other channels": [[sample(4, 5, seed=0)], [sample(4, 4, seed=1)], []]}


@check("distributed.channel-change", needs=("input_observer", "observed_range", "reduce_ranges"))
def other_channels_are_an_error(implementation: Guarded, _: None) -> Evidence:
    """One that names both numbers, and not ranges that were cut, padded or mixed."""
    spec = spec_of(implementation.implementation)
    return refused(
        lambda: reduced(spec, _CHANGED, processes=3),
        because="one process saw 5 channels and another 4",
        naming=[5, 4],
    )


@check("distributed.no-group", needs=("input_observer", "reduce_ranges"))
def without_a_group_it_is_an_error(implementation: Guarded, _: None) -> Evidence:
    """One that says so, and not a range that was never reduced."""
    observer = implementation.input_observer(channel_axis=1)
    return refused(
        lambda: implementation.reduce_ranges(observer),
        because="no process group is initialized",
        naming=["group"],
    )


def _judge(returned: object, expected: Tensor, where: str) -> Evidence:
    """The evidence that a process has the whole range.

    Args:
        returned: what the process's `observed_range` gave.
        expected: bounds of shape (2, C), NaN included; (2, 0) where there is no range.
        where: process and case, for the reader.
    """
    if not expected.numel():
        return require(returned == "None", Evidence("None: no range", f"{returned}, in {where}"))
    try:
        return _same_range(returned, expected)
    except Violation as violation:
        evidence = violation.evidence
        raise Violation(
            replace(evidence, observed=f"{evidence.observed}, in {where}")
        ) from violation


def _same_range(returned: object, expected: Tensor) -> Evidence:
    """The evidence that bounds are the expected ones bit by bit, and NaN where those are."""
    found = bounds(returned, expected.shape[1])
    places = [each.isnan().nonzero().tolist() for each in (expected, found)]
    require(places[0] == places[1], Evidence(f"NaN at {places[0]}", f"NaN at {places[1]}"))
    broken = expected.isnan()
    return exact_range(tuple(found.masked_fill(broken, 0.0)), expected.masked_fill(broken, 0.0))
