"""Every network is what it says: built the same each time, fed, and judged at calls that exist."""

import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn
from torch.fx import symbolic_trace

from eqconform.probe import outputs, record
from eqconform_models import Batch, Network, network, networks

CATALOGUE = {name: each for name, each in networks().items() if "vision" not in each.tags}
MODERATE = 1e3

every_network = pytest.mark.parametrize("subject", CATALOGUE.values(), ids=CATALOGUE.keys())


def tensors(batch: Batch) -> tuple[Tensor, ...]:
    return batch if isinstance(batch, tuple) else (batch,)


def same(left: Batch, right: Batch) -> bool:
    return all(map(torch.equal, tensors(left), tensors(right)))


def results(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    return outputs(record(model, batch).output)


def batches(subject: Network) -> list[Batch]:
    return [*subject.calibration(), *subject.judgement().values()]


@every_network
def test_built_the_same_each_time(subject: Network) -> None:
    """Two builds have equal weights and nothing in common, and leave the global state alone."""
    before = torch.get_rng_state()
    model, again = subject.build(), subject.build()
    assert torch.equal(before, torch.get_rng_state())
    assert not any(part.training for part in model.modules())
    assert {p.dtype for p in model.parameters()} <= {torch.float32}
    first, second = model.state_dict(), again.state_dict()
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name])
        assert value.data_ptr() != second[name].data_ptr()


@every_network
def test_batches_are_the_same_each_time(subject: Network) -> None:
    """A verdict does not depend on when the batches were drawn, nor on who was given them."""
    model, kept = subject.build(), batches(subject)
    before = torch.get_rng_state()
    assert len(subject.calibration()) == 3
    for batch in kept:
        results(model, batch)
    assert all(map(same, kept, batches(subject)))
    assert torch.equal(before, torch.get_rng_state())


@every_network
def test_judgement_was_never_calibrated_on(subject: Network) -> None:
    """No judgement batch is a calibration batch; fresh and times-3 are always there."""
    judgement = subject.judgement()
    assert {"fresh", "times-3"} <= judgement.keys()
    for batch in judgement.values():
        shapes = [x.shape for x in tensors(batch)]
        for seen in subject.calibration():
            assert [x.shape for x in tensors(seen)] != shapes or not same(seen, batch)


@every_network
def test_outputs_are_finite_and_moderate(subject: Network) -> None:
    """Rounding is judged, not overflow."""
    model = subject.build()
    for batch in batches(subject):
        found = [x for x in results(model, batch).values() if x.is_floating_point()]
        assert found
        assert all(x.isfinite().all() and x.abs().max() < MODERATE for x in found)
    fresh = results(model, subject.judgement()["fresh"]).values()
    assert all(x.abs().max() > 0 for x in fresh if x.is_floating_point())


@every_network
def test_expectations_name_calls_that_exist(subject: Network) -> None:
    """What folds, what is multiplied and what a norm takes are apart, and a fold has room."""
    calls = record(subject.build(), subject.judgement()["fresh"]).calls
    groups = [set(subject.folds), set(subject.multiplied), set(subject.norm_folds)]
    named = set().union(*groups)
    assert len(named) == sum(map(len, groups))
    assert named <= set(range(len(calls)))
    for consumer, producer in subject.folds.items():
        assert producer < consumer
        assert calls[producer].weight.shape[0] == calls[consumer].channels


@every_network
def test_tags(subject: Network) -> None:
    """Core or extended, and never both; a chain folds somewhere, and a hazard nowhere."""
    assert len(subject.tags & {"core", "extended"}) == 1
    assert subject.folds or "chain" not in subject.tags
    assert not subject.folds or "hazard" not in subject.tags
    assert subject.summary.endswith(".")
    assert subject.name == subject.name.lower()


@pytest.mark.parametrize("subject", networks("traceable").values(), ids=lambda each: each.name)
def test_traceable(subject: Network) -> None:
    """What is said to be traceable is, and its trace computes the same."""
    model = subject.build()
    batch = subject.judgement()["fresh"]
    expected, traced = results(model, batch), results(symbolic_trace(model), batch)
    assert all(torch.equal(value, traced[place]) for place, value in expected.items())


def test_channels_differ_in_magnitude_and_offset() -> None:
    """Inputs and weight columns spread far enough for a wrong scale to show."""
    subject = network("linear-rank3")
    (x, *_), weight = subject.calibration(), next(subject.build().parameters())
    spans = x.amax((0, 1)) - x.amin((0, 1))
    columns = weight.amax(0) - weight.amin(0)
    assert spans.max() > 5 * spans.min()
    assert columns.max() > 5 * columns.min()
    assert not torch.allclose(spans, 2 * x.abs().amax((0, 1)), rtol=0.05)


def test_dead_channel_revives() -> None:
    """The channel that is dead in calibration, and the one behind it, are alive later."""
    subject = network("dead-channel-revives")
    model = subject.build()
    hidden = [torch.relu(model.get_submodule("first")(x))[:, 1] for x in subject.calibration()]
    assert all(not x.any() for x in hidden)
    fresh = subject.judgement()["fresh"]
    assert isinstance(fresh, Tensor)
    assert torch.relu(model.get_submodule("first")(fresh))[:, 1].any()


def test_all_tags_are_asked_for() -> None:
    """Several tags select the networks that have all of them."""
    both = networks("chain", "core")
    assert both.keys() == networks("chain").keys() & networks("core").keys()
    assert both
    assert not networks("chain", "no such tag")


def test_unknown_name() -> None:
    """A name that does not exist is an error that lists those that do."""
    with pytest.raises(KeyError, match=r"no network 'nothing'.*chain-relu-module"):
        network("nothing")


def test_importing_and_listing_is_cheap() -> None:
    """Neither torchvision nor hypothesis is imported, and no module is built."""
    code = (
        "import sys, torch.nn as nn\n"
        "import eqconform_models\n"
        "def build(*_): raise SystemExit('a module was built')\n"
        "nn.Module.__init__ = build\n"
        "assert eqconform_models.networks()\n"
        "print([m for m in ('torchvision', 'hypothesis', 'torch.ao.quantization.fx')"
        " if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.stdout.strip(), run.returncode) == ("[]", 0), run.stderr
