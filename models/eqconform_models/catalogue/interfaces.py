"""What goes in and comes out: several inputs, defaults, and outputs of every shape."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform_models.catalogue.pairs import LinearPair
from eqconform_models.network import catalogued
from eqconform_models.randomize import images, tokens, vectors

_INPUTS = {"inputs"}
_OUTPUTS = {"outputs"}

_FACTORS = torch.arange(1.0, 6.0)
_OPTIONS = {"factor": 0.5}

_default = catalogued(
    inputs=[vectors(4, 8)],
    folds={1: 0},
    multiplied={0},
    tags=_INPUTS,
    extended=True,
    traceable=False,
)


@catalogued(inputs=[vectors(4, 8), vectors(4, 3)], folds={2: 0}, multiplied={0, 1}, tags=_INPUTS)
class SeveralInputs(nn.Module):
    """Two inputs, a layer for each, and a chain behind the first."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(8, 6)
        self.right = nn.Linear(3, 5)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        left, right = self.left(x), self.right(y)
        return self.head(F.relu(left)) + right


@catalogued(
    inputs=[vectors(4, 8), images(4, 3, 6, 6), tokens(4, 1, vocabulary=5)],
    multiplied={0, 1, 2},
    tags=_INPUTS,
    extended=True,
)
class InputsOfSeveralKinds(nn.Module):
    """A vector, an image and a token, each through layers of its own, summed."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 6)
        self.conv = nn.Conv2d(3, 6, 3)
        self.embedding = nn.Embedding(5, 6)
        self.head = nn.Linear(6, 5)

    def forward(self, vector: Tensor, image: Tensor, token: Tensor) -> Tensor:
        parts = self.linear(vector), self.conv(image).amax((2, 3)), self.embedding(token)[:, 0]
        return self.head(parts[0] + parts[1] + parts[2])


@catalogued(inputs=[vectors(4, 8)], folds={1: 0}, multiplied={0}, tags=_INPUTS)
class DefaultNumberLeftOut(LinearPair):
    """Linear, ReLU, Linear, times an argument that is left out and is 0.5 then."""

    def forward(self, x: Tensor, factor: float = 0.5) -> Tensor:
        return self.second(F.relu(self.first(x))) * factor


@catalogued(inputs=[vectors(4, 8)], folds={1: 0}, multiplied={0}, tags=_INPUTS, traceable=False)
class DefaultNoneLeftOut(LinearPair):
    """Linear, ReLU, Linear, and a mask that is left out: `if mask is not None`."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        result = self.second(F.relu(self.first(x)))
        return result if mask is None else result * mask


@catalogued(
    inputs=[vectors(4, 8), vectors(4, 5)],
    folds={1: 0},
    multiplied={0},
    tags=_INPUTS,
    extended=True,
)
class DefaultNoneGiven(LinearPair):
    """Linear, ReLU, Linear, and a mask with the default None that every batch gives."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        result = self.second(F.relu(self.first(x)))
        return result if mask is None else result * mask


@_default
class DefaultTensorLeftOut(LinearPair):
    """Linear, ReLU, Linear, times a tensor that is the default of an argument."""

    def forward(self, x: Tensor, factors: Tensor = _FACTORS) -> Tensor:
        return self.second(F.relu(self.first(x))) * factors.to(x)


@_default
class DefaultTupleLeftOut(LinearPair):
    """Linear, ReLU, Linear, times each number of a tuple that is the default of an argument."""

    def forward(self, x: Tensor, factors: tuple[float, ...] = (0.5, 3.0)) -> Tensor:
        y = self.second(F.relu(self.first(x)))
        for factor in factors:
            y = y * factor
        return y


@_default
class DefaultDictionaryLeftOut(LinearPair):
    """Linear, ReLU, Linear, times a number of a dictionary that is the default of an argument."""

    def forward(self, x: Tensor, options: Mapping[str, float] = _OPTIONS) -> Tensor:
        return self.second(F.relu(self.first(x))) * options["factor"]


@catalogued(inputs=[vectors(4, 8)], folds={1: 0}, multiplied={0}, tags=_INPUTS, extended=True)
class ArgumentsCalledWeightAndBias(LinearPair):
    """Linear, ReLU, Linear on an argument `weight`, and another one, `bias`, that is left out."""

    def forward(self, weight: Tensor, bias: float = 1.0) -> Tensor:
        return self.second(F.relu(self.first(weight))) + bias


class _Heads(nn.Module):
    """A chain of two and a second head: three layer calls."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(8, 6)
        self.first = nn.Linear(6, 5)
        self.second = nn.Linear(8, 4)

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.first(F.relu(self.stem(x))), self.second(x)


_heads = catalogued(inputs=[vectors(4, 8)], folds={1: 0}, multiplied={0, 2}, tags=_OUTPUTS)
_rarer = catalogued(
    inputs=[vectors(4, 8)], folds={1: 0}, multiplied={0, 2}, tags=_OUTPUTS, extended=True
)


@_heads
class OutputTuple(_Heads):
    """Two outputs in a tuple."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.both(x)


@_heads
class OutputList(_Heads):
    """Two outputs in a list."""

    def forward(self, x: Tensor) -> list[Tensor]:
        first, second = self.both(x)
        return [first, second]


@_heads
class OutputDictionary(_Heads):
    """Two outputs in a dictionary."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        first, second = self.both(x)
        return {"out": first, "aux": second}


@_rarer
class OutputNested(_Heads):
    """Outputs in a dictionary of tuples and lists, one of them twice, and a number."""

    def forward(self, x: Tensor) -> dict[str, Any]:
        first, second = self.both(x)
        return {"logits": (first, [second]), "again": first, "count": 2}


@_heads
class OutputPlainValues(_Heads):
    """Two outputs, and None, numbers, a flag and a text beside and between them."""

    def forward(self, x: Tensor) -> tuple[Any, ...]:
        first, second = self.both(x)
        values = {"rate": 0.5, "count": 2, "trained": True, "name": "heads", "mask": None}
        return None, first, values, 3, second


class _Pair(NamedTuple):
    logits: Tensor
    auxiliary: Tensor


@_heads
class OutputNamedTuple(_Heads):
    """Two outputs in a named tuple."""

    def forward(self, x: Tensor) -> _Pair:
        return _Pair(*self.both(x))


@dataclass
class _Result:
    logits: Tensor
    auxiliary: Tensor


@_rarer
class OutputDataclass(_Heads):
    """Two outputs in a dataclass."""

    def forward(self, x: Tensor) -> _Result:
        first, second = self.both(x)
        return _Result(first, second)


@dataclass
class _Answer(OrderedDict[str, Tensor]):
    logits: Tensor
    auxiliary: Tensor

    def __post_init__(self) -> None:
        self.update(logits=self.logits, auxiliary=self.auxiliary)


@_heads
class OutputDictionaryWithFields(_Heads):
    """Two outputs in a dictionary that is a dataclass too, as language models return them."""

    def forward(self, x: Tensor) -> _Answer:
        return _Answer(*self.both(x))


@_rarer
class OutputWithInput(_Heads):
    """Two outputs and the untouched input between them."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        first, second = self.both(x)
        return first, x, second


@catalogued(
    inputs=[images(2, 4, 8, 8)],
    multiplied={0, 1},
    tags=_OUTPUTS | {"conv"},
    other_size=[images(2, 4, 6, 9)],
    extended=True,
)
class OutputIndices(nn.Module):
    """Conv2d, max pooling that returns its indices beside the values, Conv2d."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(4, 6, 3)
        self.pool = nn.MaxPool2d(2, return_indices=True)
        self.second = nn.Conv2d(6, 5, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        values, indices = self.pool(torch.tanh(self.first(x)))
        return self.second(values), indices
