"""Every clause catches the implementations that are wrong about it."""

from fnmatch import fnmatchcase

import faults_columns  # noqa: F401  each module registers its faults
import faults_configure  # noqa: F401
import faults_observe  # noqa: F401
import faults_qparams  # noqa: F401
import faults_scale  # noqa: F401
import pytest
from honest import FAULTS

from eqconform import Implementation
from eqconform.judge.cases import all_checks
from eqconform.judge.outcome import Raised, Vacuous, Violation

CLAIMS = ("observe.", "scale.", "qparams.", "configure.")
CHECKS = {check.clause: check for check in all_checks() if check.clause.startswith(CLAIMS)}


@pytest.mark.parametrize(
    ("wrong", "clause", "subjects"),
    [pytest.param(*fault, id=f"{fault[0].__name__}-{fault[1]}-{fault[2]}") for fault in FAULTS],
)
@pytest.mark.filterwarnings("ignore:the ranges are not finite")
def test_a_fault_is_caught_by_its_clause(
    wrong: type[Implementation], clause: str, subjects: str
) -> None:
    cases = [c for c in CHECKS[clause].cases("quick") if fnmatchcase(c.subject_name, subjects)]
    assert cases
    for case in cases:
        with pytest.raises((Violation, Raised, Vacuous)):
            case.judge(wrong())


def test_every_clause_catches_some_fault() -> None:
    assert {clause for _, clause, _ in FAULTS} == set(CHECKS)
