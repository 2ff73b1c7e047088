"""Where the channels lie: Linear at every rank, and layers whose channels are on another axis.

Linear takes its channels from the last axis at every rank, a convolution from axis 1, or from
axis 0 without a batch. A scale cannot go into rows that lie along another axis.
"""

import torch
from torch import Tensor, nn

from eqconform_models.catalogue.pairs import Conv2dPair, LinearPair, Pair
from eqconform_models.network import catalogued
from eqconform_models.randomize import images, vectors


class _ReluPair(LinearPair):
    def __init__(self) -> None:
        super().__init__(nn.ReLU())


@catalogued(
    inputs=[vectors(8)], folds={1: 0}, multiplied={0}, tags={"chain", "rank"}, batched=False
)
class LinearRank1(_ReluPair):
    """Linear, ReLU, Linear on a single vector (features,)."""


@catalogued(inputs=[vectors(8)], multiplied={0, 1}, tags={"rank"}, batched=False)
class LinearRank1Overwritten(nn.Module):
    """A vector (features,) that one Linear reads, overwritten by a ReLU for another."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 5)
        self.second = nn.Linear(8, 6)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.flip(x, [0])
        return self.first(x), self.second(torch.relu_(x))


@catalogued(
    inputs=[vectors(2, 5, 8)],
    folds={1: 0},
    multiplied={0},
    tags={"chain", "rank"},
    other_size=[vectors(2, 9, 8)],
)
class LinearRank3(_ReluPair):
    """Linear, ReLU, Linear on (batch, tokens, features)."""


@catalogued(
    inputs=[vectors(2, 3, 4, 8)],
    folds={1: 0},
    multiplied={0},
    tags={"chain", "rank"},
    other_size=[vectors(2, 5, 2, 8)],
    extended=True,
)
class LinearRank4(_ReluPair):
    """Linear, ReLU, Linear on (batch, height, width, features)."""


@catalogued(
    inputs=[vectors(2, 2, 3, 2, 8)],
    folds={1: 0},
    multiplied={0},
    tags={"chain", "rank"},
    other_size=[vectors(2, 3, 1, 4, 8)],
    extended=True,
)
class LinearRank5(_ReluPair):
    """Linear, ReLU, Linear on (batch, depth, height, width, features)."""


@catalogued(
    inputs=[vectors(2, 2, 1, 3, 2, 8)],
    folds={1: 0},
    multiplied={0},
    tags={"chain", "rank"},
    other_size=[vectors(2, 1, 3, 2, 4, 8)],
)
class LinearRank6(_ReluPair):
    """Linear, ReLU, Linear on (batch, time, depth, height, width, features)."""


@catalogued(
    inputs=[vectors(2, 5, 8)],
    folds={1: 0},
    multiplied={0},
    tags={"chain", "rank"},
    other_size=[vectors(3, 8)],
    extended=True,
)
class LinearRankVaries(_ReluPair):
    """Linear, ReLU, Linear, calibrated on (batch, tokens, features), judged without tokens too."""


_across = catalogued(
    inputs=[vectors(2, 5, 8)],
    multiplied={0, 1},
    tags={"hazard", "rank"},
    other_size=[vectors(2, 9, 8)],
)


@_across
class LinearMaxPoolOverFeatures(LinearPair):
    """Linear, max pooling along the feature axis, Linear: pooling mixes the channels."""

    def __init__(self) -> None:
        super().__init__(nn.MaxPool1d(3, stride=1, padding=1))


@_across
class LinearAvgPoolOverFeatures(LinearPair):
    """Linear, average pooling along the feature axis, Linear: pooling mixes the channels."""

    def __init__(self) -> None:
        super().__init__(nn.AvgPool1d(3, stride=1, padding=1))


@catalogued(inputs=[vectors(2, 3, 4, 8)], multiplied={0, 1}, tags={"hazard", "rank"}, extended=True)
class LinearMaxPool2dOverFeatures(LinearPair):
    """Linear on rank 4, max pooling of the last two axes, Linear: pooling mixes the channels."""

    def __init__(self) -> None:
        super().__init__(nn.MaxPool2d(3, stride=1, padding=1))


@catalogued(inputs=[vectors(4, 6, 8)], multiplied={0, 1}, tags={"hazard", "rank"})
class LinearThenConv1d(Pair):
    """Linear, ReLU, Conv1d: rows on the last axis, channels on axis 1, as many of each."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(8, 6), nn.Conv1d(6, 5, 3), nn.ReLU())


@catalogued(inputs=[images(4, 4, 8)], multiplied={0, 1}, tags={"hazard", "rank"})
class Conv1dThenLinear(Pair):
    """Conv1d, ReLU, Linear: rows on axis 1, channels on the last axis, as many of each."""

    def __init__(self) -> None:
        super().__init__(nn.Conv1d(4, 6, 3), nn.Linear(6, 5), nn.ReLU())


@catalogued(inputs=[vectors(2, 6, 8)], multiplied={0, 1}, tags={"hazard", "rank"})
class LinearTranspose(LinearPair):
    """Linear, transposition, Linear: what were channels are tokens."""

    def between(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)


@catalogued(inputs=[vectors(2, 3, 8)], multiplied={0, 1}, tags={"hazard", "rank"}, extended=True)
class LinearView(Pair):
    """Linear, ReLU, a view that puts features of two tokens together, Linear."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(8, 6), nn.Linear(9, 5), nn.ReLU())

    def between(self, x: Tensor) -> Tensor:
        return super().between(x).reshape(-1, 2, 9)


# A pass that follows the channels through the permutation may fold: only the function counts.
@catalogued(
    inputs=[images(2, 4, 6, 6)],
    multiplied={0},
    tags={"rank"},
    other_size=[images(2, 4, 8, 5)],
)
class Conv2dPermuteLinear(Pair):
    """Conv2d, channels moved last, Linear, as in ConvNeXt."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(4, 6, 3), nn.Linear(6, 5), None)

    def between(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1)


@catalogued(inputs=[images(4, 4, 6, 6)], multiplied={0, 1}, tags={"hazard", "rank"})
class Conv2dFlattenLinear(Pair):
    """Conv2d, ReLU, flatten, Linear: many columns of the Linear belong to one row."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(4, 6, 3), nn.Linear(96, 5), nn.Sequential(nn.ReLU(), nn.Flatten())
        )


# Whether flattening single pixels counts as a pass-through is left open: only the function counts.
@catalogued(
    inputs=[images(4, 4, 6, 6)],
    multiplied={0},
    tags={"rank"},
    other_size=[images(4, 4, 8, 5)],
)
class Conv2dGlobalPoolLinear(Pair):
    """Conv2d, ReLU, global average pooling, torch.flatten, Linear: the head of most classifiers."""

    def __init__(self) -> None:
        pool = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        super().__init__(nn.Conv2d(4, 6, 3), nn.Linear(6, 5), pool)

    def between(self, x: Tensor) -> Tensor:
        return torch.flatten(super().between(x), 1)


@catalogued(
    inputs=[images(2, 4, 9, 9)],
    multiplied={0},
    tags={"rank"},
    other_size=[images(2, 4, 7, 10)],
    extended=True,
)
class Conv2dMeanLinear(Pair):
    """Conv2d, ReLU, x.mean over the pixels, Linear."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(4, 6, 3), nn.Linear(6, 5), nn.ReLU())

    def between(self, x: Tensor) -> Tensor:
        return super().between(x).mean((2, 3))


# Whether a node that reads no more than the shape stands in the way is left open.
@catalogued(inputs=[images(2, 4, 9, 9)], multiplied={0}, tags={"rank"}, extended=True)
class Conv2dReadsShape(Conv2dPair):
    """Conv2d, ReLU, Conv2d, whose output is viewed by the hidden tensor's batch size."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.between(self.first(x))
        return self.second(hidden).reshape(hidden.shape[0], -1)
