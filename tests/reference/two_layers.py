"""Two layers that the tests of odd models are made of, and what it means to agree with them."""

from typing import Any

import torch
from torch import Tensor, nn

_SPREAD = torch.logspace(-1, 1, 6)


def vectors(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, 6, generator=torch.Generator().manual_seed(seed)) * _SPREAD


class Pair(nn.Module):
    """Two layers and whatever a test puts between them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Linear(6, 6)
        self.second = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.relu(self.first(x)))


def agrees(model: nn.Module, equalized: nn.Module, *batches: Any) -> None:
    for batch in batches:
        torch.testing.assert_close(equalized(batch * 3), model(batch * 3))


class Masked(Pair):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x if mask is None else x * mask)
