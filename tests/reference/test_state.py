"""Models whose forward changes what they hold: buffers, and attributes of any kind."""

import copy
from collections import deque
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from two_layers import Pair, agrees, vectors

from eqconform_reference import (
    Config,
    NotTraceable,
    convert,
    equalize,
    prepare,
)


class _Counting(Pair):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls.add_(1)
        return super().forward(x)


def test_a_buffer_that_the_forward_updates() -> None:
    """A graph would not update it: refused. In a leaf module it starts where it started before."""
    model, batches = _Counting().eval(), [vectors(seed, 8) for seed in range(3)]
    with pytest.raises(NotTraceable, match="_Counting computes something else"):
        equalize(model, batches)
    around = nn.Sequential(nn.Linear(6, 6), model).eval()
    prepared = prepare(around, Config(leaf_modules=(_Counting,)), example=batches[0])
    for batch in batches:
        prepared(batch)
    for _ in range(2):
        equalized = convert(prepared)
        assert equalized.get_buffer("1.calls") == around[1].calls == 0
        equalized(batches[0])
        assert equalized.get_buffer("1.calls") == 1
    parts = equalize(around, batches, Config(by_parts=True))
    assert parts.get_buffer("1.calls") == 0
    parts(batches[0])
    assert parts.get_buffer("1.calls") == 1


class _Cell:
    held: Any = None


_CELLS: dict[str, Any] = {
    "dict": {"last": None},
    "list": [0],
    "nested": {"all": [(), deque(maxlen=2)]},
    "set": set(),
    "object": _Cell(),
}


class _Keeping(Pair):
    """Keeps what it computed in something that it holds, where a caller may look for it."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.cell = kind, copy.deepcopy(_CELLS[kind])

    def forward(self, x: Tensor) -> Tensor:
        hidden, cell = self.first(x), self.cell
        if self.kind == "dict":
            cell["last"] = cell["more"] = hidden
        elif self.kind == "list":
            cell[0] = hidden
        elif self.kind == "nested":
            cell["all"][1].append(hidden)
        elif self.kind == "set":
            cell.add(hidden)
        else:
            cell.held = hidden
        return self.second(torch.relu(hidden))


@pytest.mark.parametrize("kind", _CELLS)
def test_what_a_forward_keeps_while_it_is_traced_is_not_kept(kind: str) -> None:
    """It would be a proxy, which nobody can compute with, and which cannot be pickled."""
    model, batch = _Keeping(kind).eval(), vectors(1, 8)
    equalized = equalize(model, [batch])
    agrees(model, equalized, batch)
    held = equalized.cell
    assert vars(held) == {} if kind == "object" else held == _CELLS[kind]
