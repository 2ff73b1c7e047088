"""The hint at where an equalized network leaves the untouched one."""

from collections.abc import Callable, Collection, Sequence
from copy import deepcopy

import pytest
import torch
from torch import nn

from eqconform import Implementation, Unsupported
from eqconform.contract import Batch
from eqconform.judge.divergence import first_divergence
from eqconform.judge.guard import Guarded
from eqconform_models import network


class Changed(Implementation):
    """Returns a copy of the model to which something was done."""

    name = "changed"

    def __init__(self, change: Callable[[nn.Module], object]) -> None:
        self._change = change

    def equalize(
        self,
        model: nn.Module,
        batches: Sequence[Batch],  # noqa: ARG002
        *,
        layers: Collection[str] | None = None,  # noqa: ARG002
    ) -> nn.Module:
        model = deepcopy(model)
        with torch.no_grad():
            self._change(model)
        return model


def fold(model: nn.Module) -> None:
    """Fold a factor of 3 for one channel and 1/5 for another, as an equalizer does."""
    factor = torch.tensor([3.0, 0.2, *[1.0] * 4])
    first, second = model.get_parameter("0.weight"), model.get_parameter("2.weight")
    first.mul_(factor[:, None])
    model.get_parameter("0.bias").mul_(factor)
    second.div_(factor)


def fold_without_bias(model: nn.Module) -> None:
    fold(model)
    model.get_parameter("0.bias").add_(1)


def make_a_channel_nan(model: nn.Module) -> None:
    model.get_parameter("0.bias")[3] = float("nan")


def fold_and_lose_an_output(model: nn.Module) -> None:
    fold(model)
    model.get_parameter("4.bias")[0] = 0


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (fold, "The function is preserved: every output is right"),
        (fold_and_lose_an_output, "The input of every layer call (3) is, channel by channel"),
        (fold_without_bias, "First to diverge: the input of layer call 1 (linear '2')"),
        (fold_without_bias, "That of the layer call before it is one: it goes wrong in call 0"),
        (make_a_channel_nan, "It holds NaN or infinity in channel 3;"),
        (lambda model: model[2].weight[0].add_(1), "the input of layer call 2 (linear '4')"),
        (lambda model: model[2].weight.fill_(float("nan")), "of layer call 2 (linear '4')"),
        (lambda model: model[4].weight.neg_(), "where no other layer call follows"),
        (lambda model: model.insert(0, nn.Sigmoid()), "the input of layer call 0 (linear '0')"),
        (lambda model: model.pop(4), "cannot be told: expected 3 linear or conv calls"),
    ],
)
def test_hint(change: Callable[[nn.Module], object], hint: str) -> None:
    """Scales are none of its business; what no scale explains is found where it shows first."""
    assert hint in first_divergence(Guarded(Changed(change)), network("chain-three-layers"))


def test_what_is_refused_has_no_place() -> None:
    def refuse(_: nn.Module) -> None:
        raise Unsupported("not today")

    hint = first_divergence(Guarded(Changed(refuse)), network("chain-three-layers"))
    assert hint == "Where it diverges cannot be told: not today"
