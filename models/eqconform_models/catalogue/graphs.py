"""Branches, sums and gates: a producer whose output goes to more than one place.

A scale goes into a producer only where every consumer of the producer's output gets it as the
input of this very layer; elsewhere the layer's input is multiplied, for that layer alone.
"""

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform_models.network import catalogued
from eqconform_models.randomize import images, vectors

_TAGS = {"graph"}


@catalogued(inputs=[vectors(4, 8)], multiplied={0, 1}, tags=_TAGS)
class ReluFirst(nn.Module):
    """ReLU of the input, Linear, sigmoid, ReLU, Linear: no ReLU has a layer before it."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 6)
        self.second = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(F.relu(x))
        return self.second(F.relu(torch.sigmoid(x) - 0.5))


@catalogued(inputs=[vectors(4, 8)], multiplied={0, 1}, tags=_TAGS | {"residual"})
class ResidualAdd(nn.Module):
    """Two layers whose second adds its output to its input."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(8, 6)
        self.block = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return x + self.block(x)


@catalogued(
    inputs=[images(2, 4, 8, 8)],
    folds={2: 1},
    multiplied={0, 1, 3},
    tags=_TAGS | {"residual", "conv"},
    other_size=[images(2, 4, 11, 6)],
)
class ResidualBlock(nn.Module):
    """Stem, conv, ReLU, conv, sum, ReLU, conv, as in ResNet: the last ReLU follows no layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(4, 6, 3)
        self.conv1 = nn.Conv2d(6, 6, 3, padding=1)
        self.conv2 = nn.Conv2d(6, 6, 3, padding=1)
        self.head = nn.Conv2d(6, 5, 1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        out = self.conv2(self.relu(self.conv1(x)))
        out += x
        return self.head(self.relu(out))


@catalogued(
    inputs=[images(2, 4, 8, 8)],
    folds={1: 0},
    multiplied={0, 2, 3},
    tags=_TAGS | {"residual", "conv"},
    other_size=[images(2, 4, 11, 6)],
)
class ResidualDownsample(nn.Module):
    """A residual block whose shortcut is a convolution too, and a convolution behind the sum."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(4, 6, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(6, 6, 3, padding=1)
        self.shortcut = nn.Conv2d(4, 6, 1, stride=2)
        self.head = nn.Conv2d(6, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(F.relu(self.conv1(x)))
        return self.head(F.relu(out + self.shortcut(x)))


@catalogued(
    inputs=[vectors(4, 8)],
    folds={1: 0},
    multiplied={0, 2},
    tags=_TAGS | {"residual"},
    extended=True,
)
class ResidualOfInput(nn.Module):
    """A block of two layers beside the network's input, and a layer behind the sum."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(8, 6)
        self.down = nn.Linear(6, 8)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x + self.down(F.relu(self.up(x))))


@catalogued(inputs=[vectors(4, 8)], multiplied={0, 1, 2}, tags=_TAGS | {"branch"})
class BranchTwoLayers(nn.Module):
    """A Linear whose output goes to two other Linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(8, 6)
        self.left = nn.Linear(6, 5)
        self.right = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.left(x) - self.right(x)


@catalogued(inputs=[vectors(4, 8)], multiplied={0, 1, 2}, tags=_TAGS | {"branch"})
class BranchBehindRelu(nn.Module):
    """A Linear and a ReLU whose output goes to two other Linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Linear(8, 6), nn.ReLU())
        self.left = nn.Linear(6, 5)
        self.right = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return torch.cat([self.left(x), self.right(x)], dim=-1)


@catalogued(inputs=[vectors(4, 8)], multiplied={0, 1}, tags=_TAGS | {"branch"})
class BranchAroundRelu(nn.Module):
    """A Linear whose output goes through a ReLU to a layer, and past it to the end."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(8, 6)
        self.left = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.left(F.relu(x)) + torch.tanh(x)


@catalogued(inputs=[vectors(4, 8)], folds={2: 1, 4: 3}, multiplied={0, 1, 3}, tags=_TAGS)
class BranchWithChains(nn.Module):
    """A Linear whose output goes to two chains of two: folding is due inside each, not before."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(8, 6)
        self.left = nn.Sequential(nn.Linear(6, 7), nn.ReLU(), nn.Linear(7, 5))
        self.right = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 5))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        return self.left(x) + self.right(x)


@catalogued(inputs=[vectors(4, 8)], multiplied={0, 1, 2}, tags=_TAGS | {"branch"}, extended=True)
class BranchMuchLater(nn.Module):
    """A Linear whose output a later sum reads again, after two more layers."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(8, 6)
        self.middle = nn.Linear(6, 7)
        self.last = nn.Linear(7, 6)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.stem(x)
        x = self.middle(F.relu(hidden))
        x = self.last(torch.sigmoid(x))
        return x + hidden


@catalogued(
    inputs=[images(2, 4, 8, 8)],
    multiplied={0, 1, 2, 3},
    tags=_TAGS | {"branch", "conv"},
    other_size=[images(2, 4, 5, 9)],
)
class FireModule(nn.Module):
    """Squeeze, two expanding convolutions side by side, concatenation, convolution (SqueezeNet)."""

    def __init__(self) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(4, 3, 1)
        self.expand1 = nn.Conv2d(3, 4, 1)
        self.expand3 = nn.Conv2d(3, 4, 3, padding=1)
        self.classifier = nn.Conv2d(8, 5, 1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.squeeze(x))
        x = torch.cat([self.relu(self.expand1(x)), self.relu(self.expand3(x))], 1)
        return self.classifier(x)


@catalogued(inputs=[vectors(4, 8)], multiplied={0, 1}, tags=_TAGS | {"concatenation"})
class ConcatenationWithInput(nn.Module):
    """A Linear's output beside its input, both into the next Linear, as in DenseNet."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 6)
        self.second = nn.Linear(14, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.cat((x, F.relu(self.first(x))), dim=1))


@catalogued(inputs=[vectors(4, 8)], multiplied={0, 1, 2}, tags=_TAGS | {"branch"}, extended=True)
class SplitInTwo(nn.Module):
    """A Linear whose output is cut in two halves, each for a layer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(8, 6)
        self.left = nn.Linear(3, 5)
        self.right = nn.Linear(3, 5)

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.stem(x).chunk(2, dim=-1)
        return self.left(left) + self.right(right)


@catalogued(
    inputs=[images(2, 4, 8, 8)],
    folds={2: 1},
    multiplied={0, 1, 3},
    tags=_TAGS | {"gate", "conv"},
    other_size=[images(2, 4, 6, 9)],
)
class SqueezeAndExcitation(nn.Module):
    """Conv, a gate computed from its own pooled output, conv, as in EfficientNet."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(4, 6, 3)
        self.fc1 = nn.Conv2d(6, 3, 1)
        self.fc2 = nn.Conv2d(3, 6, 1)
        self.project = nn.Conv2d(6, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        gate = torch.sigmoid(self.fc2(F.relu(self.fc1(F.adaptive_avg_pool2d(x, 1)))))
        return self.project(x * gate)


@catalogued(inputs=[vectors(4, 8)], multiplied={0, 1, 2}, tags=_TAGS | {"gate"})
class GatedLinearUnit(nn.Module):
    """down(silu(gate(x)) * up(x)), as in the MLP of language models."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(8, 6)
        self.up = nn.Linear(8, 6)
        self.down = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.silu(self.gate(x)) * self.up(x))


@catalogued(inputs=[vectors(4, 8)], multiplied={0, 1}, tags=_TAGS)
class OutputAlsoReturned(nn.Module):
    """Linear, ReLU, Linear, and the hidden features are returned beside the result."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 6)
        self.second = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = F.relu(self.first(x))
        return self.second(hidden), hidden


@catalogued(inputs=[vectors(4, 8)], multiplied={0, 1}, tags=_TAGS, extended=True)
class OutputBeforeReluReturned(nn.Module):
    """Linear, ReLU, Linear, and what was before the ReLU is returned beside the result."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 6)
        self.second = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        hidden = self.first(x)
        return {"hidden": hidden, "result": self.second(F.relu(hidden))}


@catalogued(inputs=[vectors(4, 8)], multiplied={0, 1, 2}, tags=_TAGS | {"inplace"}, extended=True)
class InplaceOnInputAfterwards(nn.Module):
    """A layer's input is changed in place after the layer has read it, and read again."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(8, 6)
        self.left = nn.Linear(6, 5)
        self.right = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.sigmoid(self.stem(x))
        left = self.left(hidden)
        hidden.add_(1.0)
        return left + self.right(hidden)
