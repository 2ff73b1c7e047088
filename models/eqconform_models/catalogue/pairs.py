"""Two layers and what stands between them: the frame of most networks of the catalogue."""

from torch import Tensor, nn


class Pair(nn.Module):
    """A first layer, something between, a second layer.

    Args:
        first: maps the input to the hidden features.
        second: maps them to the output.
        between: a module to put between the two; or override the method `between`.
    """

    def __init__(self, first: nn.Module, second: nn.Module, between: nn.Module | None) -> None:
        super().__init__()
        self.first = first
        self.second = second
        self.middle = between

    def between(self, x: Tensor) -> Tensor:
        """What happens to the hidden features."""
        return x if self.middle is None else self.middle(x)

    def forward(self, x: Tensor) -> Tensor:
        """The second layer of what comes between, of the first layer."""
        return self.second(self.between(self.first(x)))


class LinearPair(Pair):
    """Linear from 8 to 6 features and from 6 to 5."""

    def __init__(self, between: nn.Module | None = None) -> None:
        super().__init__(nn.Linear(8, 6), nn.Linear(6, 5), between)


class Conv1dPair(Pair):
    """Conv1d from 4 to 6 channels and from 6 to 5, both of kernel 3."""

    def __init__(self, between: nn.Module | None = None) -> None:
        super().__init__(nn.Conv1d(4, 6, 3), nn.Conv1d(6, 5, 3), between)


class Conv2dPair(Pair):
    """Conv2d from 4 to 6 channels and from 6 to 5, both of kernel 3."""

    def __init__(self, between: nn.Module | None = None) -> None:
        super().__init__(nn.Conv2d(4, 6, 3), nn.Conv2d(6, 5, 3), between)


class Conv3dPair(Pair):
    """Conv3d from 4 to 6 channels and from 6 to 5, of kernels 3 and 2."""

    def __init__(self, between: nn.Module | None = None) -> None:
        super().__init__(nn.Conv3d(4, 6, 3), nn.Conv3d(6, 5, 2), between)
