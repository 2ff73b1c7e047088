"""Every clause catches the implementations that are wrong about it."""

from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path

import pytest
import torch
from oracle import Oracle
from registered import FAULTS

from eqconform import Implementation
from eqconform.engine.sandbox import isolated
from eqconform.judge.cases import all_checks
from eqconform.judge.outcome import Raised, Vacuous, Violation
from eqconform.registry import clauses

for module in sorted(Path(__file__).parent.glob("faults_*.py")):
    import_module(module.stem)  # each registers its faults

CHECKS = {check.clause: check for check in all_checks()}
TO_CATCH = [each for each in FAULTS if clauses()[each[1]].is_judged_with(torch.__version__)]


@pytest.mark.parametrize(
    ("wrong", "clause", "subjects"),
    [pytest.param(*fault, id=f"{fault[0].__name__}-{fault[1]}-{fault[2]}") for fault in TO_CATCH],
)
def test_a_fault_is_caught_by_its_clause(
    wrong: type[Implementation], clause: str, subjects: str
) -> None:
    cases = [c for c in CHECKS[clause].cases("quick") if fnmatchcase(c.subject_name, subjects)]
    assert cases
    for case in cases:
        implementation = wrong(case.subject) if issubclass(wrong, Oracle) else wrong()
        with isolated(0), pytest.raises((Violation, Raised, Vacuous)):
            case.judge(implementation)
