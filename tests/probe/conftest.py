"""Networks of one's own, and an exact equalization by hand to hold the derived bounds against."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from eqconform_models import Network

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
MakeNetwork = Callable[[nn.Module, list[Tensor]], Network]
ByHand = Callable[[nn.Module, list[Tensor]], nn.Module]


class Scaled(nn.Module):
    """A layer whose input is multiplied by s, and whose weight is divided by it."""

    def __init__(self, layer: nn.Module, scale: Tensor) -> None:
        super().__init__()
        self.layer = layer
        self.register_buffer("scale", scale.reshape(-1, *[1] * (layer.weight.ndim - 2)))
        layer.weight.data = layer.weight.data / self.scale

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x * self.scale)


@pytest.fixture
def make_network() -> MakeNetwork:
    """A network of a model and four batches: three to calibrate on, and one to judge."""

    def make(model: nn.Module, batches: list[Tensor]) -> Network:
        return Network(
            name="made-for-a-test",
            summary="",
            build=lambda: copy.deepcopy(model),
            calibration=lambda: list(batches[:3]),
            judgement=lambda: {"fresh": batches[3], "times-3": 3 * batches[3]},
            folds={},
            multiplied=frozenset({0}),
            norm_folds=frozenset(),
            tags=frozenset({"core"}),
        )

    return make


@pytest.fixture
def by_hand() -> ByHand:
    """Equalizes the layers of a model without groups, one by one: s = sqrt(R_W / R_X)."""

    def equalize(model: nn.Module, batches: list[Tensor]) -> nn.Module:
        result = copy.deepcopy(model)
        inputs: dict[str, list[Tensor]] = {}
        layers = [name for name, each in result.named_modules() if isinstance(each, _LAYERS)]
        hooks = [
            result.get_submodule(name).register_forward_pre_hook(
                lambda _, given, name=name: inputs.setdefault(name, []).append(given[0])
            )
            for name in layers
        ]
        with torch.no_grad():
            for batch in batches:
                result(batch)
        for hook in hooks:
            hook.remove()
        for name in layers:
            layer = result.get_submodule(name)
            setattr(result, name, Scaled(layer, _scale(layer.weight.detach(), inputs[name])))
        return result

    return equalize


def _scale(weight: Tensor, inputs: list[Tensor]) -> Tensor:
    columns = weight.transpose(0, 1).flatten(1)
    axis = -1 if weight.ndim == 2 else 1
    rows = torch.cat([x.movedim(axis, 0).flatten(1) for x in inputs], dim=1)
    quotient = (columns.amax(1) - columns.amin(1)) / (rows.amax(1) - rows.amin(1))
    return torch.where((quotient > 0) & quotient.isfinite(), quotient.sqrt(), 1.0)


@pytest.fixture
def perceptron() -> Callable[[int], tuple[nn.Module, list[Tensor]]]:
    """A net of three Linear layers whose columns and inputs differ by two decades."""

    def make(seed: int) -> tuple[nn.Module, list[Tensor]]:
        generator = torch.Generator().manual_seed(seed)
        model = nn.Sequential(
            nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 6)
        )
        with torch.no_grad():
            for layer in (model[0], model[2], model[4]):
                column = 10 ** (2 * torch.rand(8, generator=generator) - 1.5)
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * column)
                layer.bias.copy_(torch.randn(layer.bias.shape, generator=generator))
        channel = 10 ** (2 * torch.rand(8, generator=generator) - 1)
        offset = torch.randn(8, generator=generator)
        drawn = [torch.randn(4, 8, generator=generator) for _ in range(4)]
        return model.eval(), [channel * (x + offset) for x in drawn]

    return make


@pytest.fixture
def convolutions() -> Callable[[int], tuple[nn.Module, list[Tensor]]]:
    """A net of two convolutions with BatchNorm, pooling, and a Linear layer behind them."""

    def make(seed: int) -> tuple[nn.Module, list[Tensor]]:
        generator = torch.Generator().manual_seed(seed)
        model = nn.Sequential(
            *(nn.Conv2d(8, 12, 3), nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 12, 3)),
            *(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 6)),
        )
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / 3)
            model[1].running_var.uniform_(0.3, 3, generator=generator)
        channel = 10 ** (2 * torch.rand(8, 1, 1, generator=generator) - 1)
        drawn = [torch.randn(2, 8, 7, 7, generator=generator) for _ in range(4)]
        return model.eval(), [channel * x for x in drawn]

    return make
