"""Weights of so many rows and taps that a glance at the first ones misses a column's range.

Nothing stands between the two layers: behind a ReLU, some of so many channels would be dead.
"""

from torch import Tensor, nn

from eqconform_models.catalogue.pairs import Pair
from eqconform_models.network import catalogued
from eqconform_models.randomize import images, vectors

_MANY = 1031  # a prime, which no block of rows divides
_OUTSTANDING = 16  # times the largest magnitude before: the scale is a quarter of that without it


def _put_extremes_last(weight: Tensor) -> None:
    """The last row has the smallest value of every column, the row before it the largest.

    Args:
        weight: shape (out, C, *kernel); of a kernel the last tap has them.
    """
    taps = weight.flatten(2) if weight.ndim > 2 else weight.unsqueeze(2)
    largest = _OUTSTANDING * taps.abs().amax([0, 2])  # (C,)
    taps[-2, :, -1], taps[-1, :, -1] = largest, -largest


@catalogued(inputs=[vectors(4, 8)], folds={1: 0}, multiplied={0}, tags={"chain"})
class ChainManyRows(Pair):
    """Linear to 1031 features, Linear: the last rows hold the extremes of every weight column."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(8, _MANY), nn.Linear(_MANY, 5), None)

    def arrange(self) -> None:
        """The extremes of the first weight's columns are its last rows."""
        _put_extremes_last(self.first.get_parameter("weight"))


@catalogued(inputs=[images(2, 4, 7, 7)], folds={1: 0}, multiplied={0}, tags={"chain", "conv"})
class ChainConv2dManyRows(Pair):
    """Conv2d to 1031 channels, Conv2d: the last taps of the last rows hold the extremes."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(4, _MANY, 5), nn.Conv2d(_MANY, 5, 3), None)

    def arrange(self) -> None:
        """The extremes of the first weight's columns are its last rows."""
        _put_extremes_last(self.first.get_parameter("weight"))
