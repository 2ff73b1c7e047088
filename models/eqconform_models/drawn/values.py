"""Weights and batches of a drawn network: torch alone, for the text goes into scripts as it is.

Columns of weights and channels of inputs differ in magnitude, on a logarithmic scale, so that a
scale that is missing, misplaced or applied twice shows at once; inputs have an offset per channel,
so that the range of a channel is not its largest magnitude.
"""

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn


@torch.no_grad()
def filled(model: nn.Module, seed: int, *, silent: bool = False) -> nn.Module:
    """The model in eval mode with every parameter and buffer drawn from the seed.

    Args:
        model: changed in place.
        seed: of the values.
        silent: the first column of every weight is zero, where there are others.
    """
    generator = Generator().manual_seed(seed)
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if not tensor.is_floating_point():
            continue
        if tensor.ndim > 1:  # (out, channels / groups, *kernel): columns differ by two decades
            column = 10 ** (2 * torch.rand(tensor.shape[1], generator=generator) - 1)
            fan_in = math.prod(tensor.shape[1:])
            tensor.normal_(0, 1 / math.sqrt(fan_in), generator=generator)
            tensor.mul_(column.view(-1, *[1] * (tensor.ndim - 2)))
            if silent and tensor.shape[1] > 1:
                tensor[:, 0] = 0.0
        elif name.endswith("var"):
            tensor.uniform_(0.3, 3, generator=generator)
        else:  # a bias, a slope, or what scales a norm
            tensor.uniform_(0.1, 1, generator=generator)
            tensor.mul_(1 - 2 * torch.randint(2, tensor.shape, generator=generator))
    return model.eval()


def batch(  # noqa: PLR0913  each says one thing of the tensors
    shapes: Sequence[Sequence[int]],
    axes: Sequence[int],
    seed: int,
    number: int,
    *,
    decades: float,
    dead: bool = False,
    constant: bool = False,
    channels_last: bool = False,
) -> tuple[Tensor, ...]:
    """One tensor for each shape.

    Args:
        shapes: of the tensors.
        axes: the channel axis of each, counted from the end.
        seed: of magnitude and offset, which every batch of a network has.
        number: of the batch: its values are its own.
        decades: that the magnitudes span.
        dead: the first channel is zero.
        constant: the last channel has one value.
        channels_last: tensors of rank 4 lie in memory with their channels last.
    """
    nature = Generator().manual_seed(seed)
    values = Generator().manual_seed(1009 * seed + number)
    found = []
    for shape, axis in zip(shapes, axes, strict=True):
        along = (shape[axis], *[1] * (-axis - 1))
        size = 10 ** (decades * (torch.rand(along, generator=nature) - 0.5))
        offset = 4 * torch.rand(along, generator=nature) - 2
        spread = torch.randn(tuple(shape), generator=values)
        if constant:
            spread.select(axis, -1).fill_(1.0)
        x = size * (spread + offset)
        if dead:
            x.select(axis, 0).fill_(0.0)
        if channels_last and x.ndim == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        found.append(x)
    return tuple(found)
