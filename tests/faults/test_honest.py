"""Right implementations pass every check: the honest one, and those that compute differently."""

import re

import pytest
from honest import Honest
from variants import AbsMax, Float32Inside, Naive, ReciprocalSteps, RootOfEach, WiderInside

from eqconform import Implementation, Unsupported
from eqconform.judge.cases import Case, all_checks
from eqconform.judge.outcome import Evidence, Raised, Vacuous, Violation

CLAIMS = ("observe.", "scale.", "qparams.", "configure.")
CASES = [
    case
    for check in all_checks()
    if check.clause.startswith(CLAIMS)
    for case in check.cases("full")
]
ARITHMETIC = [case for case in CASES if case.check.clause.startswith(("scale.", "qparams."))]


def verdict(case: Case, implementation: Implementation) -> Evidence | Exception:
    """What the case says, without raising it."""
    try:
        return case.judge(implementation)
    except (Violation, Vacuous, Raised, Unsupported) as found:
        return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
@pytest.mark.filterwarnings("ignore:the ranges are not finite")
def test_the_honest_implementation_passes_with_the_same_evidence_every_time(case: Case) -> None:
    evidence = case.judge(Honest())
    assert isinstance(evidence, Evidence)
    assert not re.search(r"\b1 channels", evidence.expected)
    assert case.judge(Honest()) == evidence


@pytest.mark.parametrize("variant", [RootOfEach, WiderInside, ReciprocalSteps])
def test_another_way_to_compute_passes(variant: type[Implementation]) -> None:
    found = {case.id: verdict(case, variant()) for case in ARITHMETIC}
    assert {name: got for name, got in found.items() if not isinstance(got, Evidence)} == {}


def test_absmax_is_held_to_its_own_formula() -> None:
    """And not to the indifference to offsets, which is no property of it."""
    found = {case.id: verdict(case, AbsMax()) for case in ARITHMETIC}
    others = {name: type(got) for name, got in found.items() if not isinstance(got, Evidence)}
    assert others == {"scale.offset/only": Unsupported}


def test_float32_statistics_miss_nothing_but_the_digits_of_float64() -> None:
    found = {case.id: verdict(case, Float32Inside()) for case in ARITHMETIC}
    others = {name: type(got) for name, got in found.items() if not isinstance(got, Evidence)}
    assert others == {"scale.formula-float64/only": Violation}


def test_a_scale_of_nan_is_wrong_and_changes_nothing() -> None:
    """NaN equals nothing, and yet it is what it was."""
    found = {case.id: verdict(case, Naive()) for case in ARITHMETIC}
    broken = {name.partition("/")[0] for name, got in found.items() if isinstance(got, Violation)}
    assert "scale.finite-positive" in broken
    assert "scale.ranges-not-mutated" not in broken
