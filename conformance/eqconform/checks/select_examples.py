"""Claim "select": networks of whole numbers, and their noisy copies.

The noise is a multiple of a power of two beside the weights, so that in the network's dtype every
output is exact, in whatever order it is summed: what a ratio should be is known to the few
roundings of its own computation.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform.contract import Batch


@dataclass(frozen=True)
class Example:
    """A network of whole numbers, and which of its weights the noise is in.

    Attributes:
        build: makes it; the parameters are overwritten.
        shapes: of the inputs.
        calls: the layer that each call belongs to, in the order of execution.
        noisy: layers whose weight is changed; None: all of them.
        step: the noise is a multiple of it, at most two; a power of two.
        dtype: of the network and its inputs.
    """

    build: Callable[[], nn.Module]
    shapes: tuple[tuple[int, ...], ...]
    calls: tuple[str, ...]
    noisy: tuple[str, ...] | None = None
    step: float = 1 / 16
    dtype: torch.dtype = torch.float32

    def models(self) -> tuple[nn.Module, nn.Module]:
        """The network, and its copy with noise in the weights."""
        exact = self.build().eval().to(self.dtype)
        generator = torch.Generator().manual_seed(0)
        for parameter in exact.parameters():
            parameter.data = self._whole(parameter.shape, 3, generator)
        noisy = copy.deepcopy(exact)
        for name, parameter in noisy.named_parameters():
            if self.noisy is None or name.removesuffix(".weight") in self.noisy:
                parameter.data += self.step * self._whole(parameter.shape, 2, generator)
        return exact, noisy

    def batch(self) -> Batch:
        """Whole numbers from -4 to 4."""
        generator = torch.Generator().manual_seed(1)
        inputs = tuple(self._whole(shape, 4, generator) for shape in self.shapes)
        return inputs[0] if len(inputs) == 1 else inputs

    def _whole(self, shape: tuple[int, ...], most: int, generator: torch.Generator) -> Tensor:
        """Whole numbers from -most to most."""
        return torch.randint(-most, most + 1, shape, generator=generator).to(self.dtype)


class _Stack(nn.Module):
    """Layers one after the other, `abs` between them: no activation that is ever fused."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.block = nn.Sequential(*layers[:-1])
        self.last = layers[-1]

    def forward(self, x: Tensor) -> Tensor:
        """Through all of them."""
        for layer in self.block:
            x = torch.abs(layer(x))
        result: Tensor = self.last(x)
        return result


class _Twice(nn.Module):
    """A layer that is called twice, and one that is called once."""

    def __init__(self) -> None:
        super().__init__()
        self.again = nn.Linear(4, 4)
        self.once = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, 4) to (N, 3)."""
        result: Tensor = self.once(torch.abs(self.again(torch.abs(self.again(x)))))
        return result


class _UnderTwoNames(_Twice):
    """The layer that is called twice has two names."""

    def __init__(self) -> None:
        super().__init__()
        self.alias = self.again

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, 4) to (N, 3)."""
        result: Tensor = self.once(torch.abs(self.alias(torch.abs(self.again(x)))))
        return result


class _Branches(nn.Module):
    """Two layers on one tensor and one on their sum, written down in another order than they run.

    What the first of them gives is added to what the last one gives.
    """

    def __init__(self) -> None:
        super().__init__()
        self.joint = nn.Linear(5, 5)
        self.right = nn.Linear(4, 5)
        self.left = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, 4) to (N, 5)."""
        left, right = torch.abs(self.left(x)), torch.abs(self.right(x))
        result: Tensor = self.joint(left + right) + left
        return result


class _OneWeight(nn.Module):
    """Two layers of one weight, each with a bias of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(4, 4)
        self.right = nn.Linear(4, 4)
        self.right.weight = self.left.weight

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, 4) to (N, 4)."""
        result: Tensor = self.right(torch.abs(self.left(x)))
        return result


class _Weights(nn.Module):
    """Holds what a functional layer computes with."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.empty(shape[0]))


class _Functional(nn.Module):
    """Functional layers beside a module: weights of the network itself and of a part of it."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(5, 4))
        self.part = _Weights(5, 5)
        self.last = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, 4) to (N, 3)."""
        x = torch.abs(F.linear(x, self.kernel))
        x = torch.abs(F.linear(x, weight=self.part.weight, bias=self.part.bias))
        result: Tensor = self.last(x)
        return result


class _FunctionalConvolutions(nn.Module):
    """Convolutions and a Linear, all of them functions; the first one strides."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(3, 2, 2, 2))
        self.part = _Weights(2, 3, 2)
        self.table = nn.Parameter(torch.empty(3, 2 * 5))

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, 2, 4, 6) to (N, 3)."""
        x = torch.abs(F.conv2d(x, self.kernel, stride=2)).flatten(2)  # (N, 3, 6)
        x = torch.abs(F.conv1d(input=x, weight=self.part.weight, bias=self.part.bias)).flatten(1)
        return F.linear(x, self.table)


class _TwoInputs(nn.Module):
    """A layer for each input, and one for their difference."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(4, 5)
        self.right = nn.Linear(3, 5)
        self.joint = nn.Linear(5, 2)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Shapes (N, 4) and (N, 3) to (N, 2)."""
        result: Tensor = self.joint(torch.abs(self.left(left) - self.right(right)))
        return result


def _linear_stack() -> nn.Module:
    return _Stack(nn.Linear(4, 5), nn.Linear(5, 4), nn.Linear(4, 3))


def _clamped() -> nn.Module:
    """What the second layer sees is small, so that 8 bits hold what it gives."""
    return nn.Sequential(nn.Linear(4, 5), nn.Hardtanh(-1, 1), nn.Linear(5, 3))


def _convolutions() -> nn.Module:
    return _Stack(nn.Conv2d(2, 3, 2), nn.Conv2d(3, 2, 2))


def _activated() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))


# Kernels of 2: one of 3 may be computed by Winograd's method, with fractions that are not exact.
RATIOS = {
    "linear": Example(_linear_stack, ((6, 4),), ("block.0", "block.1", "last")),
    "linear-of-rank-3": Example(_linear_stack, ((2, 3, 4),), ("block.0", "block.1", "last")),
    "conv1d": Example(
        lambda: _Stack(nn.Conv1d(2, 3, 2), nn.Conv1d(3, 2, 2)), ((3, 2, 5),), ("block.0", "last")
    ),
    "conv2d-grouped": Example(
        lambda: _Stack(nn.Conv2d(4, 4, 2, groups=2), nn.Conv2d(4, 3, 1)),
        ((3, 4, 3, 4),),
        ("block.0", "last"),
    ),
    "conv2d-strided": Example(
        lambda: _Stack(nn.Conv2d(2, 3, 2, stride=2), nn.Conv2d(3, 2, 2, padding=1, dilation=2)),
        ((3, 2, 6, 4),),
        ("block.0", "last"),
    ),
    "conv2d-unbatched": Example(_convolutions, ((2, 3, 4),), ("block.0", "last")),
    "linear-unbatched": Example(_linear_stack, ((4,),), ("block.0", "block.1", "last")),
    "branches": Example(_Branches, ((6, 4),), ("left", "right", "joint")),
    "before-the-activation": Example(_activated, ((6, 4),), ("0", "2")),
    "noise-above-signal": Example(
        _linear_stack, ((6, 4),), ("block.0", "block.1", "last"), step=8.0
    ),
    "noise-inherited": Example(
        _linear_stack, ((6, 4),), ("block.0", "block.1", "last"), noisy=("block.0",)
    ),
    "without-noise": Example(
        _linear_stack, ((6, 4),), ("block.0", "block.1", "last"), noisy=("last",)
    ),
    "called-twice": Example(_Twice, ((6, 4),), ("again", "again", "once")),
    "many-samples": Example(_linear_stack, ((300, 4),), ("block.0", "block.1", "last")),
    # float32 would round this noise away.
    "float64": Example(
        _linear_stack,
        ((6, 4),),
        ("block.0", "block.1", "last"),
        noisy=("last",),
        step=2.0**-30,
        dtype=torch.float64,
    ),
    "bfloat16": Example(
        _clamped, ((6, 4),), ("0", "2"), noisy=("2",), step=1 / 4, dtype=torch.bfloat16
    ),
}
"""Judged by the formula."""

KEYS = {
    **{
        name: RATIOS[name]
        for name in ("linear", "before-the-activation", "called-twice", "branches")
    },
    "convolution-and-linear": Example(
        lambda: nn.Sequential(nn.Conv2d(2, 3, 2), nn.Flatten(), nn.Linear(3 * 2 * 2, 2)),
        ((2, 2, 3, 3),),
        ("0", "2"),
    ),
    "under-two-names": Example(_UnderTwoNames, ((6, 4),), ("again", "again", "once")),
    "sharing-a-weight": Example(_OneWeight, ((6, 4),), ("left", "right")),
}
"""Judged by their keys; of two names the first counts, as in `named_modules`."""

FUNCTIONAL = {
    "beside-a-module": Example(_Functional, ((6, 4),), ("kernel", "part", "last")),
    "convolutions": Example(_FunctionalConvolutions, ((3, 2, 4, 6),), ("kernel", "part", "table")),
}
"""Functional layers."""

SEVERAL = {"two": Example(_TwoInputs, ((6, 4), (6, 3)), ("left", "right", "joint"))}
"""Several inputs."""
