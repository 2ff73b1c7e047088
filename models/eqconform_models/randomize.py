"""Random weights and inputs that make equalization matter, from seeds of their own.

Columns of weights and channels of inputs differ by two decades, so that a scale that is missing,
misplaced or applied twice shows at once. Inputs also have an offset per channel, so that the
range of a channel is not its largest magnitude. Nothing here touches the global random state.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor, nn

_DECADES = 2.0
_NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)  # noqa: SLF001  no public name


@dataclass(frozen=True)
class Floats:
    """A floating input.

    Attributes:
        shape: the batch is axis 0, where there is one.
        channel_axis: the axis along which magnitude and offset differ.
    """

    shape: tuple[int, ...]
    channel_axis: int = -1


@dataclass(frozen=True)
class Tokens:
    """An integer input: indices below `vocabulary`."""

    shape: tuple[int, ...]
    vocabulary: int


InputSpec = Floats | Tokens


def vectors(*shape: int) -> Floats:
    """An input with the channels last, as Linear takes it."""
    return Floats(shape)


def images(*shape: int) -> Floats:
    """An input of shape (N, C, *spatial), as convolutions take it."""
    return Floats(shape, channel_axis=1)


def unbatched_image(*shape: int) -> Floats:
    """An input of shape (C, *spatial), as convolutions take a single image."""
    return Floats(shape, channel_axis=0)


def tokens(*shape: int, vocabulary: int) -> Tokens:
    """An input of indices, as an embedding takes it."""
    return Tokens(shape, vocabulary)


def with_batch_size(spec: InputSpec, size: int) -> InputSpec:
    """The same input for another batch size."""
    return replace(spec, shape=(size, *spec.shape[1:]))


def draw(spec: InputSpec, *, character: int, sample: int) -> Tensor:
    """An input.

    Args:
        spec: its shape and kind.
        character: seed of the magnitude and the offset of each channel.
        sample: seed of the values.

    Returns:
        Values of order 0.01 to 10, or indices; shape `spec.shape`.
    """
    generator = generator_of(sample)
    if isinstance(spec, Tokens):
        return torch.randint(spec.vocabulary, spec.shape, generator=generator)
    nature = generator_of(character)
    channels = spec.shape[spec.channel_axis]
    aligned = [1] * len(spec.shape)
    aligned[spec.channel_axis] = channels
    magnitude = log_uniform((channels,), nature).view(aligned)
    offset = torch.empty(channels).uniform_(-2, 2, generator=nature).view(aligned)
    return magnitude * (torch.randn(spec.shape, generator=generator) + offset)


def generator_of(seed: int) -> Generator:
    """A fresh generator, apart from the global one."""
    return Generator().manual_seed(seed)


def log_uniform(shape: tuple[int, ...], generator: Generator, decades: float = _DECADES) -> Tensor:
    """Factors that are uniform on a logarithmic scale, with a mean square of 1."""
    exponent = torch.rand(shape, generator=generator) * decades
    span = decades * math.log(10)
    mean_square = (10 ** (2 * decades) - 1) / (2 * span)
    return 10.0**exponent / math.sqrt(mean_square)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """The global CPU generator starts from `seed` inside, and is as it was outside."""
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed, which reaches the generators of every other device too.
        torch.default_generator.manual_seed(seed)
        yield


@torch.no_grad()
def randomize(module: nn.Module, seed: int) -> None:
    """Draw all parameters and normalization statistics anew; shared ones once."""
    generator = generator_of(seed)
    done: set[int] = set()
    for part in module.modules():
        for parameter in part.parameters(recurse=False):
            if id(parameter) not in done:
                _draw_parameter(part, parameter, generator)
                done.add(id(parameter))
        if isinstance(part, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001  as above
            _draw_statistics(part, generator)


def _draw_parameter(owner: nn.Module, parameter: Tensor, generator: Generator) -> None:
    if isinstance(owner, nn.PReLU):
        parameter.uniform_(0.05, 0.6, generator=generator)
    elif isinstance(owner, _NORMS) and parameter is getattr(owner, "weight", None):
        parameter.copy_(log_uniform(tuple(parameter.shape), generator))
    elif parameter.ndim < 2:  # noqa: PLR2004  a bias, or a vector that stands for one
        parameter.normal_(0, 0.5, generator=generator)
    else:
        parameter.copy_(_weight(tuple(parameter.shape), generator))


def _weight(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """A weight of shape (out, in, *kernel) that keeps the magnitude of its input roughly."""
    rows, columns = shape[:2]
    tail = [1] * (len(shape) - 2)
    column = log_uniform((columns,), generator).view(1, columns, *tail)
    row = log_uniform((rows,), generator, decades=1).view(rows, 1, *tail)
    fan_in = math.prod(shape[1:])
    return torch.randn(shape, generator=generator) * column * row / math.sqrt(fan_in)


def _draw_statistics(norm: nn.modules.batchnorm._BatchNorm, generator: Generator) -> None:
    if norm.running_mean is not None:
        norm.running_mean.normal_(0, 0.5, generator=generator)
    if norm.running_var is not None:
        norm.running_var.uniform_(0.3, 3, generator=generator)
