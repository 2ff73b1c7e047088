"""What a search over examples says: the smallest that fails, the worst that passes."""

import pytest
import torch
from hypothesis import strategies as st

from eqconform import Unsupported
from eqconform.checks.examples import for_all, listed
from eqconform.checks.verdicts import near, roundings
from eqconform.judge.guard import attempt
from eqconform.judge.outcome import Evidence, Raised, Violation, within


def test_a_violation_shows_the_smallest_example() -> None:
    def judge(n: int) -> Evidence:
        return within(n, 10, expected="at most 10", observed=f"{n}")

    with pytest.raises(Violation) as caught:
        for_all(judge, n=st.integers(0, 1000))
    assert caught.value.evidence == Evidence("at most 10", "11, on n = 11", 11, 10)


def test_an_exception_of_the_implementation_stays_theirs() -> None:
    def judge(n: int) -> Evidence:
        attempt("halve()", lambda: 1 // (n - 7))
        return Evidence("", "")

    with pytest.raises(Raised, match=r"halve\(\) on n = 7 raised ZeroDivisionError"):
        for_all(judge, n=st.just(7))


def test_what_is_out_of_scope_stays_so() -> None:
    def judge(n: int) -> Evidence:
        raise Unsupported(f"no {n}")

    with pytest.raises(Unsupported, match="no 0"):
        for_all(judge, n=st.integers(0, 9))


@pytest.mark.parametrize("stop", [pytest.fail.Exception, SystemExit, KeyboardInterrupt])
def test_what_stops_a_case_stops_the_search(stop: type[BaseException]) -> None:
    """A time limit comes as pytest's failure: the example that hangs is not tried again."""
    tried = []

    def judge(n: int) -> Evidence:
        tried.append(n)
        raise stop("time is up")

    with pytest.raises(stop, match="time is up"):
        for_all(judge, n=st.integers(0, 9))
    assert tried == [0]


def test_an_exception_of_the_check_stays_its_own() -> None:
    def judge(n: int) -> Evidence:
        raise KeyError(n)

    with pytest.raises(KeyError):
        for_all(judge, n=st.integers(0, 9))


def test_the_worst_example_that_passes_is_told() -> None:
    def judge(n: int) -> Evidence:
        return within(n, 10, expected="at most 10", observed=f"{n}")

    evidence = for_all(judge, n=st.integers(0, 9))
    assert evidence == Evidence("at most 10", "9 (the worst of 10 examples)", 9, 10)


def test_what_fails_only_sometimes_fails() -> None:
    turns = iter([True] + [False] * 1000)

    def judge(n: int) -> Evidence:
        return within(float(next(turns)), 0, expected="0", observed=f"1, with {n}")

    with pytest.raises(Violation):
        for_all(judge, n=st.integers(0, 9))


def test_a_search_leaves_the_random_numbers_alone() -> None:
    state = torch.get_rng_state()
    for_all(lambda n: Evidence("", f"{n}"), n=st.integers(0, 9))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_long_example_is_cut() -> None:
    assert listed(torch.arange(3.0)) == "[0.0, 1.0, 2.0]"
    assert listed((torch.ones(1), [2])) == "([1.0], [2])"
    assert len(listed(torch.arange(1000.0))) < 600


def test_nothing_is_near_nan() -> None:
    with pytest.raises(Violation):
        near(torch.tensor([torch.nan]), torch.ones(1).double(), 1e9, "s")


def test_a_rounding_is_half_of_eps() -> None:
    assert roundings(1, torch.float32) == pytest.approx(2**-24, rel=1e-6)
