"""What stands between two layers and lets no scale through, whatever it is called.

ReLU6, Hardswish and their like are not positively homogeneous: folded through, a scale looks
right as long as the values stay where they happen to be linear, and is wrong beyond. Sums with
constants and products of two activations are the same in other clothes.
"""

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform_models.catalogue.pairs import Conv2dPair, LinearPair
from eqconform_models.network import catalogued
from eqconform_models.randomize import images, vectors

_hazard = catalogued(inputs=[vectors(4, 8)], multiplied={0, 1}, tags={"hazard"})
_rarer = catalogued(inputs=[vectors(4, 8)], multiplied={0, 1}, tags={"hazard"}, extended=True)
_image = catalogued(
    inputs=[images(2, 4, 9, 9)],
    multiplied={0, 1},
    tags={"hazard", "conv"},
    other_size=[images(2, 4, 11, 8)],
)
_rarer_image = catalogued(
    inputs=[images(2, 4, 9, 9)], multiplied={0, 1}, tags={"hazard", "conv"}, extended=True
)


@_hazard
class HazardRelu6Module(LinearPair):
    """Linear, nn.ReLU6, Linear: ReLU6 is cut off at 6."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU6())


@_hazard
class HazardRelu6Function(LinearPair):
    """Linear, F.relu6, Linear."""

    def between(self, x: Tensor) -> Tensor:
        return F.relu6(x)


@_rarer
class HazardHardtanh(LinearPair):
    """Linear, F.hardtanh, Linear."""

    def between(self, x: Tensor) -> Tensor:
        return F.hardtanh(x)


@_rarer
class HazardClamp(LinearPair):
    """Linear, x.clamp(0, 1), Linear."""

    def between(self, x: Tensor) -> Tensor:
        return x.clamp(0, 1)


@_image
class HazardConv2dRelu6(Conv2dPair):
    """Conv2d, nn.ReLU6, Conv2d, as in MobileNetV2."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU6(inplace=True))


@_image
class HazardConv2dHardswish(Conv2dPair):
    """Conv2d, nn.Hardswish, Conv2d, as in MobileNetV3."""

    def __init__(self) -> None:
        super().__init__(nn.Hardswish())


@_rarer
class HazardHardswish(LinearPair):
    """Linear, F.hardswish, Linear."""

    def between(self, x: Tensor) -> Tensor:
        return F.hardswish(x)


@_hazard
class HazardGelu(LinearPair):
    """Linear, nn.GELU, Linear."""

    def __init__(self) -> None:
        super().__init__(nn.GELU())


@_hazard
class HazardSilu(LinearPair):
    """Linear, nn.SiLU, Linear."""

    def __init__(self) -> None:
        super().__init__(nn.SiLU())


@_hazard
class HazardHardtanhModule(LinearPair):
    """Linear, nn.Hardtanh from 0 to 6, Linear: a ReLU6 by its other name."""

    def __init__(self) -> None:
        super().__init__(nn.Hardtanh(0.0, 6.0))


@_hazard
class HazardSoftplus(LinearPair):
    """Linear, nn.Softplus, Linear: nearly a ReLU for large inputs."""

    def __init__(self) -> None:
        super().__init__(nn.Softplus())


@_hazard
class HazardSigmoid(LinearPair):
    """Linear, torch.sigmoid, Linear."""

    def between(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x)


@_rarer
class HazardTanh(LinearPair):
    """Linear, x.tanh(), Linear."""

    def between(self, x: Tensor) -> Tensor:
        return x.tanh()


@_hazard
class HazardSoftmax(LinearPair):
    """Linear, softmax over the features, Linear."""

    def between(self, x: Tensor) -> Tensor:
        return x.softmax(-1)


@_rarer
class HazardElu(LinearPair):
    """Linear, nn.ELU, Linear: linear only above 0."""

    def __init__(self) -> None:
        super().__init__(nn.ELU())


@_rarer
class HazardThreshold(LinearPair):
    """Linear, nn.Threshold at 0.5, Linear: a ReLU that opens elsewhere."""

    def __init__(self) -> None:
        super().__init__(nn.Threshold(0.5, 0.0))


@_rarer_image
class HazardMaxPoolThenRelu6(Conv2dPair):
    """Conv2d, ReLU, max pooling, ReLU6, Conv2d: one of several in a row lets nothing through."""

    def __init__(self) -> None:
        super().__init__(nn.Sequential(nn.ReLU(), nn.MaxPool2d(2), nn.ReLU6()))


@_hazard
class HazardReluThatIsGelu(nn.Module):
    """Linear, a GELU in the attribute `relu`, Linear."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 6)
        self.relu = nn.GELU()
        self.linear_relu = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear_relu(self.relu(self.linear(x)))


@_hazard
class HazardReluThatIsRelu6(nn.Module):
    """Linear, a ReLU6 in the attribute `relu`, Linear."""

    def __init__(self) -> None:
        super().__init__()
        self.linear1 = nn.Linear(8, 6)
        self.relu = nn.ReLU6()
        self.linear2 = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear2(self.relu(self.linear1(x)))


class _ShiftedReLU(nn.ReLU):
    """A ReLU by inheritance that opens at 0.5."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  nn.ReLU names it so
        return super().forward(input - 0.5)


@_rarer
class HazardSubclassOfRelu(LinearPair):
    """Linear, a subclass of nn.ReLU that shifts its input, Linear."""

    def __init__(self) -> None:
        super().__init__(_ShiftedReLU())


@catalogued(inputs=[vectors(4, 8)], multiplied={0, 1, 2}, tags={"hazard", "names"})
class HazardLayersCalledRelu(nn.Module):
    """Linear layers called `relu6` and `pre_relu_norm`, with a sigmoid behind each."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(8, 6)
        self.relu6 = nn.Linear(6, 7)
        self.pre_relu_norm = nn.Linear(7, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.sigmoid(self.stem(x))
        x = torch.sigmoid(self.relu6(x))
        return self.pre_relu_norm(x)


@_hazard
class HazardAddConstant(LinearPair):
    """Linear, ReLU, a constant added, Linear."""

    def between(self, x: Tensor) -> Tensor:
        return F.relu(x) + 1.0


@_rarer
class HazardSubtractFromConstant(LinearPair):
    """Linear, 1 - x, ReLU, Linear."""

    def between(self, x: Tensor) -> Tensor:
        return F.relu(1.0 - x)


@_rarer
class HazardAddParameter(LinearPair):
    """Linear, a learned shift, ReLU, Linear."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.empty(6))

    def between(self, x: Tensor) -> Tensor:
        return F.relu(x + self.shift)


@_hazard
class HazardAddInplace(LinearPair):
    """Linear, a constant added in place, ReLU, Linear."""

    def between(self, x: Tensor) -> Tensor:
        x += 1.0
        return F.relu(x)


@_hazard
class HazardSquared(LinearPair):
    """Linear, ReLU, x * x, Linear: the scale would come out squared."""

    def between(self, x: Tensor) -> Tensor:
        x = F.relu(x)
        return x * x


@_rarer
class HazardPower(LinearPair):
    """Linear, ReLU, (0.1 * x) ** 2, Linear."""

    def between(self, x: Tensor) -> Tensor:
        return (0.1 * F.relu(x)) ** 2


@_hazard
class HazardGated(LinearPair):
    """Linear, x * sigmoid(x), Linear: SiLU written out."""

    def between(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)


@_rarer
class HazardNormalized(LinearPair):
    """Linear, ReLU, division by the norm over the features, Linear."""

    def between(self, x: Tensor) -> Tensor:
        return F.normalize(F.relu(x), dim=-1)


@_rarer_image
class HazardPadWithOnes(Conv2dPair):
    """Conv2d, ReLU, padding with ones, Conv2d."""

    def between(self, x: Tensor) -> Tensor:
        return F.pad(F.relu(x), (1, 1, 1, 1), value=1.0)


# That a common factor passes a scale is true; whether it counts as a pass-through is left open.
@catalogued(inputs=[vectors(4, 8)], multiplied={0}, tags={"hazard"}, extended=True)
class BetweenTimesConstant(LinearPair):
    """Linear, ReLU, times 2, Linear."""

    def between(self, x: Tensor) -> Tensor:
        return F.relu(x) * 2.0


@catalogued(inputs=[vectors(4, 8)], multiplied={0}, tags={"hazard"}, extended=True)
class BetweenClampAtZero(LinearPair):
    """Linear, x.clamp(min=0), Linear: a ReLU under another name."""

    def between(self, x: Tensor) -> Tensor:
        return x.clamp(min=0)


@catalogued(inputs=[vectors(4, 8)], multiplied={0}, tags={"hazard"}, extended=True)
class BetweenReluStatement(LinearPair):
    """Linear, F.relu_ as a statement whose result is dropped, Linear."""

    def between(self, x: Tensor) -> Tensor:
        F.relu_(x)
        return x
