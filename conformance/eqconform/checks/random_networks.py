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
from functools import partial
from pathlib import Path

import torch
from torch import nn

from eqconform.contract import Unsupported
from eqconform.judge.cases import check
from eqconform.judge.devices import HOME, placed
from eqconform.judge.expectation import ExpectedScale, expected_scales
from eqconform.judge.guard import Guarded
from eqconform.judge.judgement import equalized, is_changed, judge_function, share
from eqconform.judge.outcome import Evidence, Raised, Vacuous, Violation
from eqconform.judge.placement import Placement, judge_everything, placement_in
from eqconform.judge.rounding import FEW
from eqconform_models import Network
from eqconform_models.drawn import (
    DTYPES,
    Description,
    description_of,
    in_short,
    network_of,
    pinned,
    script,
    shrunk,
)
from eqconform_models.drawn.pinning import SHIPPED

FUNCTION, PLACES = CLAUSES = ("equalize.random-networks", "chain.random-networks")

_ROW = 20  # networks in a case: together they take half a second
_QUICK, _FULL = 6, 40  # cases
_TRIES = 80  # to shrink: a slow implementation takes a tenth of a second for each

JudgeOne = Callable[[Guarded, Description], Evidence]
_Verdict = Violation | Raised


class NothingDue(Vacuous):
    """The clause holds on a network that shows nothing: no scale of it differs from 1.

    Attributes:
        evidence: that it holds.
    """

    def __init__(self, reason: str, evidence: Evidence) -> None:
        super().__init__(reason)
        self.evidence = evidence


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


def pinned_rows(clause: str, file: Path = SHIPPED) -> dict[str, Row]:
    """A row of one for each network that the file pins under the clause, or under every one.

    Raises:
        ValueError: a network is pinned under a clause that judges none.
        ValueError, OSError: see `eqconform_models.drawn.pinned`.
    """
    found = pinned(file)
    for each in found:
        if not any(map(each.judged_under, CLAUSES)):
            raise ValueError(
                f"{file} pins {each.name} under {each.clause!r}, which judges no drawn networks; "
                f"name {' or '.join(CLAUSES)}, or no clause for both"
            )
    return {each.name: _single(each.description) for each in found if each.judged_under(clause)}


def _single(description: Description) -> Row:
    return Row(lambda: [description], description.form)


_QUICKLY, _FULLY = draws(0, _QUICK), draws(_QUICK, _FULL)


@check(
    FUNCTION,
    needs=("equalize",),
    over={**_QUICKLY, **pinned_rows(FUNCTION)},
    full=_FULLY,
    from_file=partial(pinned_rows, FUNCTION),
)
def same_function(implementation: Guarded, row: Row) -> Evidence:
    """Every output is that of the untouched model, to rounding, and something was equalized."""
    return judge_row(judge_function_of, implementation, row)


@check(
    PLACES,
    needs=("equalize",),
    over={**_QUICKLY, **pinned_rows(PLACES)},
    full=_FULLY,
    needs_formula=True,
    from_file=partial(pinned_rows, PLACES),
)
def in_place(implementation: Guarded, row: Row) -> Evidence:
    """Every scale is where it belongs: inputs, weights, biases and multiplications say so."""
    return judge_row(judge_places_of, implementation, row)


def judge_row(judge: JudgeOne, implementation: Guarded, row: Row) -> Evidence:
    """The evidence that no network of the row fails, and how many show nothing.

    Raises:
        Violation, Raised: on the first that does, shrunk.
        Vacuous: none fails, but none shows anything either: where nothing is changed, or due.
        Unsupported: the implementation says so of every one.
    """
    descriptions = row.descriptions()
    verdicts = [_verdict(judge, implementation, each) for each in descriptions]
    passed = [each for each in verdicts if isinstance(each, Evidence)]
    vacuous = [
        (description, each.reason)
        for description, each in zip(descriptions, verdicts, strict=True)
        if isinstance(each, Vacuous)
    ]
    refused = [each for each in verdicts if isinstance(each, Unsupported)]
    counts = _counted(len(passed), vacuous, len(refused))
    if vacuous and not passed:
        raise Vacuous(counts)
    if not passed:
        raise refused[0]
    worst = max(passed, key=lambda each: 0.0 if each.error is None else share(each))
    return replace(worst, observed=f"{worst.observed} (the worst; {counts})")


def _counted(passed: int, vacuous: Sequence[tuple[Description, str]], refused: int) -> str:
    """What came of a row, in words: "20 hold, 3 of them vacuously, the first: …".

    Args:
        passed: how many networks hold, and show it.
        vacuous: those that hold and show nothing, and why.
        refused: how many are out of the implementation's scope.
    """
    words = f"{passed + len(vacuous)} hold"
    if vacuous:
        first, reason = vacuous[0]
        words += f", {len(vacuous)} of them vacuously, the first because {reason}: "
        words += in_short(first)
    return f"{words}; {refused} more are out of scope" if refused else words


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
        Violation, Raised, Unsupported: see `eqconform.judge.judgement`.
        Vacuous: it does, for nothing was changed.
        NothingDue: neither had anything to be.
    """
    network, dtype = network_for(implementation, description), DTYPES[description.dtype]
    return judge_network(implementation, network, FUNCTION, dtype)


def judge_places_of(implementation: Guarded, description: Description) -> Evidence:
    """The evidence that the scales of one network are where they belong, in float32.

    Raises:
        Violation, Raised, Unsupported: see `eqconform.judge.placement.judge_everything`.
        NothingDue: no scale that differs from 1 has a place.
    """
    network = network_for(implementation, description)
    return judge_network(implementation, network, PLACES, torch.float32)


def judge_network(
    implementation: Guarded, network: Network, clause: str, dtype: torch.dtype
) -> Evidence:
    """The evidence that a clause holds on a network, as both of the above.

    Args:
        implementation: which equalizes it.
        network: built and fed in float32, where the implementation works.
        clause: one of `CLAUSES`.
        dtype: in which the function is judged; places are in float32.
    """
    if clause == PLACES:
        return places_of(equalized(implementation, network), network, implementation.formula)
    return function_of(equalized(implementation, network, dtype=dtype), network, dtype)


def function_of(model: nn.Module, network: Network, dtype: torch.dtype) -> Evidence:
    """As `judge_function_of`, for a model that was equalized before."""
    precision = torch.float32 if dtype is torch.float64 else None  # statistics may be in float32
    evidence = _patiently(
        lambda draws: judge_function(network, model, dtype=dtype, precision=precision, draws=draws)
    )
    if is_changed(network, model, dtype=dtype):
        return evidence
    reason = "every layer still has the input and the weight it had"
    if _is_due(network, dtype):
        raise Vacuous(reason)
    raise NothingDue(f"{reason}, and no scale is due that differs from 1", evidence)


def places_of(model: nn.Module, network: Network, formula: str) -> Evidence:
    """As `judge_places_of`, for a model that was equalized before."""
    looked_at: list[Placement] = []

    def judge(draws: int | None) -> Evidence:
        looked_at.append(placement_in(model, network, formula, draws=draws))
        return judge_everything(looked_at[-1])

    evidence = _patiently(judge)
    if _any_differs(network, looked_at[-1].scales, torch.float32):
        return evidence
    raise NothingDue("no scale that differs from 1 has a place by the specification", evidence)


def _is_due(network: Network, dtype: torch.dtype) -> bool:
    """Whether any scale is due that is not 1: a depthwise kernel of one weight has no range."""
    scales = expected_scales(network, "range", measured=False, dtype=dtype)
    return _any_differs(network, scales, dtype)


def _any_differs(network: Network, scales: Sequence[ExpectedScale], dtype: torch.dtype) -> bool:
    """Whether a scale that has a place differs from 1 in the network's dtype.

    bfloat16 has no number between 1 and 1.0078: what rounds to 1 there changes nothing.
    """
    due = {*network.folds, *network.multiplied, *network.norm_folds}
    return any(bool((scales[index].value.to(dtype) != 1).any()) for index in due)


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
    shown: _Verdict
    if isinstance(verdict, Raised):
        shown = Raised(f"{verdict.where} {where}", verdict.cause)
    else:
        evidence = verdict.evidence
        shown = Violation(replace(evidence, observed=f"{evidence.observed}, {where}"))
    title = f"{implementation.name}: the smallest random network found on which it fails."
    clause = PLACES if judge is judge_places_of else FUNCTION
    shown.script = script(smallest, title, str(verdict), clause=clause)
    return shown


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
