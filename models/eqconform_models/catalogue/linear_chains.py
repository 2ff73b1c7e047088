"""Linear layers in a row, with everything between them that a positive scale passes through.

For s > 0, f(s · x) = s · f(x) channel by channel: ReLU and its leaky relatives, dropout in eval,
identity. Behind each of them the scale of the second layer belongs into the rows of the first.
"""

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform_models.catalogue.pairs import LinearPair
from eqconform_models.network import catalogued
from eqconform_models.randomize import vectors

_chain = catalogued(inputs=[vectors(4, 8)], folds={1: 0}, multiplied={0}, tags={"chain"})
_relu = catalogued(inputs=[vectors(4, 8)], folds={1: 0}, multiplied={0}, tags={"chain", "relu"})
_odd = catalogued(
    inputs=[vectors(4, 8)], folds={1: 0}, multiplied={0}, tags={"chain", "relu"}, extended=True
)


@_chain
class ChainDirect(LinearPair):
    """Linear, Linear: nothing stands between the two."""


@_relu
class ChainReluModule(LinearPair):
    """Linear, nn.ReLU, Linear."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU())


@_relu
class ChainReluModuleInplace(LinearPair):
    """Linear, nn.ReLU(inplace=True), Linear."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU(inplace=True))


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


@_odd
class ChainReluFunctionKeyword(LinearPair):
    """Linear, F.relu(input=...), Linear: the input is given by keyword."""

    def between(self, x: Tensor) -> Tensor:
        return F.relu(input=x)


@_odd
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


@_chain
class ChainLeakyReluModule(LinearPair):
    """Linear, nn.LeakyReLU, Linear."""

    def __init__(self) -> None:
        super().__init__(nn.LeakyReLU(0.2))


@_chain
class ChainLeakyReluFunction(LinearPair):
    """Linear, F.leaky_relu, Linear."""

    def between(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, 0.1)


@_chain
class ChainPreluOneSlope(LinearPair):
    """Linear, nn.PReLU with one slope for all channels, Linear."""

    def __init__(self) -> None:
        super().__init__(nn.PReLU())


@_chain
class ChainPreluManySlopes(LinearPair):
    """Linear, nn.PReLU with a slope per channel, Linear."""

    def __init__(self) -> None:
        super().__init__(nn.PReLU(6))


@catalogued(inputs=[vectors(4, 8)], folds={1: 0}, multiplied={0}, tags={"chain"}, extended=True)
class ChainPreluFunction(LinearPair):
    """Linear, F.prelu with a slope that is the network's own parameter, Linear."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.empty(6))

    def arrange(self) -> None:
        """Slopes are not negative here: a negative one is as good, but never seen."""
        self.slope.abs_()

    def between(self, x: Tensor) -> Tensor:
        return F.prelu(x, self.slope)


@_chain
class ChainDropoutModule(LinearPair):
    """Linear, nn.Dropout in eval, Linear."""

    def __init__(self) -> None:
        super().__init__(nn.Dropout(0.5))


@_chain
class ChainDropoutFunction(LinearPair):
    """Linear, F.dropout in eval, Linear."""

    def between(self, x: Tensor) -> Tensor:
        return F.dropout(x, 0.5, training=self.training)


@_chain
class ChainIdentity(LinearPair):
    """Linear, nn.Identity, Linear."""

    def __init__(self) -> None:
        super().__init__(nn.Identity())


@_chain
class ChainSeveralPassThroughs(LinearPair):
    """Linear, ReLU, dropout, identity, LeakyReLU, Linear."""

    def __init__(self) -> None:
        super().__init__(
            nn.Sequential(nn.ReLU(), nn.Dropout(0.3), nn.Identity(), nn.LeakyReLU(0.3))
        )


@catalogued(inputs=[vectors(4, 8)], folds={1: 0}, multiplied={0}, tags={"chain"})
class ChainWithoutBias(nn.Sequential):
    """Linear, ReLU, Linear: neither layer has a bias."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(8, 6, bias=False), nn.ReLU(), nn.Linear(6, 5, bias=False))


@catalogued(inputs=[vectors(4, 8)], folds={1: 0, 2: 1}, multiplied={0}, tags={"chain"})
class ChainThreeLayers(nn.Sequential):
    """Three Linear layers: the middle one takes a scale in its columns and one in its rows."""

    def __init__(self) -> None:
        super().__init__(
            nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 7), nn.LeakyReLU(), nn.Linear(7, 5)
        )


@catalogued(
    inputs=[vectors(4, 8)], folds={1: 0, 2: 1, 3: 2}, multiplied={0}, tags={"chain", "shared"}
)
class ChainFourLayersOneRelu(nn.Module):
    """Four Linear layers with one and the same nn.ReLU between them."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(8 - i, 7 - i) for i in range(4))
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = self.relu(layer(x))
        return self.layers[-1](x)


@catalogued(inputs=[vectors(4, 1)], folds={1: 0}, multiplied={0}, tags={"chain"})
class ChainOneInputFeature(nn.Sequential):
    """Linear of a single input feature, ReLU, Linear."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(1, 6), nn.ReLU(), nn.Linear(6, 5))


# A weight column of one row has no range: the scale is 1 by range, though not by magnitude, and
# so nothing is said of how the second layer's is carried out; nor of the first one's below.
@catalogued(inputs=[vectors(4, 8)], multiplied={0}, tags={"degenerate"})
class LinearOneOutputFeature(nn.Sequential):
    """Linear, ReLU, Linear to a single output feature, whose columns have no range."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 1))


@catalogued(inputs=[vectors(4, 8)], folds={1: 0}, tags={"degenerate"}, extended=True)
class LinearOneHiddenFeature(nn.Sequential):
    """Linear to a single feature, ReLU, Linear: the first layer's columns have no range."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(8, 1), nn.ReLU(), nn.Linear(1, 5))
