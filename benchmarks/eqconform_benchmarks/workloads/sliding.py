"""Tensors of one shape that are never the same twice.

An observer that remembers what it has seen, by object, by address or by version, is done in no time
with a tensor that it is given again. So each call gets a view of its own: of one buffer, each a
cache line further on than the one before. Neighbours hold nearly the same values in the same
memory, so that this costs the cache nothing.
"""

import itertools
import secrets
from collections.abc import Sequence

import torch
from torch import Tensor

SPIKES = 3
"""Values that are changed one by one, for who looks at one in a hundred and goes by those."""

_LINE = 64  # bytes of a cache line, to which torch aligns what it allocates, too
_PLACES = 1 << 13
"""Views in a buffer. Within a sample of 10 ms none comes again for a call above 1.2 us, which is
less than a call of a module takes."""


class Sliding:
    """Normal numbers, the same every time.

    Args:
        shape: of each view.
        dtype: likewise.
        device: of the buffer.
        channels_last: how each view, of four axes, lies in memory.
        seed: of the numbers.

    Attributes:
        first: the view at the beginning; always this object.
        last: the view at the end.
    """

    def __init__(
        self,
        shape: Sequence[int],
        dtype: torch.dtype,
        device: torch.device,
        *,
        channels_last: bool = False,
        seed: int = 0,
    ) -> None:
        layout = torch.channels_last if channels_last else torch.contiguous_format
        form = torch.empty(shape, device="meta").contiguous(memory_format=layout)
        self._shape, self._strides = form.shape, form.stride()
        self._step = _LINE // dtype.itemsize
        count = form.numel() + (_PLACES - 1) * self._step
        generator = torch.Generator().manual_seed(seed)
        self._buffer = torch.randn(count, generator=generator).to(device, dtype)
        self._turns = itertools.cycle(range(_PLACES))
        self.first, self.last = self._at(0), self._at(_PLACES - 1)

    def fresh(self) -> Tensor:
        """A view that no call was given yet, unless the buffer was written to since."""
        turn = next(self._turns)
        if turn == 0:
            self._buffer.add_(0)  # the same values, and another version of them
        return self._at(turn)

    def magnitudes(self, sign: int) -> "Sliding":
        """Itself, with every value as far from zero as it was, on the side of `sign`."""
        self._buffer.abs_().mul_(sign)
        return self

    def rise(self) -> None:
        """Add a number to all values, in place, that brings each above the largest there was."""
        self._buffer.add_(2 * self._buffer.abs().amax())

    def spike(self) -> None:
        """Set one value of `first`, at a place that nobody knows, to twice the largest there is."""
        place = tuple(secrets.randbelow(size) for size in self._shape)
        self.first[place] = 2 * self._buffer.abs().amax()

    def grow(self) -> None:
        """Multiply all values, in place, by four: the square root of that is exact."""
        self._buffer.mul_(4)

    def _at(self, place: int) -> Tensor:
        return self._buffer.as_strided(self._shape, self._strides, place * self._step)
