"""Layer calls are told from one another by their weights, whatever the order of execution."""

import pytest
import torch
from torch import Tensor, nn

from eqconform.judge.alignment import aligned
from eqconform.judge.outcome import Violation
from eqconform.probe import record


class Branches(nn.Module):
    """Two independent layers of one shape, and a third on their sum."""

    def __init__(self, order: tuple[str, str], factor: float = 1.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two, self.last = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)
        self.order = order
        with torch.no_grad():
            self.one.weight.mul_(factor)

    def forward(self, x: Tensor) -> Tensor:
        found = [getattr(self, name)(x) for name in self.order]
        out: Tensor = self.last(sum(found))
        return out


def weights(model: Branches, other: Branches) -> list[tuple[Tensor, Tensor]]:
    x = torch.randn(3, 4)
    return [(a.weight, b.weight) for a, b in aligned(record(model, x), record(other, x))]


def test_another_order_of_independent_layers_is_undone() -> None:
    pairs = weights(Branches(("one", "two")), Branches(("two", "one"), factor=3.0))
    assert torch.equal(3 * pairs[0][0], pairs[0][1])
    assert all(torch.equal(before, after) for before, after in pairs[1:])


def test_the_order_stands_where_a_weight_is_not_known_again() -> None:
    """A factor that is negative is no scale."""
    pairs = weights(Branches(("one", "two")), Branches(("two", "one"), factor=-1.0))
    assert torch.equal(pairs[0][0], -pairs[1][1])


def test_another_number_of_layers_is_a_violation() -> None:
    model, x = Branches(("one", "two")), torch.randn(3, 4)
    with pytest.raises(Violation, match="3 linear or conv calls"):
        aligned(record(model, x), record(model.last, x))
