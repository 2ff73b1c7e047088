"""Grouped and depthwise convolutions: one scale per input channel, columns group by group."""

import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform_models.network import catalogued
from eqconform_models.randomize import images

_TAGS = {"chain", "grouped", "conv"}
_chain = catalogued(
    inputs=[images(2, 6, 8, 8)],
    folds={1: 0},
    multiplied={0},
    tags=_TAGS,
    other_size=[images(2, 6, 6, 11)],
)


@catalogued(
    inputs=[images(3, 6, 12)],
    folds={1: 0},
    multiplied={0},
    tags=_TAGS,
    other_size=[images(2, 6, 9)],
    extended=True,
)
class GroupedConv1d(nn.Sequential):
    """Conv1d in three groups, ReLU, Conv1d in two."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv1d(6, 12, 3, groups=3), nn.ReLU(), nn.Conv1d(12, 4, 3, padding=1, groups=2)
        )


@_chain
class GroupedConv2d(nn.Sequential):
    """Conv2d in two groups, ReLU, Conv2d in three."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(6, 6, 3, groups=2), nn.ReLU(), nn.Conv2d(6, 9, 3, groups=3))


@_chain
class GroupedConv2dStride(nn.Sequential):
    """Conv2d in two groups and steps of two, ReLU, another such."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(6, 8, 2, stride=2, groups=2),
            nn.ReLU(),
            nn.Conv2d(8, 4, 2, stride=2, groups=2),
        )


@catalogued(inputs=[images(2, 6, 5, 5, 5)], folds={1: 0}, multiplied={0}, tags=_TAGS, extended=True)
class GroupedConv3d(nn.Sequential):
    """Conv3d in two groups, ReLU, depthwise Conv3d."""

    def __init__(self) -> None:
        super().__init__(nn.Conv3d(6, 4, 2, groups=2), nn.ReLU(), nn.Conv3d(4, 4, 2, groups=4))


@_chain
class GroupedThenDense(nn.Sequential):
    """Conv2d in two groups, ReLU, Conv2d over all channels."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(6, 8, 3, groups=2), nn.ReLU(), nn.Conv2d(8, 5, 3))


@_chain
class DenseThenGrouped(nn.Sequential):
    """Conv2d over all channels, ReLU, Conv2d in four groups."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(6, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3, groups=4))


@_chain
class DepthwisePointwise(nn.Sequential):
    """Depthwise Conv2d, ReLU, Conv2d of kernel 1: a separable convolution."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(6, 6, 3, padding=1, groups=6), nn.ReLU(), nn.Conv2d(6, 5, 1))


@_chain
class DepthwiseMultiplier(nn.Sequential):
    """Depthwise Conv2d with two rows for every channel, ReLU, Conv2d."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(6, 12, 3, groups=6), nn.ReLU(), nn.Conv2d(12, 5, 3))


@catalogued(
    inputs=[images(2, 4, 8, 8)],
    folds={1: 0, 2: 1, 3: 2},
    multiplied={0},
    tags=_TAGS,
    other_size=[images(2, 4, 6, 11)],
)
class DepthwiseSeparableChain(nn.Sequential):
    """Pointwise, depthwise, pointwise, depthwise Conv2d with ReLU between them."""

    def __init__(self) -> None:
        super().__init__(
            *(nn.Conv2d(4, 6, 1), nn.ReLU(), nn.Conv2d(6, 6, 3, padding=1, groups=6), nn.ReLU()),
            *(nn.Conv2d(6, 5, 1), nn.ReLU(), nn.Conv2d(5, 5, 3, stride=2, groups=5)),
        )


@catalogued(
    inputs=[images(2, 4, 8, 8)],
    multiplied={0, 1, 2},
    tags={"hazard", "grouped", "conv", "residual"},
    other_size=[images(2, 4, 6, 11)],
)
class InvertedResidual(nn.Module):
    """Expand, ReLU6, depthwise, ReLU6, project, sum with the input, as in MobileNetV2."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(
            *(nn.Conv2d(4, 6, 1), nn.ReLU6()),
            *(nn.Conv2d(6, 6, 3, padding=1, groups=6), nn.ReLU6()),
            nn.Conv2d(6, 4, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x)


# The shuffle permutes channels; a pass that follows them through it may fold.
@catalogued(
    inputs=[images(2, 6, 8, 8)],
    multiplied={0},
    tags={"grouped", "conv"},
    other_size=[images(2, 6, 6, 11)],
)
class ChannelShuffle(nn.Module):
    """Grouped Conv2d, ReLU, channels shuffled between the groups, grouped Conv2d (ShuffleNet)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(6, 6, 3, groups=2)
        self.second = nn.Conv2d(6, 4, 3, groups=2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.first(x))
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        return self.second(x)


# A column of a single number has no range: the scale is 1 by range, though not by magnitude.
@catalogued(inputs=[images(2, 6, 5, 5)], tags={"degenerate", "grouped", "conv"}, extended=True)
class DepthwiseKernel1(nn.Sequential):
    """Depthwise Conv2d of kernel 1, whose columns are single numbers, ReLU, another one."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(6, 6, 1, groups=6), nn.ReLU(), nn.Conv2d(6, 6, 1, groups=6))
