"""Claim "select": small networks whose int8 models are measured, in a row and in other wirings.

The layers of those that are no chain are written down in another order than they run in, so that
who goes by the order of definition is found out.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform.checks.examples import sample
from eqconform.checks.select_chains import CHAINS
from eqconform.contract import Batch
from eqconform_models import Network
from eqconform_models.network import slug

_CALIBRATION = 3


class _ResidualOfConvolutions(nn.Module):
    """A convolution's input is added to its output, before the next one and at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.second = nn.Conv2d(3, 3, 1)
        self.first = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, 3, H, W) to the same."""
        hidden = F.relu(self.first(x)) + x
        result: Tensor = self.second(hidden) + hidden
        return result


class _BranchesAdded(nn.Module):
    """Two layers read one tensor, and a third their sum."""

    def __init__(self) -> None:
        super().__init__()
        self.joint = nn.Linear(5, 3)
        self.right = nn.Linear(6, 5)
        self.left = nn.Linear(6, 5)
        self.first = nn.Linear(4, 6)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, 4) to (N, 3)."""
        hidden = F.relu(self.first(x))
        result: Tensor = self.joint(F.relu(self.left(hidden)) + self.right(hidden))
        return result


class _BranchesOfFunctions(nn.Module):
    """A convolution that strides and one behind a pool, both functions, and a module for the rest.

    What the two give stands side by side.
    """

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Conv2d(7, 2, 1)
        self.pooled = nn.Parameter(torch.empty(3, 3, 1, 1))
        self.strided = nn.Parameter(torch.empty(4, 3, 2, 2))

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, 3, H, W) to (N, 2, H / 2, W / 2)."""
        strided = F.conv2d(x, self.strided, stride=2)
        pooled = F.conv2d(F.avg_pool2d(x, 2), self.pooled)
        result: Tensor = self.last(torch.cat((F.relu(strided), F.relu(pooled)), 1))
        return result


def _unchained(build: Callable[[], nn.Module], shape: tuple[int, ...]) -> Network:
    """A network of sampled numbers, on batches of a shape."""

    def built() -> nn.Module:
        model = build().eval()
        for seed, parameter in enumerate(model.parameters()):
            parameter.data = sample(*parameter.shape, seed=seed)
        return model

    def batch(seed: int) -> Tensor:
        return sample(*shape, seed=1000 + seed)

    name = slug(build.__name__.removeprefix("_"))
    batches = [batch(seed) for seed in range(_CALIBRATION)]
    return _network(name, built, lambda: list(batches), lambda: batch(_CALIBRATION))


def _chained(name: str) -> Network:
    chain = CHAINS[name]
    return _network(name, chain.model, lambda: list(chain.calibration()), chain.fresh)


def _network(
    name: str,
    build: Callable[[], nn.Module],
    calibration: Callable[[], list[Batch]],
    fresh: Callable[[], Batch],
) -> Network:
    return Network(
        name=name,
        summary=name.replace("-", " "),
        build=build,
        calibration=calibration,
        judgement=lambda: {"fresh": fresh()},
        folds={},
        multiplied=frozenset(),
        norm_folds=frozenset(),
        tags=frozenset(),
    )


_IN_A_ROW = ("linear", "conv1d", "conv2d", "conv3d", "conv2d-unbatched", "functional-linear")
_WIRED: tuple[tuple[type[nn.Module], tuple[int, ...]], ...] = (
    (_ResidualOfConvolutions, (4, 3, 4, 4)),
    (_BranchesAdded, (8, 4)),
    (_BranchesOfFunctions, (4, 3, 4, 4)),
)
NETWORKS = {
    **{name: _chained(name) for name in _IN_A_ROW},
    **{each.name: each for each in (_unchained(*wired) for wired in _WIRED)},
}
"""By name; every layer of each is called once."""
