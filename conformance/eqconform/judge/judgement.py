"""Whether a model computes what the untouched one computes: the heart of the `equalize` checks."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from eqconform.contract import Batch
from eqconform.judge.alignment import changed_calls
from eqconform.judge.guard import Guarded, attempt, run
from eqconform.judge.outcome import Evidence, Vacuous, Violation, require
from eqconform.judge.rounding import Bounds, bounds, cast
from eqconform.judge.underflow import losses, widened
from eqconform.probe import Recording, outputs, record
from eqconform_models import Network

Leaves = Mapping[str, Tensor]
"""A model's outputs by place, see `eqconform.probe.outputs`."""

BEYOND_CALIBRATION = ("fresh", "times-3")
"""The judgement batches that every network has: never calibrated on, and three times that."""


def equalized(
    implementation: Guarded,
    network: Network,
    *,
    dtype: torch.dtype = torch.float32,
    layers: Iterable[str] | None = None,
) -> nn.Module:
    """The implementation's equalized model of a network, calibrated on the network's batches.

    Raises:
        Raised, Unsupported: the implementation did.
        Violation: what it returned is no module.
    """
    model = network.build().to(dtype)
    batches = [cast(each, dtype) for each in network.calibration()]
    chosen = {} if layers is None else {"layers": list(layers)}
    implementation.network = network
    return a_module(implementation.equalize(model, batches, **chosen), "equalize()")


def calibrated(
    implementation: Guarded, network: Network, *, layers: Iterable[str] | None = None
) -> nn.Module:
    """The implementation's prepared model of a network, called on the network's batches.

    Raises:
        Raised, Unsupported: the implementation did.
        Violation: what it returned is no module.
    """
    chosen = {} if layers is None else {"layers": list(layers)}
    prepared = a_module(implementation.prepare(network.build(), **chosen), "prepare()")
    for batch in network.calibration():
        run(prepared, batch, who="the prepared model")
    return prepared


def a_module(result: object, where: str) -> nn.Module:
    """`result`, if it is a module.

    Raises:
        Violation: it is not.
    """
    if not isinstance(result, nn.Module):
        raise Violation(Evidence(f"a module from {where}", f"{type(result).__name__}"))
    return result


def recorded(model: nn.Module, batch: Batch) -> Recording:
    """What the implementation's model does on a batch.

    Raises:
        Raised: the model raised.
    """
    return attempt("calling the equalized model", lambda: record(model, batch))


def judge_function(  # noqa: PLR0913  each says one thing of the judgement
    network: Network,
    model: nn.Module,
    *,
    on: Iterable[str] = BEYOND_CALIBRATION,
    dtype: torch.dtype = torch.float32,
    precision: torch.dtype | None = None,
    draws: int | None = None,
) -> Evidence:
    """The evidence that `model` computes the network's function.

    Args:
        network: what the model was made from.
        model: the implementation's.
        on: names of the network's judgement batches.
        dtype: of the model.
        precision: see `eqconform.judge.rounding.bounds`.
        draws: see there.

    Returns:
        The place that comes closest to its tolerance.

    Raises:
        Violation: some output of some batch is off, or is missing.
        Raised: the model raised.
    """
    given = network.judgement()
    found = []
    for name in on:
        limits = bounds(network, name, dtype=dtype, precision=precision, draws=draws)
        returned = outputs(run(model, cast(given[name], dtype)))
        found.append(judge_returned(network, returned, limits, name, dtype=dtype))
    return max(found, key=share)


def judge_returned(
    network: Network,
    returned: Leaves,
    limits: Bounds,
    batch: str,
    *,
    dtype: torch.dtype = torch.float32,
) -> Evidence:
    """The evidence that these are the outputs expected, to rounding, or to underflow besides.

    What underflow may do is measured only where rounding does not suffice, which is hardly ever.

    Args:
        network: that they are outputs of.
        returned: by the implementation's model.
        limits: what is expected, to rounding.
        batch: name of the network's judgement batch.
        dtype: of the model.

    Raises:
        Violation: see `judge_outputs`.
    """
    try:
        return judge_outputs(returned, limits, batch)
    except Violation:
        lost = losses(network, batch, dtype=dtype)
        if lost is None:
            raise
        return judge_outputs(returned, widened(limits, lost), batch)


def judge_engaged(
    network: Network,
    model: nn.Module,
    *,
    dtype: torch.dtype = torch.float32,
    precision: torch.dtype | None = None,
    on: Iterable[str] = BEYOND_CALIBRATION,
) -> Evidence:
    """The evidence that `model` computes the network's function, equalized.

    Raises:
        Violation, Raised: as `judge_function`.
        Vacuous: nothing was changed.
    """
    evidence = judge_function(network, model, on=on, dtype=dtype, precision=precision)
    require_engaged(network, model, dtype=dtype)
    return evidence


def what_it_returns(network: Network, model: nn.Module) -> dict[str, Leaves]:
    """The outputs of the implementation's model by batch and place.

    Raises:
        Raised: the model raised.
    """
    given = network.judgement()
    return {name: outputs(run(model, given[name])) for name in BEYOND_CALIBRATION}


def judge_twin(
    network: Network, returned: Mapping[str, Leaves], own: Mapping[str, Leaves]
) -> Evidence:
    """The evidence that a copy, an export or the like returns what the equalized model did.

    Whether that was right is another question, and another clause's.

    Args:
        network: that both were made from.
        returned: by the copy (`what_it_returns`).
        own: what the equalized model returned.

    Raises:
        Violation: some output is off by more than rounding, or is missing; or the equalized model
            itself returned what nothing can be held against.
    """
    require_comparable(own)
    found = []
    for name, leaves in own.items():
        limits = replace(bounds(network, name), expected=leaves, plain=leaves)
        found.append(judge_returned(network, returned[name], limits, name))
    return max(found, key=share)


def require_comparable(own: Mapping[str, Leaves]) -> None:
    """Nothing, if what the equalized model returned can be held against what comes of it.

    NaN equals nothing, itself included, and nothing lies near an infinity.

    Args:
        own: what the equalized model returned, by batch and place.

    Raises:
        Violation: some of it is not finite.
    """
    for name, leaves in own.items():
        for place, value in leaves.items():
            amiss = value.detach()[~value.isfinite()]
            expected = "finite outputs of the equalized model itself, to compare with"
            observed = f"{name}: {place} holds {amiss.numel()} of {value.numel()} that are not"
            require(not amiss.numel(), Evidence(expected, f"{observed}, {amiss[:1].tolist()}"))


def judge_outputs(returned: Leaves, limits: Bounds, batch: str) -> Evidence:
    """The evidence that these are the untouched model's outputs, every one of them.

    Raises:
        Violation: one is missing, of another shape or dtype, or off by more than rounding.
    """
    _require_same_form(returned, limits.plain, batch)
    places = [
        worst_of(
            returned[place].double(), value.double(), limits.tolerance[place], f"{batch}: {place}"
        )
        for place, value in limits.expected.items()
    ]
    worst = max(places, key=share)
    return require(share(worst) <= 1, worst)


def require_engaged(
    network: Network, model: nn.Module, *, dtype: torch.dtype = torch.float32
) -> None:
    """Nothing, if the model differs from the network wherever a change is due.

    Raises:
        Vacuous: every layer has the input and the weight it had; the function is preserved, but
            only because nothing was done.
        Raised: the model raised.
    """
    if not (network.folds or network.multiplied or network.norm_folds or "vision" in network.tags):
        return
    if not is_changed(network, model, dtype=dtype):
        raise Vacuous("every layer still has the input and the weight it had")


def is_changed(network: Network, model: nn.Module, *, dtype: torch.dtype = torch.float32) -> bool:
    """Whether any layer of the model has another input or weight than in the network.

    Raises:
        Raised: the model raised.
    """
    batch = cast(network.judgement()["fresh"], dtype)
    before, after = record(network.build().to(dtype), batch), recorded(model, batch)
    known, returned = outputs(before.output), outputs(after.output)
    if any(not torch.equal(value, known[place]) for place, value in returned.items()):
        return True  # another rounding: something was rescaled
    return bool(changed_calls(before, after))


def excess(error: Tensor, tolerance: Tensor) -> Tensor:
    """Error over tolerance: 0 where both are 0; infinite for NaN, and where nothing is allowed."""
    share = torch.where(error == 0, torch.zeros_like(error), error / tolerance)
    return share.nan_to_num(nan=torch.inf, posinf=torch.inf)


def worst_of(observed: Tensor, expected: Tensor, tolerance: Tensor, place: str) -> Evidence:
    """The element that is furthest off for its tolerance, as evidence, whether good or bad.

    Args:
        observed: any shape.
        expected: the same shape.
        tolerance: broadcastable to it.
        place: name of the tensor, for the reader.
    """
    if expected.numel() == 0:
        return Evidence(f"{place} is empty", "it is", 0.0, 0.0)
    error = torch.where(observed == expected, 0.0, (observed - expected).abs())
    tolerance = tolerance.expand_as(error)
    index = _place_of_largest(excess(error, tolerance))
    where = f"{place}{list(index)}" if index else place
    return Evidence(
        expected=f"{where} = {expected[index].item():.9g}",
        observed=f"{observed[index].item():.9g}",
        error=error[index].item(),
        tolerance=tolerance[index].item(),
    )


def share(evidence: Evidence) -> float:
    """How much of its tolerance an error takes up; infinite where it is no number."""
    pair = torch.tensor([evidence.error, evidence.tolerance], dtype=torch.float64)
    return float(excess(pair[0], pair[1]))


def _place_of_largest(values: Tensor) -> tuple[int, ...]:
    flat, index = int(values.argmax()), list[int]()
    for length in reversed(values.shape):
        flat, position = divmod(flat, length)
        index.append(position)
    return tuple(reversed(index))


def _require_same_form(returned: Leaves, plain: Leaves, batch: str) -> None:
    """The model returns as many tensors as before, of the same shape and dtype.

    Raises:
        Violation: it does not.
    """
    before, after = (_form(each) for each in (plain, returned))
    require(before == after, Evidence(f"{batch}: {before}", after))


def _form(leaves: Leaves) -> str:
    parts = [f"{at} {_plain(x.dtype)}{list(x.shape)}" for at, x in sorted(leaves.items())]
    return ", ".join(parts) or "no tensor"


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
