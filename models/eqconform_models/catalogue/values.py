"""Odd values and states: dead channels, constant columns, frozen parameters, other buffers."""

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform_models.catalogue.pairs import Conv2dPair, LinearPair
from eqconform_models.network import catalogued
from eqconform_models.randomize import images, unbatched_image, vectors


def _without_first_channel(x: Tensor) -> Tensor:
    x = x.clone()
    x[..., 0] = 0.0
    return x


def _with_constant_channel(x: Tensor) -> Tensor:
    x = x.clone()
    x[..., 0] = 2.5
    return x


def _with_large_offset(x: Tensor) -> Tensor:
    x = x.clone()
    x[..., 0] = 10.0 + 0.1 * x[..., 0]
    return x


def _in_channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


class _ReluPair(LinearPair):
    def __init__(self) -> None:
        super().__init__(nn.ReLU())


@catalogued(
    inputs=[vectors(4, 8)],
    folds={1: 0},
    multiplied={0},
    tags={"chain", "values"},
    calibrated_as=_without_first_channel,
)
class DeadChannelRevives(_ReluPair):
    """Linear, ReLU, Linear: an input and a hidden channel are 0 in calibration, not later."""

    def arrange(self) -> None:
        """Hidden channel 1 hears nothing but input channel 0."""
        weight, bias = self.first.get_parameter("weight"), self.first.get_parameter("bias")
        weight[1] = 0.0
        weight[1, 0] = -2.0  # the sign that this channel's offset calls for
        bias[1] = 0.0


@catalogued(
    inputs=[vectors(4, 8)],
    folds={1: 0},
    multiplied={0},
    tags={"chain", "values"},
    calibrated_as=_with_constant_channel,
)
class ConstantChannelMoves(_ReluPair):
    """Linear, ReLU, Linear: an input channel is constant in calibration, not later."""


@catalogued(
    inputs=[vectors(4, 8)],
    folds={1: 0},
    multiplied={0},
    tags={"chain", "values"},
    change=_with_large_offset,
)
class NearlyConstantChannel(_ReluPair):
    """Linear, ReLU, Linear: an input channel with a small range far from 0."""


def _spread(count: int) -> Tensor:
    return torch.logspace(-4, 4, count)


@catalogued(
    inputs=[vectors(4, 8)],
    folds={1: 0},
    multiplied={0},
    tags={"chain"},
    change=lambda x: x * _spread(8).to(x),
)
class ChainScalesFarApart(_ReluPair):
    """Linear, ReLU, Linear: scales from 1e-4 to 1e4, of channels that matter alike."""

    def arrange(self) -> None:
        """What comes in large meets a column that is small by as much."""
        first, second = (each.get_parameter("weight") for each in (self.first, self.second))
        first.mul_(_spread(6)[:, None] / _spread(8))
        self.first.get_parameter("bias").mul_(_spread(6))
        second.div_(_spread(6))


@catalogued(inputs=[vectors(4, 8)], folds={1: 0}, multiplied={0}, tags={"chain", "values"})
class ColumnsWithoutRange(_ReluPair):
    """Linear, ReLU, Linear: a column of zeros in each weight, and a constant one."""

    def arrange(self) -> None:
        """Columns 0 are zeros, columns 1 a constant."""
        for layer in (self.first, self.second):
            weight = layer.get_parameter("weight")
            weight[:, 0] = 0.0
            weight[:, 1] = 0.75


@catalogued(
    inputs=[vectors(4, 8)], folds={1: 0}, multiplied={0}, tags={"chain", "values"}, extended=True
)
class HiddenChannelAlwaysOff(_ReluPair):
    """Linear, ReLU, Linear: a hidden channel whose bias keeps it at 0."""

    def arrange(self) -> None:
        """Channel 2 is at -1000 before the ReLU, whatever comes in."""
        self.first.get_parameter("bias")[2] = -1000.0


@catalogued(
    inputs=[vectors(1, 8)], folds={1: 0}, multiplied={0}, tags={"chain", "values"}, extended=True
)
class BatchesOfOne(_ReluPair):
    """Linear, ReLU, Linear, calibrated on batches of a single sample."""


@catalogued(inputs=[vectors(4, 8)], folds={1: 0}, multiplied={0}, tags={"chain", "state"})
class FrozenParameters(LinearPair):
    """Linear that requires no gradient, ReLU, Linear that does."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU())
        self.first.requires_grad_(requires_grad=False)


@catalogued(inputs=[vectors(4, 8)], folds={1: 0}, multiplied={0}, tags={"chain", "state"})
class BuffersOfOtherTypes(LinearPair):
    """Linear, ReLU, Linear, beside buffers of integers, truth values and float64."""

    chosen: Tensor

    def __init__(self) -> None:
        super().__init__(nn.ReLU())
        self.register_buffer("steps", torch.tensor(3))
        self.register_buffer("chosen", torch.tensor([True, False, True, True, False]))
        self.register_buffer("history", torch.zeros(2, dtype=torch.float64))
        self.register_buffer("transient", torch.ones(1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).masked_fill(self.chosen, 0.0)


@catalogued(
    inputs=[images(2, 4, 9, 9)],
    folds={1: 0},
    multiplied={0},
    tags={"chain", "conv", "state"},
    change=_in_channels_last,
    extended=True,
)
class ChannelsLastInput(Conv2dPair):
    """Conv2d, ReLU, Conv2d on images that lie in memory with their channels last."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU())


@catalogued(
    inputs=[unbatched_image(8, 4)],
    folds={1: 0},
    multiplied={0},
    tags={"chain", "state"},
    change=Tensor.t,
    batched=False,
    extended=True,
)
class NonContiguousInput(_ReluPair):
    """Linear, ReLU, Linear on a transposed view."""


@catalogued(inputs=[vectors(4, 8)], folds={1: 0}, multiplied={0}, tags={"chain", "state"})
class SubmoduleNeverCalled(LinearPair):
    """Linear, ReLU, Linear, beside a layer that the forward never calls."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU())
        self.unused = nn.Linear(8, 6)


@catalogued(
    inputs=[vectors(4, 8)],
    folds={1: 0},
    multiplied={0},
    tags={"chain", "state"},
    extended=True,
)
class ResultNeverUsed(LinearPair):
    """Linear, ReLU, Linear, and a Linear behind them whose result is dropped."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU())
        self.dropped = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        result = super().forward(x)
        self.dropped(torch.tanh(result))
        return result


@catalogued(inputs=[vectors(4, 8)], multiplied={0, 1, 2}, tags={"state"})
class ModuleListLoop(nn.Module):
    """Three Linear layers from a ModuleList in a loop, with a sigmoid behind each."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(8, 7), nn.Linear(7, 6), nn.Linear(6, 5)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.sigmoid(layer(x))
        return x


@catalogued(
    inputs=[vectors(4, 8)],
    folds={1: 0, 2: 1},
    multiplied={0},
    tags={"chain", "state"},
    extended=True,
)
class ModuleDictLoop(nn.Module):
    """Three Linear layers from a ModuleDict in a loop, with a ReLU behind each."""

    def __init__(self) -> None:
        super().__init__()
        layers = {"stem": nn.Linear(8, 7), "body": nn.Linear(7, 6), "head": nn.Linear(6, 5)}
        self.layers = nn.ModuleDict(layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers.values():
            x = F.relu(layer(x))
        return x
