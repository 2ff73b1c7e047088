"""torchvision's networks: the list is torchvision's, and the ten are ready for every run."""

import pytest
import torch
from torchvision import models

from eqconform.probe import outputs, record
from eqconform_models import Network, network, networks, vision_names, vision_network
from eqconform_models.vision import FAMILIES, TEN

TEN_NETWORKS = networks("vision")


def test_the_ten_come_last_and_are_found_by_name() -> None:
    """They are networks like the others, apart by their tag."""
    assert list(TEN_NETWORKS) == list(TEN)
    assert list(networks())[-len(TEN) :] == list(TEN)
    assert network("resnet18") is not None
    assert not networks("vision", "core")


def test_every_network_of_torchvision_is_named() -> None:
    """All that `list_models` knows, save quantized networks and optical flow."""
    expected = [
        name
        for name in models.list_models()
        if not name.startswith("quantized_") and name not in models.list_models(models.optical_flow)
    ]
    assert sorted(vision_names()) == sorted(expected)
    assert set(TEN) <= set(vision_names("classification"))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_network_bears_its_family(family: str) -> None:
    """Describing a network builds nothing, so that all of them can be described."""
    for name in vision_names(family):
        subject = vision_network(name)
        assert {"vision", family} <= subject.tags
        assert subject.calibration()


def test_giants() -> None:
    """Those beyond 150 million parameters are flagged."""
    giants = {name for name in vision_names() if "giant" in vision_network(name).tags}
    assert {"vit_h_14", "regnet_y_128gf"} <= giants
    assert not giants & {"resnet152", *TEN}


def test_unknown_network() -> None:
    """A name that torchvision does not have is an error that says where the names are."""
    with pytest.raises(KeyError, match=r"no network 'resnet19'.*vision_names"):
        vision_network("resnet19")


@pytest.mark.parametrize("subject", TEN_NETWORKS.values(), ids=TEN_NETWORKS.keys())
def test_ready_to_be_judged(subject: Network) -> None:
    """Built the same each time, in eval mode, with finite, moderate and varied outputs."""
    before = torch.get_rng_state()
    model, again = subject.build(), subject.build()
    assert torch.equal(before, torch.get_rng_state())
    assert not any(part.training for part in model.modules())
    for batch in subject.judgement().values():
        expected = outputs(record(again, batch).output)
        for place, value in outputs(record(model, batch).output).items():
            assert torch.equal(value, expected[place])
            assert 1e-2 < value.std() < 1e2


def test_a_size_that_is_too_small_is_raised() -> None:
    """A network that needs larger images gets them."""
    batch = vision_network("inception_v3", size=32).judgement()["fresh"]
    assert isinstance(batch, torch.Tensor)
    assert batch.shape == (2, 3, 96, 96)


@pytest.mark.parametrize("name", ["fcn_resnet50", "r3d_18", "ssdlite320_mobilenet_v3_large"])
def test_one_of_each_other_family(name: str) -> None:
    """A segmentation, a video and a detection network build and run."""
    subject = vision_network(name)
    result = outputs(record(subject.build(), subject.judgement()["fresh"]).output)
    assert result
    assert all(value.isfinite().all() for value in result.values() if value.is_floating_point())
