"""When two values count as the same."""

import pytest
import torch

from eqconform.checks.portraits import is_equal

NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ([1.0, NAN], [1.0, NAN], True),
        ([1.0, NAN], [2.0, NAN], False),
        ([NAN, 1.0], [1.0, NAN], False),
        ([0.0, NAN], [NAN, NAN], False),
        ([INFINITY, NAN], [-INFINITY, NAN], False),
        ([INFINITY, NAN], [torch.finfo(torch.float32).max, NAN], False),
        ([1.0], [1.0, 1.0], False),
        ([0.0, NAN], [-0.0, NAN], True),
    ],
)
def test_a_pass_that_makes_the_same_nan_twice_is_deterministic(
    one: list[float], two: list[float], same: bool
) -> None:
    assert is_equal(torch.tensor(one), torch.tensor(two)) == same


def test_another_type_is_another_value() -> None:
    assert not is_equal(torch.ones(2), torch.ones(2, dtype=torch.float64))
