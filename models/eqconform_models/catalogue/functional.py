"""Layers as functions: weights from parameters, buffers, attributes; every way of calling."""

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform_models.network import catalogued
from eqconform_models.randomize import images, vectors

_TAGS = {"chain", "functional"}
_linear = catalogued(inputs=[vectors(4, 8)], folds={1: 0}, multiplied={0}, tags=_TAGS)
_linear_extended = catalogued(
    inputs=[vectors(4, 8)], folds={1: 0}, multiplied={0}, tags=_TAGS, extended=True
)
_conv2d = catalogued(
    inputs=[images(2, 4, 9, 9)],
    folds={1: 0},
    multiplied={0},
    tags=_TAGS | {"conv"},
    other_size=[images(2, 4, 8, 11)],
)


class _Weights(nn.Module):
    """Parameters w1, b1, w2, b2 for two layers with kernels of these sizes."""

    def __init__(self, *kernel: int, channels: tuple[int, int, int] = (8, 6, 5)) -> None:
        super().__init__()
        first, hidden, last = channels
        self.w1 = nn.Parameter(torch.empty(hidden, first, *kernel))
        self.b1 = nn.Parameter(torch.empty(hidden))
        self.w2 = nn.Parameter(torch.empty(last, hidden, *kernel))
        self.b2 = nn.Parameter(torch.empty(last))


@_linear
class FunctionalLinear(_Weights):
    """F.linear with parameters, F.relu, F.linear."""

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(F.relu(F.linear(x, self.w1, self.b1)), self.w2, self.b2)


@_linear
class FunctionalLinearKeywords(_Weights):
    """F.linear(input=..., weight=..., bias=...), twice with F.relu between."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(F.linear(input=x, weight=self.w1, bias=self.b1))
        return F.linear(input=x, weight=self.w2, bias=self.b2)


@_linear_extended
class FunctionalLinearKeywordBias(_Weights):
    """F.linear(x, w, bias=b): the bias alone is given by keyword."""

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(F.relu(F.linear(x, self.w1, bias=self.b1)), self.w2, bias=self.b2)


@_linear_extended
class FunctionalLinearWeightFirst(_Weights):
    """F.linear(weight=..., input=...) without bias: the keywords in another order."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.linear(weight=self.w1, input=x)
        return F.linear(weight=self.w2, input=F.relu(x))


@_linear
class FunctionalLinearWithoutBias(_Weights):
    """F.linear(x, w) and F.linear(x, w, None)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(F.relu(F.linear(x, self.w1)), self.w2, None)


@_linear
class FunctionalLinearBuffers(nn.Module):
    """F.linear, F.relu, F.linear, with weights and biases from buffers."""

    w1: Tensor
    b1: Tensor
    w2: Tensor
    b2: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("w1", torch.randn(6, 8))
        self.register_buffer("b1", torch.randn(6))
        self.register_buffer("w2", torch.randn(5, 6))
        self.register_buffer("b2", torch.randn(5))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(F.relu(F.linear(x, self.w1, self.b1)), self.w2, self.b2)


@catalogued(
    inputs=[vectors(4, 8)],
    folds={1: 0},
    multiplied={0},
    tags=_TAGS | {"plain-attribute"},
    extended=True,
)
class FunctionalLinearAttributes(nn.Module):
    """F.linear, F.relu, F.linear, with weights that are plain tensors in attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.w1 = torch.randn(6, 8)
        self.w2 = torch.randn(5, 6)

    def _apply(
        self, fn: Callable[[Tensor], Tensor], recurse: bool = True
    ) -> "FunctionalLinearAttributes":
        # Plain tensors do not move with the module; without this .double() would break it.
        self.w1, self.w2 = fn(self.w1), fn(self.w2)
        return super()._apply(fn, recurse)  # type: ignore[no-untyped-call]

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(F.relu(F.linear(x, self.w1)), self.w2)


@_linear_extended
class FunctionalLinearParameterList(nn.Module):
    """F.linear, F.relu, F.linear, with weights and biases from ParameterLists."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.ParameterList([torch.empty(6, 8), torch.empty(5, 6)])
        self.biases = nn.ParameterList([torch.empty(6), torch.empty(5)])

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(F.linear(x, self.weights[0], self.biases[0]))
        return F.linear(x, self.weights[1], self.biases[1])


@_linear
class FunctionalBehindModule(nn.Module):
    """A Linear module, ReLU, F.linear."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 6)
        self.weight = nn.Parameter(torch.empty(5, 6))
        self.bias = nn.Parameter(torch.empty(5))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(torch.relu(self.layer(x)), self.weight, self.bias)


@_linear_extended
class FunctionalBeforeModule(nn.Module):
    """F.linear, ReLU, a Linear module."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(6, 8))
        self.bias = nn.Parameter(torch.empty(6))
        self.layer = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(F.linear(x, self.weight, self.bias).relu())


@catalogued(
    inputs=[images(3, 4, 12)],
    folds={1: 0},
    multiplied={0},
    tags=_TAGS | {"conv"},
    other_size=[images(2, 4, 15)],
)
class FunctionalConv1d(_Weights):
    """F.conv1d, F.relu, F.conv1d, every argument by position."""

    def __init__(self) -> None:
        super().__init__(3, channels=(4, 6, 5))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(F.conv1d(x, self.w1, self.b1, 2, 1, 1, 1))
        return F.conv1d(x, self.w2, self.b2)


@_conv2d
class FunctionalConv2d(_Weights):
    """F.conv2d, F.relu, F.conv2d, the stride and the padding by keyword."""

    def __init__(self) -> None:
        super().__init__(3, 3, channels=(4, 6, 5))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(F.conv2d(x, self.w1, self.b1, stride=2, padding=1))
        return F.conv2d(x, self.w2, self.b2, padding="same")


@_conv2d
class FunctionalConv2dKeywords(_Weights):
    """torch.conv2d with every argument by keyword, torch.relu, torch.conv2d."""

    def __init__(self) -> None:
        super().__init__(3, 3, channels=(4, 6, 5))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(torch.conv2d(input=x, weight=self.w1, bias=self.b1, groups=1))
        return torch.conv2d(input=x, weight=self.w2, bias=self.b2)


@catalogued(
    inputs=[images(2, 4, 6, 6, 6)],
    folds={1: 0},
    multiplied={0},
    tags=_TAGS | {"conv"},
    extended=True,
)
class FunctionalConv3d(_Weights):
    """F.conv3d, F.relu, F.conv3d."""

    def __init__(self) -> None:
        super().__init__(2, 2, 2, channels=(4, 6, 5))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv3d(F.relu(F.conv3d(x, self.w1, self.b1)), self.w2, self.b2)


@catalogued(
    inputs=[images(2, 6, 8, 8)],
    folds={1: 0},
    multiplied={0},
    tags=_TAGS | {"conv", "grouped"},
    other_size=[images(2, 6, 5, 9)],
)
class FunctionalConv2dGrouped(nn.Module):
    """F.conv2d with three groups by position, F.relu, F.conv2d that is depthwise by keyword."""

    def __init__(self) -> None:
        super().__init__()
        self.w1 = nn.Parameter(torch.empty(6, 2, 3, 3))
        self.w2 = nn.Parameter(torch.empty(12, 1, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(F.conv2d(x, self.w1, None, 1, 0, 1, 3))
        return F.conv2d(x, self.w2, groups=6)


# A layer whose weight is computed has none to scale and no rows to fold into: it is in no set.
_COMPUTED = {"functional", "computed-weight"}


@catalogued(inputs=[vectors(4, 8)], multiplied={1}, tags=_COMPUTED)
class ComputedWeightMasked(nn.Module):
    """F.linear with weight * mask, F.relu, Linear."""

    mask: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(6, 8))
        self.register_buffer("mask", torch.ones(6, 8).tril())
        self.second = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(F.relu(F.linear(x, self.weight * self.mask)))


@catalogued(inputs=[vectors(4, 8)], multiplied={0}, tags=_COMPUTED)
class ComputedWeightTransposed(nn.Module):
    """Linear, F.relu, F.linear with the transpose of a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 6)
        self.weight = nn.Parameter(torch.empty(6, 5))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(F.relu(self.first(x)), self.weight.t())


@catalogued(
    inputs=[images(2, 4, 8, 8)],
    multiplied={1},
    tags=_COMPUTED | {"conv"},
    other_size=[images(2, 4, 9, 7)],
    extended=True,
)
class ComputedWeightNormalized(nn.Module):
    """F.conv2d with a standardized weight, F.relu, Conv2d."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(6, 4, 3, 3))
        self.second = nn.Conv2d(6, 5, 3)

    def forward(self, x: Tensor) -> Tensor:
        centred = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return self.second(F.relu(F.conv2d(x, F.normalize(centred, dim=1))))


@catalogued(inputs=[vectors(4, 8), vectors(4, 6)], tags=_COMPUTED, extended=True)
class ComputedWeightFromInput(nn.Module):
    """F.linear with a weight that is an input of the network."""

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.linear(x.t(), weight.t())


@catalogued(inputs=[vectors(4, 8)], multiplied={0}, tags=_COMPUTED, extended=True)
class ComputedBias(_Weights):
    """F.linear with a bias of twice a parameter, F.relu, F.linear."""

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(F.relu(F.linear(x, self.w1, self.b1 + self.b1)), self.w2, self.b2)


@catalogued(inputs=[vectors(4, 8)], multiplied={0, 1}, tags={"functional", "left-alone"})
class MatmulLeftAlone(nn.Module):
    """Linear, ReLU, a matrix product that is no layer, ReLU, Linear."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 6)
        self.matrix = nn.Parameter(torch.empty(6, 7))
        self.last = nn.Linear(7, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.matmul(F.relu(self.first(x)), self.matrix)
        return self.last(F.relu(x))
