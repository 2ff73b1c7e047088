"""What may stand for what in an output, and what is said of the first place that differs."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch

from eqconform.judge.form import require_same_form
from eqconform.judge.outcome import Violation

ONE, TWO = torch.ones(2), torch.zeros(3)


class Pair(NamedTuple):
    logits: Any
    auxiliary: Any


@dataclass
class Result:
    logits: Any


class Named(list[Any]):
    """A list of a kind of its own."""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (ONE, TWO),  # values are judged by place, elsewhere
        ((ONE, [TWO], {"a": 1}), (TWO, [ONE], {"a": 1})),
        ({"a": ONE}, OrderedDict(a=TWO)),
        ([ONE], Named([TWO])),
        ((ONE, TWO), Pair(ONE, TWO)),
        (Result(ONE), Result(TWO)),
        ((None, True, 2, 0.5, "text"), (None, True, 2, 0.5, "text")),
    ],
)
def test_what_can_stand_for_it(before: object, after: object) -> None:
    require_same_form(before, after, "fresh")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (2, torch.tensor(2), r"fresh: output = int 2; observed a tensor"),
        (ONE, None, r"output = a tensor; observed NoneType None"),
        ((ONE, 2), (ONE, 2.0), r"output\[1\] = int 2; observed float 2.0"),
        ({"a": True}, {"a": 1}, r"output\['a'\] = bool True; observed int 1"),
        ([], (), r"output = list\(\); observed tuple\(\)"),
        ((ONE, TWO), (ONE,), r"observed tuple\(\[0\] a tensor\)"),
        (Pair(ONE, TWO), (ONE, TWO), r"output = Pair\(\[0\] a tensor, \[1\] a tensor\)"),
        (Result(ONE), {"logits": ONE}, r"output = Result\(\.logits a tensor\)"),
        ({"b": ONE, "a": TWO}, {"a": TWO, "b": ONE}, r"observed dict\(\['a'\] a tensor, \['b'\]"),
        (("x",), ("y",), r"output\[0\] = str 'x'; observed str 'y'"),
    ],
)
def test_what_cannot(before: object, after: object, said: str) -> None:
    with pytest.raises(Violation, match=said):
        require_same_form(before, after, "fresh")
