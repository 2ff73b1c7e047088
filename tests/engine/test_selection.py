"""What does not exist is refused with what does."""

import json
import math
import re
from dataclasses import asdict
from typing import get_args

import pytest
import torch

from eqconform.engine.describe import selected_cases
from eqconform.loading import load
from eqconform.options import BudgetName
from eqconform.registry import clauses
from eqconform.selection import BUDGETS, LOAD_SECONDS, Budget, Selection, UsageError, validated


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
        (Selection(shard="0/2"), "'0/2' is no shard; give I/N"),
        (Selection(shard="3/2"), "is no shard"),
        (Selection(shard="1"), "is no shard"),
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


def test_what_torch_cannot_compute_is_not_selected(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clause for later releases is left out, and the others stay."""
    reference, selection = load("reference"), Selection(globs=("equalize.*float16",))
    judged = {case.check.clause for case in selected_cases(reference, selection)}
    monkeypatch.setattr(torch, "__version__", "2.1.2+cpu")
    assert {case.check.clause for case in selected_cases(reference, selection)} == judged - {
        "equalize.float16"
    }
    with pytest.raises(UsageError, match=r"float16 can be judged with torch >=2\.2, and this is 2"):
        selected_cases(reference, Selection(case="equalize.float16/chain-three-layers"))


@pytest.mark.parametrize("budget", BUDGETS)
def test_the_help_says_how_many_cases_there_are(budget: Budget) -> None:
    _, option = get_args(BudgetName)
    some = re.search(rf"{budget} \(some ([\d,]+)", option.help)
    assert some
    cases = selected_cases(load("reference"), Selection(budget=budget))
    assert len(cases) == pytest.approx(int(some[1].replace(",", "")), rel=0.1)


def test_survives_json() -> None:
    selection = Selection(claims=("scale",), globs=("*",), case_timeout=2.0)
    assert Selection.from_json(json.dumps(asdict(selection))) == selection


def test_the_full_budget_is_more_patient() -> None:
    assert Selection(budget="full").timeout > Selection().timeout
    assert Selection(case_timeout=7.0).timeout == 7.0


def test_shards_share_the_cases_out() -> None:
    """Every case is in exactly one of them, by its id alone, and each has about its share."""
    ids = [f"scale.formula/{number}" for number in range(3000)]
    shards = [[i for i in ids if Selection(shard=f"{n}/3").takes(i)] for n in (1, 2, 3)]
    assert sorted(i for shard in shards for i in shard) == sorted(ids)
    assert all(900 < len(shard) < 1100 for shard in shards)
    assert Selection().takes("scale.formula/1")
    assert Selection(shard="3/3").takes("scale.formula/0")  # and in every later version


@pytest.mark.parametrize(
    ("given", "seconds"), [(None, LOAD_SECONDS), (2.0, LOAD_SECONDS), (600.0, 1800.0)]
)
def test_importing_may_take_as_long_as_a_case(given: float | None, seconds: float) -> None:
    assert Selection(case_timeout=given).load_timeout == seconds
