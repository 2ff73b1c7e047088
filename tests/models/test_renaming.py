"""A renamed network is the same network under other names."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from eqconform.probe import outputs, record
from eqconform_models import Network, network, networks, renamed, renamed_network

CATALOGUE = {n: each for n, each in networks("traceable").items() if "vision" not in each.tags}


def names(module: nn.Module) -> set[str]:
    return {path for path, _ in module.named_modules() if path}


@pytest.mark.parametrize("subject", CATALOGUE.values(), ids=CATALOGUE.keys())
def test_renamed_computes_exactly_the_same(subject: Network) -> None:
    """Outputs and layer calls are equal to the last bit, on every judgement batch."""
    model, other = subject.build(), renamed_network(subject, seed=5).build()
    assert not any(part.training for part in other.modules())
    for batch in subject.judgement().values():
        before, after = record(model, batch), record(other, batch)
        expected, found = outputs(before.output), outputs(after.output)
        assert expected.keys() == found.keys()
        assert all(torch.equal(value, found[place]) for place, value in expected.items())
        for left, right in zip(before.calls, after.calls, strict=True):
            assert torch.equal(left.weight, right.weight)
            assert left.multiplications == right.multiplications


def test_no_name_of_ours_is_left() -> None:
    """Modules and forward arguments have new names, which depend on the seed."""
    model = network("residual-block").build()
    first, again, other = (renamed(model, seed) for seed in (1, 1, 2))
    assert not names(first) & names(model)
    assert names(first) == names(again)
    assert names(first) != names(other)
    arguments = [[n.target for n in m.graph.nodes if n.op == "placeholder"] for m in (first, other)]
    assert arguments[0] != arguments[1] != ["x"]


def test_misleading_names_occur() -> None:
    """A layer is called after an activation sooner or later."""
    model = network("chain-four-layers-one-relu").build()
    found = " ".join(name for seed in range(5) for name in names(renamed(model, seed)))
    assert "relu" in found
    assert "pre_relu_norm" in found
    assert "scale" in found


@pytest.mark.parametrize(
    "name", ["layer-twice-in-row", "tied-weight-in-row", "shared-bias", "layer-on-two-inputs"]
)
def test_sharing_is_preserved(name: str) -> None:
    """What was one parameter is one parameter."""
    model = network(name).build()
    assert len(list(renamed(model, 3).parameters())) == len(list(model.parameters()))


def test_the_original_stays() -> None:
    """Nothing of the original is renamed, or shared with the copy."""
    model = network("chain-relu-module").build()
    before = names(model)
    copy = renamed(model, 3)
    assert names(model) == before
    addresses = [{p.data_ptr() for p in m.parameters()} for m in (model, copy)]
    assert all(not left & right for left, right in pairwise(addresses))


def test_defaults_of_arguments_stay() -> None:
    """An argument that is left out keeps its default under its new name."""
    model = network("default-number-left-out").build()
    x = torch.randn(2, 8)
    result = renamed(model, 4)(x)
    assert isinstance(result, Tensor)
    assert torch.equal(result, model(x))


def test_renamed_network_keeps_what_is_expected() -> None:
    """Batches, folds and multiplications are the network's own."""
    subject = network("residual-block")
    other = renamed_network(subject, seed=7)
    assert other.name == "residual-block-renamed-7"
    assert other.folds == subject.folds
    assert other.multiplied == subject.multiplied
    assert "renamed" in other.tags
