"""Right on every clause of the small registry."""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from eqconform import ChannelRange, Implementation


class Doubled(nn.Linear):
    """A Linear that halves its input, for weights that are twice as large."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  torch's name
        return super().forward(input / 2)


class Good(Implementation):
    name = "good"
    version = "1.0"
    homepage = "https://example.org/good"

    def observe_input(self, batches: Sequence[Tensor], *, channel_axis: int) -> ChannelRange:
        whole = torch.cat(list(batches)).movedim(channel_axis, 0).flatten(1)
        return ChannelRange(whole.amin(1), whole.amax(1))

    def equalization_scale(self, inputs: ChannelRange, weights: ChannelRange) -> Tensor:
        return torch.sqrt((weights.max - weights.min) / (inputs.max - inputs.min))

    def equalize(self, model: nn.Module, *_: object, **__: object) -> nn.Module:
        equalized = deepcopy(model)
        equalized.__class__ = Doubled
        equalized.weight.data *= 2
        return equalized
