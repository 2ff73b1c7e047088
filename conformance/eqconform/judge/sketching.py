"""Sketches of networks that broke a clause, see `eqconform.sketches`.

Drawn from what the implementation was last given and what it made of it, so that no check has to
think of them: the operations as they happen, the layer calls as the probe sees them. A sketch is an
extra. What stands in its way (a model that runs no more, a network that is too large) leaves none,
and changes no verdict.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from eqconform.contract import Batch
from eqconform.judge.alignment import aligned
from eqconform.judge.channels import column_extremes, input_extremes
from eqconform.judge.guard import Guarded, Made
from eqconform.judge.operations import operations
from eqconform.judge.sqnr import sqnr
from eqconform.probe import LayerCall, Recording, record
from eqconform.sketches import (
    MOST_CHANNELS,
    MOST_LAYERS,
    MOST_STEPS,
    LayerSketch,
    Sketch,
    Widths,
)
from eqconform_models import Network

_BATCHES = 4  # of calibration that ranges are taken over
_DIGITS = 3  # of a number that is only drawn


def sketch_of(implementation: Guarded, network: Network | None) -> Sketch | None:
    """The sketch of what the implementation last worked on; None where there is nothing to draw.

    Args:
        implementation: which broke the clause.
        network: the subject of the case, where it is one; says where the scales belong.
    """
    made = implementation.made
    if made is None:
        return None
    network = made.network or network
    if network is not None and "vision" in network.tags:
        return None
    try:
        return _sketch(_subject(made, network))
    except Exception:  # noqa: BLE001  the models are the implementation's: they may raise anything
        return None


@dataclass(frozen=True)
class _Subject:
    """What was given to the implementation, and what it made of that.

    Attributes:
        network: that was given, where it is one.
        before: the untouched model.
        after: what was made of it, or None.
        batches: of calibration, the first few.
        is_quantized: it was made to be int8.
    """

    network: Network | None
    before: nn.Module
    after: nn.Module | None
    batches: Sequence[Batch]
    is_quantized: bool


def _subject(made: Made, network: Network | None) -> _Subject:
    batches = made.batches if network is None else network.calibration()
    return _Subject(
        network=network,
        before=made.model if network is None else network.build(),
        after=made.returned if isinstance(made.returned, nn.Module) else None,
        batches=batches[:_BATCHES],
        is_quantized=made.method.startswith("quantize"),
    )


def _sketch(subject: _Subject) -> Sketch:
    steps = operations(subject.before, subject.batches[0])
    after = _attempted(lambda model: operations(model, subject.batches[0]), subject.after) or []
    layers = _layers(subject)
    cut = len(steps) > MOST_STEPS or len(after) > MOST_STEPS or len(layers) > MOST_LAYERS
    kept = layers[:MOST_LAYERS]
    return Sketch(
        steps=tuple(steps[:MOST_STEPS]),
        after=tuple(after[:MOST_STEPS]),
        layers=tuple(layer for layer, _ in kept),
        cut=cut or any(channels > MOST_CHANNELS for _, channels in kept),
    )


def _attempted(do: Callable[[nn.Module], Any], model: nn.Module | None) -> Any:
    """What comes of it; None where there is no model, or it raises."""
    try:
        return None if model is None else do(model)
    except Exception:  # noqa: BLE001  the model is the implementation's: it may raise anything
        return None


@dataclass(frozen=True)
class _Seen:
    """A layer call on several batches: widths of shape (C,)."""

    input: Tensor
    weight: Tensor


def _layers(subject: _Subject) -> list[tuple[LayerSketch, int]]:
    """The layer calls of the untouched network, and how many channels each has."""
    before = [record(subject.before, batch) for batch in subject.batches]
    after = _attempted(
        lambda model: [
            _reordered(one, record(model, batch))
            for one, batch in zip(before, subject.batches, strict=True)
        ],
        subject.after,
    )
    found = []
    for index, call in enumerate(before[0].calls):
        old = _seen([each.calls[index] for each in before])
        new = None if after is None else _seen([calls[index] for calls in after])
        ratio = None
        if after is not None and subject.is_quantized:
            ratio = _ratio(call, after[0][index])
        due, producer = _due(subject.network, index)
        sketched = LayerSketch(
            due=due,
            producer=producer,
            input=_widths(old.input),
            weight=_widths(old.weight),
            input_after=() if new is None else _widths(new.input),
            weight_after=() if new is None else _widths(new.weight),
            sqnr=ratio,
        )
        found.append((sketched, len(old.input)))
    return found


def _reordered(before: Recording, after: Recording) -> list[LayerCall]:
    """The later layer calls in the order of the earlier ones.

    Raises:
        Violation: there are more or fewer.
    """
    return [new for _, new in aligned(before, after)]


def _seen(calls: Sequence[LayerCall]) -> _Seen:
    extremes = [input_extremes(call.input.double(), call.channel_axis) for call in calls]
    low = torch.stack([each[0] for each in extremes]).amin(0)
    high = torch.stack([each[1] for each in extremes]).amax(0)
    column = column_extremes(calls[0].weight.double(), calls[0].groups)
    return _Seen(high - low, column[1] - column[0])


def _ratio(before: LayerCall, after: LayerCall) -> float | None:
    """The signal-to-noise ratio of a layer's input, its scales undone by least squares."""
    rows, noisy = (
        each.input.double().movedim(each.channel_axis, 0).flatten(1) for each in (before, after)
    )  # (C, values)
    squares = rows.square().sum(1, keepdim=True)
    scale = (rows * noisy).sum(1, keepdim=True) / squares
    unscaled = torch.where((squares == 0) | (scale == 0), rows, noisy / scale)
    return _finite(sqnr(rows, unscaled))


def _due(network: Network | None, index: int) -> tuple[str | None, int | None]:
    """Where the scale of a layer call belongs, and the layer call that takes it."""
    if network is None:
        return None, None
    if index in network.folds:
        return "fold", network.folds[index]
    if index in network.norm_folds:
        return "norm", None
    return ("multiply" if index in network.multiplied else None), None


def _widths(widths: Tensor) -> Widths:
    return tuple(_finite(each) for each in widths[:MOST_CHANNELS].tolist())


def _finite(value: float) -> float | None:
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
