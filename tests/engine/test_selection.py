"""What does not exist is refused with what does."""

import json
import math
from dataclasses import asdict

import pytest

from eqconform.registry import clauses
from eqconform.selection import Selection, UsageError, validated


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (Selection(claims=("scal",)), "no claim is called 'scal'. Did you mean scale"),
        (Selection(claims=("zzz",)), "Known are observe, scale"),
        (Selection(globs=("scale.formulas",)), "Did you mean scale.formula"),
        (Selection(globs=("zzz*",)), "`eqconform spec` lists them"),
        (Selection(claims=("scale",), globs=("observe.*",)), "both the claims and the clauses"),
        (Selection(budget="huge"), "no budget is called 'huge'"),  # type: ignore[arg-type]
        (Selection(device="tpu"), "no device is called 'tpu'. Did you mean cpu"),
        (Selection(case_timeout=-1.0), "-1 s is no time limit"),
        (Selection(case_timeout=0.0), "0 s is no time limit"),
        (Selection(case_timeout=math.nan), "nan s is no time limit"),
        (Selection(case_timeout=math.inf), "inf s is no time limit"),
        (Selection(case_timeout=1e300), "at most 1e\\+06 s"),
        (Selection(memory=math.nan), "a memory limit of nan GB is none"),
        (Selection(memory=0.0), "a memory limit of 0 GB is none"),
        (Selection(case="scale.formul/x"), "Did you mean scale.formula"),
    ],
)
def test_refused(selection: Selection, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("*", r"\*")):
        validated(selection)


def test_claims_and_patterns_narrow_each_other() -> None:
    selection = validated(Selection(claims=("scale",), globs=("*.formula", "scale.f*")))
    chosen = [clause for clause in clauses().values() if selection.includes(clause)]
    assert chosen
    assert {clause.claim for clause in chosen} == {"scale"}


def test_survives_json() -> None:
    selection = Selection(claims=("scale",), globs=("*",), case_timeout=2.0)
    assert Selection.from_json(json.dumps(asdict(selection))) == selection


def test_the_full_budget_is_more_patient() -> None:
    assert Selection(budget="full").timeout > Selection().timeout
    assert Selection(case_timeout=7.0).timeout == 7.0
