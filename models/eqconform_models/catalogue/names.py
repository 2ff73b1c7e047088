"""Odd and misleading names: none of them may change what happens, nor get lost."""

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform_models.catalogue.pairs import LinearPair
from eqconform_models.network import catalogued
from eqconform_models.randomize import vectors

_names = catalogued(inputs=[vectors(4, 8)], folds={1: 0}, multiplied={0}, tags={"chain", "names"})
_rarer = catalogued(
    inputs=[vectors(4, 8)], folds={1: 0}, multiplied={0}, tags={"chain", "names"}, extended=True
)


class _Named(nn.Module):
    """Linear, ReLU, Linear under names of one's choice."""

    def __init__(self, first: str, relu: str, second: str) -> None:
        super().__init__()
        self.order = (first, relu, second)
        self.add_module(first, nn.Linear(8, 6))
        self.add_module(relu, nn.ReLU())
        self.add_module(second, nn.Linear(6, 5))

    def forward(self, x: Tensor) -> Tensor:
        for name in self.order:
            x = getattr(self, name)(x)
        return x


@_names
class NamesOfOtherThings(_Named):
    """Linear layers called `relu6` and `dropout`, with a ReLU called `linear` between."""

    def __init__(self) -> None:
        super().__init__("relu6", "linear", "dropout")


@_rarer
class NamesWithWeightAndBias(_Named):
    """Linear layers called `bias_weight` and `weight_bias`, with a ReLU called `bias`."""

    def __init__(self) -> None:
        super().__init__("bias_weight", "bias", "weight_bias")


@_rarer
class NamesOfQuantization(_Named):
    """Linear layers called as PyTorch calls what its own passes insert."""

    def __init__(self) -> None:
        super().__init__(
            "activation_post_process_0", "x_equalization_process_0", "x_equalization_scale0"
        )


@_rarer
class NamesUnicode(_Named):
    """Modules with names beyond ASCII."""

    def __init__(self) -> None:
        super().__init__("größe", "活性化", "выход")


@_rarer
class NamesThatAreNoIdentifiers(_Named):
    """Modules whose names hold blanks, dashes and leading digits."""

    def __init__(self) -> None:
        super().__init__("1st layer", "re-lu", "2-nd")


@_rarer
class NamesNested(nn.Module):
    """The same names at every depth: layer.layer.layer and layer.layer.head."""

    def __init__(self) -> None:
        super().__init__()
        inner = nn.ModuleDict({"layer": nn.Linear(8, 6), "head": nn.Linear(6, 5)})
        self.layer = nn.ModuleDict({"layer": inner})

    def forward(self, x: Tensor) -> Tensor:
        first = self.get_submodule("layer.layer.layer")
        return self.get_submodule("layer.layer.head")(F.relu(first(x)))


@_rarer
class NamesOfAGraphModule(nn.Module):
    """Linear, ReLU, Linear, called as the attributes of a torch.fx.GraphModule, in a block."""

    def __init__(self) -> None:
        super().__init__()
        self.block = _Named("graph", "code", "meta")

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x)


@_names
class NamesTakenByTheUser(LinearPair):
    """Linear, ReLU, Linear, and buffers with the names that a pass may give to its scales."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU())
        self.scale = "a plain attribute"
        for number, name in enumerate(_TAKEN):
            self.register_buffer(name, torch.full((1,), float(number)))

    def forward(self, x: Tensor) -> Tensor:
        result = super().forward(x)
        for name in _TAKEN:
            result = result + getattr(self, name)
        return result


_TAKEN = (
    "equalization_scale",
    "equalization_scale_0",
    "first_equalization_scale",
    "first_equalization_scale0",
    "x_equalization_scale",
    "x_equalization_scale0",
    "x_equalization_scale_0",
    "scale_0",
    "_scale_0",
)


@_rarer
class NamesOfOneWeight(LinearPair):
    """Linear layers that hold their weight as `kernel` too, before it is `weight`."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU())
        for layer in (self.first, self.second):
            weight = layer.get_parameter("weight")
            del layer.weight
            layer.register_parameter("kernel", weight)
            layer.register_parameter("weight", weight)
