"""Hooks that change values: on layers, on what stands between them, on blocks and on the whole.

What a hook adds is not scaled with what it is added to, so nothing says where a scale belongs
beside one: these networks are judged by their function.
"""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform_models.catalogue.pairs import LinearPair, Pair
from eqconform_models.network import catalogued
from eqconform_models.randomize import vectors

_SHAPE = vectors(4, 8)
_hooked = catalogued(inputs=[_SHAPE], tags={"hooks"}, extended=True)


def _output_plus_one(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
    return output + 1.0


def _input_plus_one(_module: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
    return inputs[0] + 1.0


def _any_input_plus_one(
    _module: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Tensor, ...], dict[str, Any]]:
    return tuple(each + 1.0 for each in args), kwargs


def _behind(module: nn.Module) -> nn.Module:
    """The module itself, whose output is one more from now on."""
    module.register_forward_hook(_output_plus_one)
    return module


def _before(module: nn.Module) -> nn.Module:
    """The module itself, which sees one more than it is given from now on."""
    module.register_forward_pre_hook(_input_plus_one)
    return module


class _Functional(nn.Module):
    """A functional layer with a weight of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(6, 8))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight)


@_hooked
class LayerWithHook(LinearPair):
    """Linear with a forward hook that adds 1 to its output, ReLU, Linear."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU())
        _behind(self.first)


@_hooked
class LayerWithPreHook(LinearPair):
    """Linear, ReLU, Linear with a forward pre-hook that adds 1 to its input."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU())
        _before(self.second)


@_hooked
class LayerWithKeywordPreHook(LinearPair):
    """Linear, ReLU, Linear with a forward pre-hook that sees keywords and adds 1 to the input."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU())
        self.second.register_forward_pre_hook(_any_input_plus_one, with_kwargs=True)


@_hooked
class ActivationWithHook(LinearPair):
    """Linear, ReLU with a forward hook that adds 1 to its output, Linear."""

    def __init__(self) -> None:
        super().__init__(_behind(nn.ReLU()))


@_hooked
class ActivationWithPreHook(LinearPair):
    """Linear, ReLU with a forward pre-hook that adds 1 to its input, Linear."""

    def __init__(self) -> None:
        super().__init__(_before(nn.ReLU()))


@_hooked
class NormWithHook(LinearPair):
    """Linear, LayerNorm with a forward hook that adds 1 to its output, Linear."""

    def __init__(self) -> None:
        super().__init__(_behind(nn.LayerNorm(6)))


@_hooked
class BlockWithHook(Pair):
    """A block of Linear and ReLU with a forward hook that adds 1 to its output, Linear."""

    def __init__(self) -> None:
        block = nn.Sequential(nn.Linear(8, 6), nn.ReLU())
        super().__init__(_behind(block), nn.Linear(6, 5), None)


@_hooked
class BlockWithPreHook(Pair):
    """Linear, a block of ReLU and Linear with a forward pre-hook that adds 1 to its input."""

    def __init__(self) -> None:
        block = nn.Sequential(nn.ReLU(), nn.Linear(6, 5))
        super().__init__(nn.Linear(8, 6), _before(block), None)


@_hooked
class FunctionalLayerWithHook(Pair):
    """F.linear in a module with a forward hook that adds 1 to its output, ReLU, Linear."""

    def __init__(self) -> None:
        super().__init__(_behind(_Functional()), nn.Linear(6, 5), nn.ReLU())


# torch.fx traces a forward, without what hangs on the module that it is the forward of.
@catalogued(inputs=[_SHAPE], tags={"hooks"}, extended=True, traceable=False)
class ModelWithHooks(LinearPair):
    """Linear, ReLU, Linear with a hook and a pre-hook of the whole, each of which adds 1."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU())
        _before(_behind(self))
