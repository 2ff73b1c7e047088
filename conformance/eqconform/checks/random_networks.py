"""Claims "equalize" and "chain": on networks that nobody thought of.

Networks are drawn from seeds (`eqconform_models.drawn`), so that a verdict is the same every time,
and judged as those of the catalogue are: by their function, and by where their scales belong. A
case is a row of networks; the first one that fails is shrunk, and stands in the verdict. `eqconform
run --search` draws without end. What it found once is pinned: a case of its own.

Where the scales belong follows from the description by the rules of the specification
(`eqconform_models.drawn.places`), and where it is silent the function alone is judged.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from eqconform.contract import Unsupported
from eqconform.judge.cases import check
from eqconform.judge.devices import HOME, placed
from eqconform.judge.expectation import expected_scales
from eqconform.judge.guard import Guarded
from eqconform.judge.judgement import equalized, judge_function, require_engaged, share
from eqconform.judge.outcome import Evidence, Raised, Vacuous, Violation
from eqconform.judge.placement import judge_everything, placement_in
from eqconform.judge.rounding import FEW
from eqconform_models import Network
from eqconform_models.drawn import (
    DTYPES,
    Description,
    description_of,
    in_short,
    network_of,
    pinned,
    shrunk,
)
from eqconform_models.drawn.pinning import SHIPPED

FUNCTION, PLACES = "equalize.random-networks", "chain.random-networks"

_ROW = 20  # networks in a case: together they take half a second
_QUICK, _FULL = 6, 40  # cases
_TRIES = 80  # to shrink: a slow implementation takes a tenth of a second for each

JudgeOne = Callable[[Guarded, Description], Evidence]
_Verdict = Violation | Raised


@dataclass(frozen=True)
class Row:
    """Networks that are judged one after the other.

    Attributes:
        descriptions: of the networks; made when they are needed.
        summary: for the reader.
    """

    descriptions: Callable[[], Sequence[Description]]
    summary: str


def draws(first: int, last: int) -> dict[str, Row]:
    """Rows of the seeds of their number, by name: "draws-07"."""
    return {f"draws-{number:02}": _row(number) for number in range(first, last)}


def _row(number: int) -> Row:
    seeds = range(number * _ROW, (number + 1) * _ROW)
    summary = f"random networks of the seeds {seeds[0]} to {seeds[-1]}"
    return Row(lambda: [description_of(seed) for seed in seeds], summary)


def pinned_rows(file: Path = SHIPPED) -> dict[str, Row]:
    """A row of one for each network that is pinned in the file.

    Raises:
        ValueError, OSError: see `eqconform_models.drawn.pinned`.
    """
    return {
        name: Row(lambda each=each: [each], each.form)  # type: ignore[misc]  # a default, not an argument
        for name, each in pinned(file).items()
    }


_QUICKLY, _FULLY = {**draws(0, _QUICK), **pinned_rows()}, draws(_QUICK, _FULL)


@check(FUNCTION, needs=("equalize",), over=_QUICKLY, full=_FULLY, from_file=pinned_rows)
def same_function(implementation: Guarded, row: Row) -> Evidence:
    """Every output is that of the untouched model, to rounding, and something was equalized."""
    return judge_row(judge_function_of, implementation, row)


@check(
    PLACES,
    needs=("equalize",),
    over=_QUICKLY,
    full=_FULLY,
    needs_formula=True,
    from_file=pinned_rows,
)
def in_place(implementation: Guarded, row: Row) -> Evidence:
    """Every scale is where it belongs: inputs, weights, biases and multiplications say so."""
    return judge_row(judge_places_of, implementation, row)


def judge_row(judge: JudgeOne, implementation: Guarded, row: Row) -> Evidence:
    """The evidence that no network of the row fails.

    Raises:
        Violation, Raised: on the first that does, shrunk.
        Vacuous: none fails, but on some nothing was changed.
        Unsupported: the implementation says so of every one.
    """
    verdicts = [_verdict(judge, implementation, each) for each in row.descriptions()]
    passed = [each for each in verdicts if isinstance(each, Evidence)]
    set_aside = [each for each in verdicts if isinstance(each, (Vacuous, Unsupported))]
    vacuous = [each for each in set_aside if isinstance(each, Vacuous)]
    if vacuous or not passed:
        raise (vacuous or set_aside)[0]
    worst = max(passed, key=lambda each: 0.0 if each.error is None else share(each))
    refused = f", {len(set_aside)} more are out of scope" if set_aside else ""
    return replace(worst, observed=f"{worst.observed} (the worst of {len(passed)}{refused})")


def _verdict(
    judge: JudgeOne, implementation: Guarded, description: Description
) -> Evidence | Vacuous | Unsupported:
    """What is said of a network on which the implementation does not fail.

    Raises:
        Violation, Raised: it fails; on the smallest network on which it does.
    """
    try:
        return judge(implementation, description)
    except (Vacuous, Unsupported) as verdict:
        return verdict
    except (Violation, Raised) as verdict:
        raise _on_the_smallest(judge, implementation, description, verdict) from verdict


def judge_function_of(implementation: Guarded, description: Description) -> Evidence:
    """The evidence that one network keeps its function, in its own dtype.

    Raises:
        Violation, Raised, Vacuous, Unsupported: see `eqconform.judge.judgement`.
    """
    network, dtype = network_for(implementation, description), DTYPES[description.dtype]
    return function_of(equalized(implementation, network, dtype=dtype), network, dtype)


def judge_places_of(implementation: Guarded, description: Description) -> Evidence:
    """The evidence that the scales of one network are where they belong, in float32.

    Raises:
        Violation, Raised, Unsupported: see `eqconform.judge.placement.judge_everything`.
    """
    network = network_for(implementation, description)
    return places_of(equalized(implementation, network), network, implementation.formula)


def function_of(model: nn.Module, network: Network, dtype: torch.dtype) -> Evidence:
    """As `judge_function_of`, for a model that was equalized before."""
    precision = torch.float32 if dtype is torch.float64 else None  # statistics may be in float32
    evidence = _patiently(
        lambda draws: judge_function(network, model, dtype=dtype, precision=precision, draws=draws)
    )
    try:
        require_engaged(network, model, dtype=dtype)
    except Vacuous:
        if _is_due(network):
            raise
    return evidence


def places_of(model: nn.Module, network: Network, formula: str) -> Evidence:
    """As `judge_places_of`, for a model that was equalized before."""
    return _patiently(
        lambda draws: judge_everything(placement_in(model, network, formula, draws=draws))
    )


def _is_due(network: Network) -> bool:
    """Whether any scale differs from 1: a depthwise kernel of one weight has no range."""
    scales = expected_scales(network, "range", measured=False)
    due = {*network.folds, *network.multiplied, *network.norm_folds}
    return any(bool((scales[index].value != 1).any()) for index in due)


def network_for(implementation: Guarded, description: Description) -> Network:
    """The network, built and fed where the implementation works."""
    network = network_of(description)
    if implementation.device == HOME:
        return network
    there: Network = placed(network, implementation.device)
    return there


def _patiently(judge: Callable[[int | None], Evidence]) -> Evidence:
    """The evidence, from a few stand-ins where those will do."""
    try:
        return judge(FEW)
    except Violation:
        return judge(None)


def _on_the_smallest(
    judge: JudgeOne, implementation: Guarded, description: Description, verdict: _Verdict
) -> _Verdict:
    """The verdict on the smallest network that fails as this one does."""
    smallest = smallest_failing(judge, implementation, description, verdict)
    try:
        judge(implementation, smallest)
    except (Violation, Raised) as found:
        verdict = found
    where = f"on the network {in_short(smallest)}"
    if isinstance(verdict, Raised):
        return Raised(f"{verdict.where} {where}", verdict.cause)
    evidence = verdict.evidence
    return Violation(replace(evidence, observed=f"{evidence.observed}, {where}"))


def smallest_failing(
    judge: JudgeOne, implementation: Guarded, description: Description, verdict: _Verdict
) -> Description:
    """The smallest network on which the implementation fails in the same way.

    Args:
        judge: of one network.
        implementation: which fails.
        description: of the network on which it does.
        verdict: on that network.
    """

    def fails(smaller: Description) -> bool:
        try:
            judge(implementation, smaller)
        except (Violation, Raised) as found:
            return _kind(found) == _kind(verdict)
        except (Vacuous, Unsupported):
            pass
        return False

    return shrunk(description, fails, tries=_TRIES)


def _kind(verdict: _Verdict) -> str:
    return type(verdict.cause).__name__ if isinstance(verdict, Raised) else ""
