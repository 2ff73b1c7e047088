"""What computes something else by its settings: each is one that no module has by default.

A pass that makes a module anew, or writes a layer out, has to hand every setting on.
"""

import torch
from torch import Tensor, nn

from eqconform_models.network import catalogued
from eqconform_models.randomize import images, vectors

_CONV = {"chain", "conv"}
_three_of_2d = catalogued(
    inputs=[images(2, 4, 13, 14)],
    folds={1: 0, 2: 1},
    multiplied={0},
    tags=_CONV,
    other_size=[images(2, 4, 16, 12)],
)


@catalogued(
    inputs=[images(3, 4, 20)],
    folds={1: 0, 2: 1},
    multiplied={0},
    tags=_CONV,
    other_size=[images(2, 4, 25)],
)
class ChainConv1dSettings(nn.Sequential):
    """Three Conv1d with strides, dilation, groups, padding by reflection, `same` and `valid`."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv1d(4, 6, 3, 2, padding=3, dilation=2, groups=2, padding_mode="reflect"),
            nn.ReLU(),
            nn.Conv1d(6, 6, 2, dilation=2, groups=3, padding="same"),
            nn.ReLU(),
            nn.Conv1d(6, 5, 3, stride=3, padding="valid"),
        )


@_three_of_2d
class ChainConv2dSettings(nn.Sequential):
    """Three Conv2d whose kernels, strides, padding and dilation differ from axis to axis."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(4, 6, (2, 3), (2, 1), (2, 1), (1, 2), groups=2, padding_mode="replicate"),
            nn.ReLU(),
            nn.Conv2d(6, 6, (3, 2), dilation=(1, 2), groups=3, padding="same"),
            nn.ReLU(),
            nn.Conv2d(6, 5, (2, 3), stride=(1, 2), dilation=(2, 1), padding="valid"),
        )


@catalogued(
    inputs=[images(2, 4, 7, 6, 8)],
    folds={1: 0},
    multiplied={0},
    tags=_CONV,
    other_size=[images(1, 4, 8, 7, 6)],
)
class ChainConv3dSettings(nn.Sequential):
    """Two grouped Conv3d whose strides, padding and dilation differ from axis to axis."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv3d(4, 6, (3, 2, 2), stride=(1, 2, 1), padding=(1, 0, 1), groups=2),
            nn.ReLU(),
            nn.Conv3d(6, 6, 2, dilation=(2, 1, 3), stride=(2, 1, 1), padding=(1, 1, 2), groups=3),
        )


@_three_of_2d
class ChainPoolingSettings(nn.Sequential):
    """Conv2d, max pooling with dilation, Conv2d, average pooling that rounds up, Conv2d."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(4, 6, 2),
            nn.MaxPool2d((3, 2), stride=2, padding=1, dilation=2, ceil_mode=True),
            nn.Conv2d(6, 6, 2),
            nn.AvgPool2d((3, 2), stride=2, padding=1, ceil_mode=True, count_include_pad=False),
            nn.AvgPool2d(2, stride=1, divisor_override=3),
            nn.Conv2d(6, 5, 1),
        )


@catalogued(inputs=[vectors(4, 8)], folds={1: 0, 2: 1}, multiplied={0}, tags={"chain"})
class ChainPreluNegativeSlopes(nn.Sequential):
    """Linear, PReLU with slopes of both signs, Linear, LeakyReLU with a slope below 0, Linear."""

    def __init__(self) -> None:
        super().__init__(
            nn.Linear(8, 6), nn.PReLU(6), nn.Linear(6, 6), nn.LeakyReLU(-0.3), nn.Linear(6, 5)
        )

    def arrange(self) -> None:
        """Every other slope goes down."""
        _turn(self.get_parameter("1.weight"))


@catalogued(inputs=[vectors(4, 8)], multiplied={0}, norm_folds={1, 2, 3}, tags={"norm"})
class NormSettings(nn.Sequential):
    """Linear behind BatchNorm, LayerNorm and GroupNorm of another eps; weights below 0, no bias."""

    def __init__(self) -> None:
        super().__init__(
            *(nn.Linear(8, 6), nn.BatchNorm1d(6, eps=0.5)),
            *(nn.Linear(6, 6), nn.LayerNorm(6, eps=0.7, bias=False)),
            *(nn.Linear(6, 6), nn.GroupNorm(3, 6, eps=0.6), nn.Linear(6, 5)),
        )

    def arrange(self) -> None:
        """Every other channel of a norm is turned around."""
        for norm in "135":
            _turn(self.get_parameter(f"{norm}.weight"))


@catalogued(
    inputs=[images(2, 4, 8, 8)],
    multiplied={0, 1},
    norm_folds={2, 3},
    tags={"norm", "conv"},
    other_size=[images(2, 4, 6, 9)],
)
class NormWithLess(nn.Sequential):
    """Conv2d and BatchNorm without weights, one without statistics, and one without a bias."""

    def __init__(self) -> None:
        super().__init__(
            *(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6, affine=False), nn.ReLU()),
            *(nn.Conv2d(6, 6, 1), nn.BatchNorm2d(6, track_running_stats=False), nn.ReLU()),
            *(nn.Conv2d(6, 6, 1), nn.BatchNorm2d(6), nn.ReLU()),
            nn.Conv2d(6, 5, 1),
        )
        self[7].register_parameter("bias", None)


def _turn(factors: Tensor) -> None:
    """Every other factor below 0."""
    with torch.no_grad():
        factors[1::2] *= -1
