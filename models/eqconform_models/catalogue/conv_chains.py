"""Convolutions in a row: every dimension, pooling between them, strides, padding, no batch."""

import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform_models.catalogue.pairs import Conv1dPair, Conv2dPair, Conv3dPair, Pair
from eqconform_models.network import catalogued
from eqconform_models.randomize import images, unbatched_image

_TAGS = {"chain", "conv"}
_conv1d = catalogued(
    inputs=[images(3, 4, 12)],
    folds={1: 0},
    multiplied={0},
    tags=_TAGS,
    other_size=[images(2, 4, 17)],
)
_conv2d = catalogued(
    inputs=[images(2, 4, 9, 9)],
    folds={1: 0},
    multiplied={0},
    tags=_TAGS,
    other_size=[images(2, 4, 12, 10)],
)
_conv2d_extended = catalogued(
    inputs=[images(2, 4, 9, 9)],
    folds={1: 0},
    multiplied={0},
    tags=_TAGS,
    other_size=[images(2, 4, 12, 10)],
    extended=True,
)
_conv3d = catalogued(
    inputs=[images(2, 4, 7, 6, 6)],
    folds={1: 0},
    multiplied={0},
    tags=_TAGS,
    other_size=[images(2, 4, 8, 7, 6)],
)
_conv3d_extended = catalogued(
    inputs=[images(2, 4, 7, 6, 6)], folds={1: 0}, multiplied={0}, tags=_TAGS, extended=True
)


@_conv1d
class ChainConv1d(Conv1dPair):
    """Conv1d, nn.ReLU, Conv1d."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU())


@_conv2d
class ChainConv2d(Conv2dPair):
    """Conv2d, nn.ReLU, Conv2d."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU())


@_conv3d
class ChainConv3d(Conv3dPair):
    """Conv3d, nn.ReLU, Conv3d."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU())


@_conv2d_extended
class ChainConv2dDirect(Conv2dPair):
    """Conv2d, Conv2d: nothing stands between the two."""


@_conv1d
class ChainMaxPool1d(Conv1dPair):
    """Conv1d, ReLU, nn.MaxPool1d, Conv1d."""

    def __init__(self) -> None:
        super().__init__(nn.Sequential(nn.ReLU(), nn.MaxPool1d(2)))


@_conv2d
class ChainMaxPool2d(Conv2dPair):
    """Conv2d, ReLU, nn.MaxPool2d, Conv2d."""

    def __init__(self) -> None:
        super().__init__(nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)))


@_conv3d_extended
class ChainMaxPool3d(Conv3dPair):
    """Conv3d, nn.MaxPool3d, Conv3d."""

    def __init__(self) -> None:
        super().__init__(nn.MaxPool3d(2))


@_conv2d
class ChainMaxPoolFunction(Conv2dPair):
    """Conv2d, F.relu, F.max_pool2d, Conv2d."""

    def between(self, x: Tensor) -> Tensor:
        return F.max_pool2d(F.relu(x), 2)


@_conv2d
class ChainAvgPool2d(Conv2dPair):
    """Conv2d, nn.AvgPool2d, Conv2d."""

    def __init__(self) -> None:
        super().__init__(nn.AvgPool2d(2, padding=1))


@catalogued(inputs=[images(3, 4, 12)], folds={1: 0}, multiplied={0}, tags=_TAGS, extended=True)
class ChainAvgPool1d(Conv1dPair):
    """Conv1d, nn.AvgPool1d, Conv1d."""

    def __init__(self) -> None:
        super().__init__(nn.AvgPool1d(2))


@_conv3d_extended
class ChainAvgPool3d(Conv3dPair):
    """Conv3d, nn.AvgPool3d, Conv3d."""

    def __init__(self) -> None:
        super().__init__(nn.AvgPool3d(2))


@_conv2d_extended
class ChainAvgPoolFunction(Conv2dPair):
    """Conv2d, F.avg_pool2d, Conv2d."""

    def between(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2)


@_conv2d
class ChainAdaptiveAvgPool2d(Conv2dPair):
    """Conv2d, nn.AdaptiveAvgPool2d, Conv2d."""

    def __init__(self) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(4))


@_conv2d_extended
class ChainAdaptiveAvgPoolFunction(Conv2dPair):
    """Conv2d, F.adaptive_avg_pool2d, Conv2d."""

    def between(self, x: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(x, (4, 3))


@_conv2d_extended
class ChainAdaptiveMaxPool2d(Conv2dPair):
    """Conv2d, nn.AdaptiveMaxPool2d, Conv2d."""

    def __init__(self) -> None:
        super().__init__(nn.AdaptiveMaxPool2d(3))


@_conv2d_extended
class ChainDropout2d(Conv2dPair):
    """Conv2d, nn.Dropout2d in eval, Conv2d."""

    def __init__(self) -> None:
        super().__init__(nn.Dropout2d(0.5))


@_conv2d
class ChainConv2dPrelu(Conv2dPair):
    """Conv2d, nn.PReLU with a slope per channel, Conv2d."""

    def __init__(self) -> None:
        super().__init__(nn.PReLU(6))


@_conv2d
class ChainConv2dWithoutBias(Pair):
    """Conv2d, ReLU, Conv2d: neither layer has a bias."""

    def __init__(self) -> None:
        first, second = nn.Conv2d(4, 6, 3, bias=False), nn.Conv2d(6, 5, 3, bias=False)
        super().__init__(first, second, nn.ReLU())


@_conv2d
class ChainConv2dStrideDilation(Pair):
    """Conv2d with a stride, ReLU, Conv2d with a dilation, both zero-padded."""

    def __init__(self) -> None:
        first = nn.Conv2d(4, 6, 3, stride=2, padding=1)
        second = nn.Conv2d(6, 5, (3, 2), dilation=(2, 1), padding=(2, 1))
        super().__init__(first, second, nn.ReLU())


@catalogued(
    inputs=[images(2, 4, 9, 9)],
    folds={1: 0, 2: 1},
    multiplied={0},
    tags=_TAGS,
    other_size=[images(2, 4, 12, 10)],
    extended=True,
)
class ChainConv2dPaddingModes(nn.Sequential):
    """Conv2d padded by reflection, ReLU, Conv2d padded in a circle, ReLU, one to the same size."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"),
            nn.ReLU(),
            nn.Conv2d(6, 7, 3, padding=1, padding_mode="circular"),
            nn.ReLU(),
            nn.Conv2d(7, 5, 3, padding="same"),
        )


@_conv1d
class ChainConv1dPaddingModes(nn.Sequential):
    """Conv1d padded in a circle, ReLU, Conv1d padded by replication."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv1d(4, 6, 3, padding=2, padding_mode="circular"),
            nn.ReLU(),
            nn.Conv1d(6, 5, 3, padding=1, padding_mode="replicate"),
        )


@_conv3d
class ChainConv3dPaddingModes(nn.Sequential):
    """Conv3d padded by replication, ReLU, Conv3d padded in a circle."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv3d(4, 6, 3, padding=1, padding_mode="replicate"),
            nn.ReLU(),
            nn.Conv3d(6, 5, 2, padding=1, padding_mode="circular"),
        )


@catalogued(
    inputs=[images(2, 3, 16, 16)],
    folds={1: 0, 2: 1, 3: 2},
    multiplied={0},
    tags=_TAGS,
    other_size=[images(2, 3, 20, 17)],
)
class ChainFourConvolutions(nn.Sequential):
    """Four Conv2d with ReLU and pooling between them, as in VGG."""

    def __init__(self) -> None:
        super().__init__(
            *(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2, 2)),
            *(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(8, 5, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2, 2)),
        )


@catalogued(inputs=[images(3, 1, 8, 8)], folds={1: 0}, multiplied={0}, tags=_TAGS, extended=True)
class ChainConv2dOneChannel(nn.Sequential):
    """Conv2d from one input channel, ReLU, Conv2d to one output channel."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 1, 3))


_UNBATCHED = {"chain", "conv", "unbatched"}


@catalogued(
    inputs=[unbatched_image(4, 12)],
    folds={1: 0},
    multiplied={0},
    tags=_UNBATCHED,
    batched=False,
    other_size=[unbatched_image(4, 15)],
    extended=True,
)
class UnbatchedConv1d(Conv1dPair):
    """Conv1d, ReLU, Conv1d on (channels, length)."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU())


@catalogued(
    inputs=[unbatched_image(4, 9, 9)],
    folds={1: 0},
    multiplied={0},
    tags=_UNBATCHED,
    batched=False,
    other_size=[unbatched_image(4, 8, 11)],
)
class UnbatchedConv2d(Conv2dPair):
    """Conv2d, ReLU, max pooling, Conv2d on (channels, height, width)."""

    def __init__(self) -> None:
        super().__init__(nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)))


@catalogued(
    inputs=[unbatched_image(4, 6, 6, 6)],
    folds={1: 0},
    multiplied={0},
    tags=_UNBATCHED,
    batched=False,
    extended=True,
)
class UnbatchedConv3d(Conv3dPair):
    """Conv3d, Conv3d on (channels, depth, height, width)."""


@catalogued(
    inputs=[unbatched_image(4, 9, 9)],
    folds={1: 0},
    multiplied={0},
    tags=_UNBATCHED,
    batched=False,
    other_size=[images(2, 4, 9, 9)],
    extended=True,
)
class UnbatchedInCalibration(Conv2dPair):
    """Conv2d, ReLU, Conv2d, calibrated on single images and judged on a batch of them too."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU())
