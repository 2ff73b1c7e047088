"""A case goes to another device and its answer comes home; "meta" stands for the GPU here."""

import pytest
import torch
from torch import Tensor, nn

from eqconform import ChannelRange, Implementation
from eqconform.judge.devices import call_there, placed
from eqconform.judge.guard import Guarded
from eqconform_models import network

META = torch.device("meta")


class Sees(Implementation):
    """Notes where its arguments are, and answers at home, for meta tensors hold no values."""

    name = "sees"

    def __init__(self) -> None:
        self.devices: list[str] = []

    def observe_input(self, batches: list[Tensor], *, channel_axis: int) -> ChannelRange:
        assert channel_axis == 1
        self.devices += [batch.device.type for batch in batches]
        return ChannelRange(torch.zeros(2), torch.ones(2))

    def equalize(self, model: nn.Module, batches: list[Tensor], **_: object) -> nn.Module:
        self.devices += [each.device.type for each in (*model.parameters(), *batches)]
        return model


def test_tensors_are_carried_out_and_answers_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tensor, "copy_", lambda original, _: original)  # meta holds no values
    seen = Sees()
    answer = Guarded(seen, META).observe_input([torch.ones(3, 2)], channel_axis=1)
    assert seen.devices == ["meta"]
    assert isinstance(answer, ChannelRange)
    assert answer.max.device.type == "cpu"


def test_a_model_and_its_batches_are_left_where_they_are() -> None:
    seen = Sees()
    Guarded(seen, META).equalize(nn.Linear(2, 2), [torch.ones(3, 2)])
    assert set(seen.devices) == {"cpu"}


def test_at_home_nothing_is_carried() -> None:
    seen = Sees()
    Guarded(seen).observe_input([torch.ones(3, 2)], channel_axis=1)
    assert seen.devices == ["cpu"]


def test_mutation_comes_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """An implementation that writes into its argument is caught on another device too."""
    monkeypatch.setattr(Tensor, "to", lambda tensor, _: tensor.clone())  # the copy that .to makes
    given = torch.ones(2)
    answer = call_there(META, Tensor.mul_, (given, torch.tensor(3.0)), {})
    assert answer is not given
    assert given.tolist() == [3.0, 3.0]


def test_networks_are_built_and_fed_there() -> None:
    found = placed(network("chain-three-layers"), META)
    assert {each.device.type for each in found.build().parameters()} == {"meta"}
    assert {batch.device.type for batch in found.calibration()} == {"meta"}
    assert {batch.device.type for batch in found.judgement().values()} == {"meta"}
    assert placed(("a", 1), META) == ("a", 1)
