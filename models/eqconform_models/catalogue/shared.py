"""Layers, weights and biases that are used at several places.

What is shared is observed over all its uses and scaled once. A producer takes a scale only where
its weight and bias serve nobody else.
"""

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform_models.network import catalogued
from eqconform_models.randomize import images, tokens, vectors

_TAGS = {"shared"}


@catalogued(inputs=[vectors(4, 8)], multiplied={0, 1}, tags=_TAGS)
class LayerTwiceInRow(nn.Module):
    """One Linear, applied to its own output."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.layer(x))


@catalogued(inputs=[vectors(4, 8)], multiplied={0, 1, 2}, tags=_TAGS)
class LayerTwiceThroughRelu(nn.Module):
    """One Linear, ReLU, the same Linear, ReLU, another Linear."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.head = nn.Linear(8, 5)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.layer(x))
        x = self.relu(self.layer(x))
        return self.head(x)


@catalogued(inputs=[vectors(4, 8), vectors(4, 8)], multiplied={0, 1}, tags=_TAGS)
class LayerOnTwoInputs(nn.Module):
    """One Linear, applied to each of two inputs whose channels differ in magnitude."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 6)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.layer(x) - torch.tanh(self.layer(y))


@catalogued(
    inputs=[images(2, 4, 8, 8)],
    multiplied={0, 1, 2, 3},
    tags=_TAGS | {"conv"},
    other_size=[images(2, 4, 10, 9)],
    extended=True,
)
class ConvSharedOverScales(nn.Module):
    """One convolution as the head of every level of a pyramid, as in a detector."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Conv2d(4, 6, 3)
        self.coarse = nn.Conv2d(4, 6, 3, stride=2)
        self.head = nn.Conv2d(6, 5, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        fine, coarse = torch.sigmoid(self.fine(x)), self.coarse(x).tanh()
        return self.head(fine), self.head(coarse)


@catalogued(
    inputs=[vectors(4, 8), vectors(4, 7)],
    folds={1: 0, 3: 2},
    multiplied={0, 2},
    tags=_TAGS,
    extended=True,
)
class TwoProducersOneHead(nn.Module):
    """Two inputs, each through a Linear of its own, then through one and the same head."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(8, 6)
        self.right = nn.Linear(7, 6)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        result: Tensor = self.head(F.relu(self.left(x)))
        return result - torch.tanh(self.head(F.relu(self.right(y))))


@catalogued(inputs=[vectors(4, 8), vectors(4, 6)], folds={1: 0}, multiplied={0, 2}, tags=_TAGS)
class ConsumerShared(nn.Module):
    """One Linear behind another and a ReLU, and on an input too: the producer serves one call."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(8, 6)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.head(F.relu(self.stem(x))) + self.head(y).tanh()


@catalogued(inputs=[vectors(4, 8)], folds={1: 0, 2: 0}, multiplied={0}, tags=_TAGS, extended=True)
class BranchIntoOneLayer(nn.Module):
    """A Linear whose output goes to one layer twice, once through a ReLU: one scale serves both."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(8, 6)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.head(x) + self.head(F.relu(x)).tanh()


# The producer serves this layer alone, but at two calls: whether to fold is left open.
@catalogued(inputs=[vectors(4, 8), vectors(4, 8)], multiplied={0, 1}, tags=_TAGS, extended=True)
class SiameseOneHead(nn.Module):
    """Two inputs through one encoder, each then through one and the same head."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(8, 6)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        left, right = self.encoder(x), self.encoder(y)
        return self.head(F.relu(left)) - self.head(F.relu(right)).tanh()


@catalogued(inputs=[vectors(4, 8), vectors(4, 8)], multiplied={0, 1, 2, 3}, tags=_TAGS)
class ProducerShared(nn.Module):
    """Two inputs through one encoder, each then through a head of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(8, 6)
        self.left = nn.Linear(6, 5)
        self.right = nn.Linear(6, 5)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        x, y = F.relu(self.encoder(x)), F.relu(self.encoder(y))
        return self.left(x) + self.right(y)


@catalogued(inputs=[vectors(4, 8)], multiplied={0, 2}, tags=_TAGS, extended=True)
class BlockTwice(nn.Module):
    """A block of Linear, ReLU, Linear, run twice, as in a recurrent network."""

    # The block's second layer is in neither set: its producer serves it alone, but at two calls.
    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 8))

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(2):
            x = self.block(x)
        return x


@catalogued(inputs=[vectors(4, 8)], multiplied={0, 1}, tags=_TAGS)
class TiedWeightInRow(nn.Module):
    """Two Linear layers in a row that hold one and the same weight parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.second = nn.Linear(8, 8)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.second(F.relu(self.first(x)))


@catalogued(
    inputs=[vectors(4, 8), vectors(4, 8)], multiplied={0, 1, 2, 3}, tags=_TAGS, extended=True
)
class TiedWeightOfProducers(nn.Module):
    """Two chains whose first layers share a weight parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 6)
        self.twin = nn.Linear(8, 6)
        self.twin.weight = self.first.weight
        self.left = nn.Linear(6, 5)
        self.right = nn.Linear(6, 5)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        left, right = F.relu(self.first(x)), F.relu(self.twin(y))
        return self.left(left) + self.right(right)


# A fold would have to reach both biases; whether it does is left open: only the function counts.
@catalogued(inputs=[vectors(4, 8), vectors(4, 8)], multiplied={0, 2}, tags=_TAGS)
class TiedProducersOneHead(nn.Module):
    """Two Linear layers that share a weight and not their biases, each before one and the same."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(8, 6)
        self.right = nn.Linear(8, 6)
        self.right.weight = self.left.weight
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.head(F.relu(self.left(x))) + self.head(F.relu(self.right(y)))


@catalogued(inputs=[vectors(4, 8), vectors(4, 8)], multiplied={0, 1}, tags=_TAGS, extended=True)
class LayerUnderTwoNames(nn.Module):
    """One Linear that is registered, and called, under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(8, 6)
        self.right = self.left

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.left(x) + self.right(y).tanh()


@catalogued(inputs=[vectors(4, 8), vectors(4, 8)], multiplied={0, 1}, tags=_TAGS | {"functional"})
class WeightOfModuleInFunction(nn.Module):
    """A Linear, and F.linear with the very weight of that Linear."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 6)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.layer(x) + F.linear(y, self.layer.weight).tanh()


@catalogued(inputs=[vectors(4, 8), vectors(4, 8)], multiplied={0, 1, 2}, tags=_TAGS)
class SharedBias(nn.Module):
    """The bias of a producer is also another layer's: its row scaling would reach that layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 6)
        self.other = nn.Linear(8, 6)
        self.other.bias = self.first.bias
        self.second = nn.Linear(6, 6)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.second(F.relu(self.first(x))) + self.other(y)


# A layer whose weight something else reads can not be scaled: it is in no set.
@catalogued(inputs=[tokens(3, 6, vocabulary=10)], multiplied={0}, tags=_TAGS)
class TiedEmbedding(nn.Module):
    """Embedding, Linear, and an output layer with the embedding's weight."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 8)
        self.body = nn.Linear(8, 8)
        self.head = nn.Linear(8, 10, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.body(self.embedding(x))))


@catalogued(inputs=[vectors(4, 8)], multiplied={1}, tags=_TAGS, extended=True)
class WeightAlsoRead(nn.Module):
    """Linear, ReLU, Linear, and the first weight's row sums are added to the hidden features."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 6)
        self.second = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.relu(self.first(x)) + self.first.weight.sum(1)
        return self.second(hidden)


@catalogued(inputs=[vectors(4, 8)], tags=_TAGS | {"functional"}, extended=True)
class TiedTransposed(nn.Module):
    """An autoencoder that decodes with the transposed weight of its encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(8, 6)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(F.relu(self.encoder(x)), self.encoder.weight.t())
