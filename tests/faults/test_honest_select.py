"""The honest implementation of the claim select passes every check of it."""

import pytest
from honest_select import SelectingInt8

from eqconform.judge.cases import Case, all_checks
from eqconform.judge.outcome import Evidence

CASES = [
    case
    for check in all_checks()
    if check.clause.startswith("select.")
    for case in check.cases("full")
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_it_passes_with_the_same_evidence_every_time(case: Case) -> None:
    evidence = case.judge(SelectingInt8())
    assert isinstance(evidence, Evidence)
    assert case.judge(SelectingInt8()) == evidence
