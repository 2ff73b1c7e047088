"""Claim "equalize": what is the caller's stays as it was, and equalizing again gives the same."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from eqconform.checks.keeping import KEEPING, Keeping, keeping
from eqconform.checks.portraits import is_equal, portrait, require_same, with_hooks
from eqconform.checks.subjects import named, of_other_numbers
from eqconform.judge.alignment import aligned
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded, run
from eqconform.judge.judgement import (
    a_module,
    calibrated,
    equalized,
    judge_engaged,
    judge_function,
    recorded,
    require_engaged,
)
from eqconform.judge.outcome import Evidence, Raised, require, said
from eqconform.judge.process import process_state
from eqconform.probe import LayerCall, Recording, outputs
from eqconform_models import Network

_NETWORKS = named("chain-three-layers", "residual-block", "norm-conv-batch-norm-conv")


@check("equalize.caller-model-untouched", needs=("equalize",), over=_NETWORKS)
def caller_model_untouched(implementation: Guarded, network: Network) -> Evidence:
    """Weights, buffers, mode, hooks, attributes and types of the caller's model are as before."""
    model = with_hooks(network.build())
    before = portrait(model)
    result = a_module(implementation.equalize(model, network.calibration()), "equalize()")
    run(result, network.judgement()["fresh"])
    evidence = require_same(before, portrait(model), "of the caller's model")
    require_engaged(network, result)
    return evidence


@check(
    "equalize.caller-state-untouched",
    needs=("equalize",),
    over={**{name: keeping(each, "buffer") for name, each in _NETWORKS.items()}, **KEEPING},
)
def caller_state_untouched(implementation: Guarded, network: Network) -> Evidence:
    """What every forward writes to is as before: calibration ran on a copy, and so did tracing.

    A model with such a state may be refused; what it keeps tells all the same.
    """
    model = network.build()
    assert isinstance(model, Keeping)  # noqa: S101  for the type checker: `keeping` made it
    try:
        a_module(implementation.equalize(model, network.calibration()), "equalize()")
    except Raised as raised:
        outcome = f"it was refused: {said(raised.cause)}"
    else:
        outcome = "it was equalized"
    left = ["0" if type(each) is int and each == 0 else repr(each) for each in model.kept()]
    return require({*left} == {"0"}, Evidence("0 in every place", f"{', '.join(left)}; {outcome}"))


@check("equalize.batches-untouched", needs=("equalize",), over=_NETWORKS)
def batches_untouched(implementation: Guarded, network: Network) -> Evidence:
    """The calibration batches are as before, and so is the list that holds them."""
    batches = network.calibration()
    handed = list(batches)
    result = implementation.equalize(network.build(), handed)
    require_engaged(network, a_module(result, "equalize()"))
    same_list = [id(each) for each in handed] == [id(each) for each in batches]
    require(same_list, Evidence("the list of batches as it was", "another list"))
    before, after = outputs(network.calibration()), outputs(handed)
    changed = [place for place, value in before.items() if not torch.equal(value, after[place])]
    return require(not changed, Evidence("every batch as it was", f"changed: {changed}"))


@check("equalize.global-state-untouched", needs=("equalize",), over=_NETWORKS)
def global_state_untouched(implementation: Guarded, network: Network) -> Evidence:
    """Random numbers, modes, backends, warning filters, environment and the like are as before."""
    model, batches = network.build(), network.calibration()
    before = process_state()
    result = implementation.equalize(model, batches)
    evidence = require_same(before, process_state(), "of the process")
    require_engaged(network, a_module(result, "equalize()"))
    return evidence


@check("equalize.deterministic", needs=("equalize",), over=_NETWORKS)
def deterministic(implementation: Guarded, network: Network) -> Evidence:
    """Equalizing again from the caller's model gives the same, bit by bit."""
    return _judge_twins(network, lambda: equalized(implementation, network))


@check("equalize.calls-apart", needs=("equalize",), over=_NETWORKS)
def calls_apart(implementation: Guarded, network: Network) -> Evidence:
    """What was equalized before leaves no trace: another model of the same names comes out right.

    And the first one, equalized again after the other, as it did at first.
    """
    other = of_other_numbers(network)
    batch = network.judgement()["fresh"]
    first = recorded(equalized(implementation, network), batch)
    evidence = judge_engaged(other, equalized(implementation, other))
    again = recorded(equalized(implementation, network), batch)
    _require_twins(first, again)
    return evidence


@check("equalize.prepared-converts-twice", needs=("prepare", "convert"), over=_NETWORKS)
def prepared_converts_twice(implementation: Guarded, network: Network) -> Evidence:
    """Converting leaves the prepared model as it was: converting it again gives the same."""
    prepared = calibrated(implementation, network)
    return _judge_twins(network, lambda: _converted(implementation, prepared))


def _converted(implementation: Guarded, prepared: nn.Module) -> nn.Module:
    return a_module(implementation.convert(prepared), "convert()")


def _shown_wider(prepared: nn.Module, network: Network) -> nn.Module:
    """The prepared model, once it has seen other ranges besides."""
    for batch in of_other_numbers(network).calibration():
        run(prepared, batch, who="the prepared model")
    return prepared


@check("equalize.results-apart", needs=("prepare", "convert"), over=_NETWORKS)
def results_apart(implementation: Guarded, network: Network) -> Evidence:
    """Converting again gives the same even where the first result has been overwritten.

    And what the prepared model is shown afterwards counts, as if it had not been converted yet.
    """
    prepared = calibrated(implementation, network)
    made: list[nn.Module] = []

    def convert() -> nn.Module:
        for earlier in made:
            _overwrite(earlier)
        made.append(_converted(implementation, prepared))
        return made[-1]

    evidence = _judge_twins(network, convert)
    batch, never_converted = network.judgement()["fresh"], calibrated(implementation, network)
    goes_on, expected = (
        recorded(_converted(implementation, _shown_wider(each, network)), batch)
        for each in (prepared, never_converted)
    )
    _require_twins(expected, goes_on)
    return evidence


@check("equalize.prepared-computes-the-same", needs=("prepare", "convert"), over=_NETWORKS)
def prepared_computes_the_same(implementation: Guarded, network: Network) -> Evidence:
    """Observing changes nothing: the prepared model returns what the untouched one returns."""
    return judge_function(network, calibrated(implementation, network))


@check("equalize.result-is-independent", needs=("equalize",), over=_NETWORKS)
def result_is_independent(implementation: Guarded, network: Network) -> Evidence:
    """Writing into the result does not reach the caller's model, batches or list; nor back."""
    model, batches = network.build(), network.calibration()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    result = a_module(implementation.equalize(model, batches), "equalize()")
    require_engaged(network, result)
    kept = {name: value.clone() for name, value in result.state_dict().items()}
    _overwrite(result)
    reached = _changed(before, model.state_dict())
    require(not reached, Evidence("the caller's weights", f"overwritten: {reached}"))
    result.load_state_dict(kept)
    _overwrite(model)
    for tensor in outputs(batches).values():
        tensor.zero_()
    return judge_function(network, result)


@check("equalize.attributes-not-overwritten", needs=("equalize",), over=_NETWORKS)
def attributes_not_overwritten(implementation: Guarded, network: Network) -> Evidence:
    """A buffer that has the very name that the implementation would choose keeps its value."""
    wrapped = _holding(network, [])
    model = wrapped.build()
    added = [name for name in equalized(implementation, wrapped).state_dict() if _free(model, name)]
    if not added:
        judged = judge_engaged(wrapped, equalized(implementation, wrapped))
        return replace(judged, observed=f"{judged.observed}, and no name is added to the model's")
    taken = _holding(network, added)
    return judge_engaged(taken, equalized(implementation, taken))


class _Holding(nn.Module):
    """A network, and buffers under chosen names that are added to its output.

    Args:
        inner: takes a tensor and returns one.
        names: qualified; the buffers' modules are there.
    """

    def __init__(self, inner: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.inner = inner
        self.names = names
        for number, name in enumerate(names):
            module, _, leaf = name.rpartition(".")
            self.get_submodule(module).register_buffer(leaf, torch.full((1,), 1.0 + number))

    def forward(self, x: Tensor) -> Tensor:
        """The network's output plus every buffer."""
        result: Tensor = self.inner(x)
        for name in self.names:
            result = result + self.get_buffer(name)
        return result


def _holding(network: Network, names: Sequence[str]) -> Network:
    return replace(network, build=lambda: _Holding(network.build(), names).eval())


def _free(model: nn.Module, name: str) -> bool:
    """Whether the model has a module that could hold the name, but nothing under it."""
    module, _, leaf = name.rpartition(".")
    owners = dict(model.named_modules())
    return module in owners and not hasattr(owners[module], leaf)


def _overwrite(model: nn.Module) -> None:
    for tensor in model.state_dict().values():
        tensor.zero_()


def _changed(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> list[str]:
    return [name for name, value in before.items() if not torch.equal(value, after[name])]


def _judge_twins(network: Network, make: Callable[[], nn.Module]) -> Evidence:
    """Two models made one after the other hold the same numbers; the first is looked at at once."""
    batch = network.judgement()["fresh"]
    first = recorded(make(), batch)
    model = make()
    evidence = _require_twins(first, recorded(model, batch))
    require_engaged(network, model)
    return evidence


def _require_twins(first: Recording, second: Recording) -> Evidence:
    """The evidence that two recordings hold the same numbers.

    Raises:
        Violation: they do not.
    """
    pairs = enumerate(aligned(first, second))
    differing = [index for index, (one, two) in pairs if not _equal(one, two)]
    observed = f"others at layer calls {differing}" if differing else "the same"
    return require(not differing, Evidence("the same inputs, weights and biases", observed))


def _equal(one: LayerCall, two: LayerCall) -> bool:
    return all(map(is_equal, (one.input, one.weight, one.bias), (two.input, two.weight, two.bias)))
