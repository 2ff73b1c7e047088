"""Every network of the catalogue is judged, and under one clause of a kind."""

from collections import Counter

from eqconform.checks.chain import in_place
from eqconform.checks.equalize import every_output, hooks, parametrized_weights, same_function
from eqconform.judge.cases import all_checks
from eqconform_models import networks

# A pass may drop the layer whose result is never used: its calls can not be told from others.
NOT_ALIGNED = {"result-never-used"}


def judged_by(*functions: object) -> Counter[str]:
    """How often each network is the subject of these checks at the full budget."""
    found = [
        case.subject_name
        for check in all_checks()
        if check.function in functions
        for case in check.cases("full")
    ]
    return Counter(found)


def test_the_function_of_every_network_is_judged_once() -> None:
    found = judged_by(same_function, every_output, parametrized_weights, hooks)
    assert found == Counter(list(networks()))


def test_the_scales_of_every_network_are_judged_once() -> None:
    due = {
        name
        for name, each in networks().items()
        if each.folds or each.multiplied or each.norm_folds
    }
    assert judged_by(in_place) == Counter(due - NOT_ALIGNED)


def test_every_clause_has_a_subject_at_the_quick_budget() -> None:
    assert [check.clause for check in all_checks() if not list(check.cases("quick"))] == []
