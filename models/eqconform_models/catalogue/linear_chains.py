"""Linear layers in a row, with everything between them that a positive scale passes through.

For s > 0, f(s · x) = s · f(x) channel by channel: ReLU and its leaky relatives, dropout in eval,
identity. Behind each of them the scale of the second layer belongs into the rows of the first.
"""

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform_models.network import catalogued
from eqconform_models.randomize import vectors


class LinearPair(nn.Module):
    """Two Linear layers and what subclasses put between them."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 6)
        self.second = nn.Linear(6, 5)

    def between(self, x: Tensor) -> Tensor:
        """What happens to the hidden features, (N, 6)."""
        return x

    def forward(self, x: Tensor) -> Tensor:
        """(N, 8) -> (N, 5)."""
        result: Tensor = self.second(self.between(self.first(x)))
        return result


_pair = catalogued(inputs=[vectors(4, 8)], folds={1: 0}, multiplied={0}, tags={"chain"})
_relu = catalogued(inputs=[vectors(4, 8)], folds={1: 0}, multiplied={0}, tags={"chain", "relu"})


@_pair
class ChainDirect(LinearPair):
    """Linear, Linear: nothing stands between the two."""


@_relu
class ChainReluModule(LinearPair):
    """Linear, nn.ReLU, Linear."""

    def __init__(self) -> None:
        super().__init__()
        self.activation = nn.ReLU()

    def between(self, x: Tensor) -> Tensor:
        result: Tensor = self.activation(x)
        return result


@_relu
class ChainReluModuleInplace(LinearPair):
    """Linear, nn.ReLU(inplace=True), Linear."""

    def __init__(self) -> None:
        super().__init__()
        self.activation = nn.ReLU(inplace=True)

    def between(self, x: Tensor) -> Tensor:
        result: Tensor = self.activation(x)
        return result


@_relu
class ChainReluFunction(LinearPair):
    """Linear, F.relu, Linear."""

    def between(self, x: Tensor) -> Tensor:
        return F.relu(x)


@_relu
class ChainReluFunctionInplace(LinearPair):
    """Linear, F.relu(inplace=True), Linear."""

    def between(self, x: Tensor) -> Tensor:
        return F.relu(x, inplace=True)


@_relu
class ChainReluFunctionKeyword(LinearPair):
    """Linear, F.relu(input=...), Linear: the input is given by keyword."""

    def between(self, x: Tensor) -> Tensor:
        return F.relu(input=x)


@_relu
class ChainReluFunctionUnderscore(LinearPair):
    """Linear, F.relu_, Linear."""

    def between(self, x: Tensor) -> Tensor:
        return F.relu_(x)


@_relu
class ChainTorchRelu(LinearPair):
    """Linear, torch.relu, Linear."""

    def between(self, x: Tensor) -> Tensor:
        return torch.relu(x)


@_relu
class ChainTorchReluInplace(LinearPair):
    """Linear, torch.relu_, Linear."""

    def between(self, x: Tensor) -> Tensor:
        return torch.relu_(x)


@_relu
class ChainReluMethod(LinearPair):
    """Linear, x.relu(), Linear."""

    def between(self, x: Tensor) -> Tensor:
        return x.relu()


@_relu
class ChainReluMethodInplace(LinearPair):
    """Linear, x.relu_(), Linear."""

    def between(self, x: Tensor) -> Tensor:
        return x.relu_()


@_relu
class ChainReluSequential(nn.Sequential):
    """nn.Sequential of Linear, nn.ReLU, Linear."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 5))
