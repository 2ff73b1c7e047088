"""Layers that compute something else than their type says, each in another place where that hides.

They may be left alone, refused by name, or equalized inside: only the function counts.
"""

from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from eqconform_models.catalogue.pairs import LinearPair, Pair
from eqconform_models.network import catalogued
from eqconform_models.randomize import images, vectors

_TAGS = {"layer-type"}
_overriding = catalogued(inputs=[vectors(4, 8)], tags=_TAGS, extended=True)


class _ShiftedInCall(nn.Linear):
    """What a Linear computes, plus 1."""

    def __call__(self, *args: Any) -> Tensor:
        result: Tensor = super().__call__(*args)
        return result + 1.0


class _ShiftedInConvForward(nn.Conv2d):
    """What a Conv2d computes of its input plus 1."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: A002  nn.Conv2d names it so
        return super()._conv_forward(input + 1.0, weight, bias)


def _shifted(layer: nn.Linear, x: Tensor) -> Tensor:
    return nn.functional.linear(x + 1.0, layer.weight, layer.bias)


@_overriding
class SubclassThatChangesCall(nn.Sequential):
    """A subclass of Linear whose __call__ adds 1 to its output, ReLU, another one."""

    def __init__(self) -> None:
        super().__init__(_ShiftedInCall(8, 6), nn.ReLU(), _ShiftedInCall(6, 5))


@catalogued(
    inputs=[images(2, 4, 8, 8)],
    tags=_TAGS | {"conv"},
    other_size=[images(2, 4, 6, 9)],
    extended=True,
)
class SubclassThatChangesConvForward(Pair):
    """A subclass of Conv2d whose _conv_forward adds 1 to its input, ReLU, another one."""

    def __init__(self) -> None:
        layers = _ShiftedInConvForward(4, 6, 3), _ShiftedInConvForward(6, 5, 3)
        super().__init__(*layers, nn.ReLU())


@_overriding
class LayerWithForwardOfItsOwn(LinearPair):
    """Linear, ReLU, and a Linear with a forward of its own, which adds 1 to its input."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU())
        self.second.forward = MethodType(_shifted, self.second)


@_overriding
class ActivationWithForwardOfItsOwn(LinearPair):
    """Linear, a ReLU with a forward of its own, which is a sigmoid, Linear."""

    def __init__(self) -> None:
        activation = nn.ReLU()
        activation.forward = torch.sigmoid  # type: ignore[method-assign]  # the point
        super().__init__(activation)


class _PlusOne(nn.Module):
    """A parametrization."""

    def forward(self, original: Tensor) -> Tensor:
        return original + 1.0


@catalogued(inputs=[vectors(4, 8)], tags=_TAGS | {"parametrized"}, extended=True)
class ParametrizedBias(LinearPair):
    """Linear whose bias is computed, a parameter plus 1, ReLU, Linear."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU())
        parametrize.register_parametrization(self.first, "bias", _PlusOne())
