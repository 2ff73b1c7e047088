"""Layers of other types: subclasses, fused ones, parametrized ones, and what is no layer."""

import warnings
from importlib.util import find_spec

import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

from eqconform_models.catalogue.pairs import LinearPair, Pair
from eqconform_models.network import catalogued
from eqconform_models.randomize import images, tokens, vectors


class _PlainLinear(nn.Linear):
    """A Linear by another name."""


class _PlainConv2d(nn.Conv2d):
    """A Conv2d by another name."""


class _DoubledLinear(nn.Linear):
    """Twice what a Linear computes."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  nn.Linear names it so
        return super().forward(input) * 2.0


class _ShiftedLinear(nn.Linear):
    """What a Linear computes of its input plus 1."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  nn.Linear names it so
        return super().forward(input + 1.0)


_chain = catalogued(
    inputs=[vectors(4, 8)], folds={1: 0}, multiplied={0}, tags={"chain", "layer-type"}
)


@_chain
class SubclassOfLinear(nn.Sequential):
    """Two subclasses of Linear that keep its forward, with a ReLU between."""

    def __init__(self) -> None:
        super().__init__(_PlainLinear(8, 6), nn.ReLU(), _PlainLinear(6, 5))


@catalogued(
    inputs=[images(2, 4, 8, 8)],
    folds={1: 0},
    multiplied={0},
    tags={"chain", "layer-type", "conv"},
    other_size=[images(2, 4, 6, 9)],
    extended=True,
)
class SubclassOfConv2d(nn.Sequential):
    """Two subclasses of Conv2d that keep its forward, with a ReLU between."""

    def __init__(self) -> None:
        super().__init__(_PlainConv2d(4, 6, 3), nn.ReLU(), _PlainConv2d(6, 5, 3))


# The subclass may be left alone, or equalized inside: only the function counts.
@catalogued(inputs=[vectors(4, 8)], tags={"layer-type"})
class SubclassThatChangesForward(nn.Sequential):
    """A subclass of Linear that doubles its output, ReLU, another one."""

    def __init__(self) -> None:
        super().__init__(_DoubledLinear(8, 6), nn.ReLU(), _DoubledLinear(6, 5))


@catalogued(inputs=[vectors(4, 8)], tags={"layer-type"}, extended=True)
class SubclassThatShiftsItsInput(nn.Sequential):
    """A subclass of Linear that adds 1 to its input, ReLU, another one: no scale passes a sum."""

    def __init__(self) -> None:
        super().__init__(_ShiftedLinear(8, 6), nn.ReLU(), _ShiftedLinear(6, 5))


@_chain
class LayerInputByKeyword(LinearPair):
    """Linear, ReLU, Linear, each called with input=..."""

    def forward(self, x: Tensor) -> Tensor:
        return self.second(input=F.relu(self.first(input=x)))


if find_spec("torch.ao.nn.intrinsic"):

    @catalogued(
        inputs=[vectors(4, 8)],
        folds={1: 0},
        multiplied={0},
        tags={"chain", "layer-type", "fused"},
        extended=True,
    )
    class FusedLinearRelu(nn.Sequential):
        """Fused LinearReLU, fused LinearReLU: two layers and two ReLUs in two modules."""

        def __init__(self) -> None:
            fused = _intrinsic("LinearReLU")
            super().__init__(fused(nn.Linear(8, 6), nn.ReLU()), fused(nn.Linear(6, 5), nn.ReLU()))

    @catalogued(
        inputs=[images(2, 4, 8, 8)],
        folds={1: 0},
        multiplied={0},
        tags={"chain", "layer-type", "fused", "conv"},
        other_size=[images(2, 4, 6, 9)],
        extended=True,
    )
    class FusedConv2dRelu(nn.Sequential):
        """Fused ConvReLU2d, max pooling, Conv2d."""

        def __init__(self) -> None:
            fused = _intrinsic("ConvReLU2d")(nn.Conv2d(4, 6, 3), nn.ReLU())
            super().__init__(fused, nn.MaxPool2d(2), nn.Conv2d(6, 5, 2))


def _intrinsic(name: str) -> type[nn.Module]:
    """A fused module of PyTorch's, which newer releases may lack."""
    import torch.ao.nn.intrinsic as fused  # noqa: PLC0415  only where a network is built

    found: type[nn.Module] = getattr(fused, name)
    return found


# Parametrized layers may be worked on or refused by name: only the function counts.
_parametrized = catalogued(
    inputs=[vectors(4, 8)], tags={"layer-type", "parametrized"}, extended=True
)


if hasattr(nn.utils, "weight_norm"):  # deprecated

    @_parametrized
    class WeightNormHook(LinearPair):
        """Linear under the old weight_norm, which computes the weight in a hook, ReLU, Linear."""

        def __init__(self) -> None:
            super().__init__(nn.ReLU())
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)
                nn.utils.weight_norm(self.first)


@_parametrized
class WeightNormParametrization(LinearPair):
    """Linear, ReLU, Linear with the parametrization weight_norm."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU())
        parametrizations.weight_norm(self.second)


@_parametrized
class Pruned(LinearPair):
    """Linear with a pruning mask, ReLU, Linear with another."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU())
        prune.l1_unstructured(self.first, "weight", amount=0.3)  # type: ignore[no-untyped-call]
        prune.ln_structured(self.second, "weight", 2, 2, 1)  # type: ignore[no-untyped-call]


_LEFT_ALONE = {"left-alone"}


@catalogued(
    inputs=[images(2, 4, 8, 8)],
    multiplied={0, 1},
    tags=_LEFT_ALONE | {"conv"},
    other_size=[images(2, 4, 6, 9)],
    extended=True,
)
class TransposedConvolutionLeftAlone(Pair):
    """Conv2d, ReLU, ConvTranspose2d, ReLU, Conv2d: a transposed convolution is no such layer."""

    def __init__(self) -> None:
        between = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(6, 7, 2, stride=2), nn.ReLU())
        super().__init__(nn.Conv2d(4, 6, 3), nn.Conv2d(7, 5, 3), between)


@catalogued(inputs=[tokens(3, 6, vocabulary=10)], folds={1: 0}, multiplied={0}, tags=_LEFT_ALONE)
class EmbeddingLeftAlone(nn.Module):
    """Embedding, Linear, ReLU, Linear: the input is no floating tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 8)
        self.layers = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 5))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(self.embedding(x))


@catalogued(
    inputs=[vectors(2, 5, 8)],
    multiplied={0, 1},
    tags=_LEFT_ALONE,
    other_size=[vectors(2, 3, 8)],
    extended=True,
)
class RecurrentLeftAlone(nn.Module):
    """Linear, LSTM, Linear on (batch, tokens, features)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(8, 6)
        self.recurrent = nn.LSTM(6, 6, batch_first=True)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        hidden, _ = self.recurrent(self.stem(x))
        return self.head(hidden)
