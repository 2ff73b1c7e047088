"""Normalizations before and between layers, and attention blocks.

BatchNorm in eval, LayerNorm and GroupNorm end in a map per channel, whose weight and bias can
take a scale as the rows of a layer can; without weights they can not.
"""

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform_models.network import catalogued
from eqconform_models.randomize import images, vectors

_TAGS = {"norm"}
_images = catalogued(
    inputs=[images(2, 4, 8, 8)],
    multiplied={0},
    norm_folds={1},
    tags=_TAGS | {"conv"},
    other_size=[images(2, 4, 6, 9)],
)


@_images
class NormConvBatchNormConv(nn.Sequential):
    """Conv2d, BatchNorm2d, ReLU, Conv2d."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(4, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 5, 3)
        )


@_images
class NormConvGroupNormConv(nn.Sequential):
    """Conv2d, GroupNorm, ReLU, Conv2d."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(4, 6, 3), nn.GroupNorm(2, 6), nn.ReLU(), nn.Conv2d(6, 5, 3))


@catalogued(
    inputs=[images(2, 4, 8, 8)],
    norm_folds={0, 1},
    tags=_TAGS | {"conv"},
    other_size=[images(2, 4, 6, 9)],
)
class NormBeforeActivation(nn.Sequential):
    """BatchNorm2d, ReLU, Conv2d, twice: pre-activation, the very first node is a norm."""

    def __init__(self) -> None:
        super().__init__(
            *(nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 6, 3)),
            *(nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 5, 3)),
        )


@catalogued(inputs=[vectors(4, 8)], multiplied={0}, norm_folds={1}, tags=_TAGS)
class NormLinearBatchNormLinear(nn.Sequential):
    """Linear, BatchNorm1d, ReLU, Linear."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(8, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 5))


@catalogued(
    inputs=[vectors(2, 5, 8)],
    multiplied={0},
    norm_folds={1},
    tags=_TAGS | {"rank"},
    other_size=[vectors(2, 7, 8)],
)
class NormLinearLayerNormLinear(nn.Sequential):
    """Linear, LayerNorm, Linear on (batch, tokens, features)."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(8, 6), nn.LayerNorm(6), nn.Linear(6, 5))


@catalogued(inputs=[vectors(4, 6, 8)], multiplied={0, 1}, tags=_TAGS | {"hazard", "rank"})
class NormOnAnotherAxis(nn.Sequential):
    """Linear, BatchNorm1d over the tokens, ReLU, Linear: as many tokens as features."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(8, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 5))


@catalogued(inputs=[vectors(4, 8)], multiplied={0, 1}, tags=_TAGS | {"hazard"})
class NormWithoutWeights(nn.Sequential):
    """Linear, LayerNorm without weights, Linear: nothing there can take a scale."""

    def __init__(self) -> None:
        super().__init__(
            nn.Linear(8, 6), nn.LayerNorm(6, elementwise_affine=False), nn.Linear(6, 5)
        )


@catalogued(inputs=[vectors(4, 8)], multiplied={0, 1, 2}, tags=_TAGS | {"hazard", "branch"})
class NormForTwoLayers(nn.Module):
    """Linear, LayerNorm, two Linear layers side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(8, 6)
        self.norm = nn.LayerNorm(6)
        self.left = nn.Linear(6, 5)
        self.right = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.stem(x))
        return self.left(x) - self.right(x).tanh()


# A weight for every token and feature could take the scale too: only the function counts.
@catalogued(inputs=[vectors(4, 5, 8)], multiplied={0}, tags=_TAGS, extended=True)
class NormOverTwoAxes(nn.Sequential):
    """Linear, LayerNorm over tokens and features, Linear."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(8, 6), nn.LayerNorm((5, 6)), nn.Linear(6, 5))


@catalogued(inputs=[images(2, 4, 8, 8)], multiplied={0}, tags=_TAGS | {"conv"}, extended=True)
class NormInstance(nn.Sequential):
    """Conv2d, InstanceNorm2d with weights, ReLU, Conv2d."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(4, 6, 3), nn.InstanceNorm2d(6, affine=True), nn.ReLU(), nn.Conv2d(6, 5, 3)
        )


@catalogued(
    inputs=[images(2, 4, 5, 5, 5)],
    multiplied={0},
    norm_folds={1},
    tags=_TAGS | {"conv"},
    extended=True,
)
class NormConvBatchNorm3d(nn.Sequential):
    """Conv3d, BatchNorm3d, ReLU, Conv3d."""

    def __init__(self) -> None:
        super().__init__(nn.Conv3d(4, 6, 2), nn.BatchNorm3d(6), nn.ReLU(), nn.Conv3d(6, 5, 2))


@catalogued(inputs=[vectors(4, 8)], multiplied={0, 2}, norm_folds={1}, tags=_TAGS | {"transformer"})
class TransformerMlp(nn.Module):
    """Linear, then LayerNorm, Linear, GELU, Linear beside a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(8, 6)
        self.norm = nn.LayerNorm(6)
        self.up = nn.Linear(6, 12)
        self.down = nn.Linear(12, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return x + self.down(F.gelu(self.up(self.norm(x))))


@catalogued(
    inputs=[vectors(2, 5, 8)],
    multiplied={0, 1, 2, 3},
    tags=_TAGS | {"transformer"},
    other_size=[vectors(2, 3, 8)],
)
class Attention(nn.Module):
    """LayerNorm, three projections, attention written out, an output projection, a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.query = nn.Linear(8, 8)
        self.key = nn.Linear(8, 8)
        self.value = nn.Linear(8, 8)
        self.output = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm(x)
        query, key, value = self.query(normed), self.key(normed), self.value(normed)
        attention = torch.softmax(query @ key.transpose(-2, -1) / 8**0.5, dim=-1)
        return x + self.output(attention @ value)


# What nn.MultiheadAttention projects with is its own affair; the Linear behind it is a layer.
@catalogued(
    inputs=[vectors(2, 5, 8)],
    multiplied={0, 1},
    tags=_TAGS | {"transformer", "left-alone"},
    other_size=[vectors(2, 3, 8)],
    extended=True,
)
class AttentionModule(nn.Module):
    """Linear, nn.MultiheadAttention, Linear."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(8, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.head(self.attention(x, x, x, need_weights=False)[0])
