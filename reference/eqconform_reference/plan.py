"""The plan: which layer calls are equalized by which scale, and where the scale goes.

Layer calls that share a weight form one group with one scale, and every decision comes with a
reason in words. All scales come from the original ranges, before any weight changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from eqconform_reference.folding import Producer, producer_for
from eqconform_reference.layers import LayerCall
from eqconform_reference.layout import Layout
from eqconform_reference.observers import WeightEqualizationObserver
from eqconform_reference.ranges import ChannelRange
from eqconform_reference.scale import divide_columns, equalization_scale, fold_costs_precision


@dataclass(frozen=True, eq=False)
class Treatment:
    """What happens to the layer calls of one weight.

    Attributes:
        calls: in the order of execution.
        scale: of the input channels, shape (C,); None: they are left alone.
        folds: producers that take the scale in their rows.
        multiplied: the calls whose input is multiplied.
        reason: why so.
    """

    calls: tuple[LayerCall, ...]
    scale: Tensor | None
    folds: tuple[Producer, ...] = ()
    multiplied: tuple[LayerCall, ...] = ()
    reason: str = ""


def make_plan(layout: Layout) -> list[Treatment]:
    """What to do with every layer call of a graph that holds calibrated observers.

    Raises:
        ChannelMismatch, NotFinite: see `equalization_scale`.
    """
    treatments = [_with_scale(calls, layout) for calls in layout.groups()]
    scaled = {id(t.calls[0].weight): t for t in treatments if t.scale is not None}
    return [t if t.scale is None else _with_folds(t, t.scale, scaled, layout) for t in treatments]


def _with_scale(calls: tuple[LayerCall, ...], layout: Layout) -> Treatment:
    if obstacle := layout.obstacle(calls):
        return Treatment(calls, None, reason=obstacle)
    first, observer = calls[0], layout.observer(calls[0])
    inputs = None if observer is None else observer.range()
    if inputs is None:
        return Treatment(calls, None, reason="its input was never observed")
    columns = layout.config.observer(
        WeightEqualizationObserver, first.name, first.operation, groups=first.groups
    )
    columns(first.held_weight)
    scale = equalization_scale(
        inputs,
        ChannelRange(columns.min, columns.max),
        statistic=layout.config.statistic,
        dtype=first.held_weight.dtype,
        layer=first.name,
    )
    return Treatment(calls, scale)


def _with_folds(
    treatment: Treatment, scale: Tensor, scaled: dict[int, Treatment], layout: Layout
) -> Treatment:
    """The treatment, its calls divided into those that a producer serves and the others."""
    folds: dict[int, Producer] = {}
    multiplied: list[LayerCall] = []
    reasons: list[str] = []
    for call in treatment.calls:
        producer, why = producer_for(call, treatment.calls, layout)
        if producer and layout.config.fold == "auto" and _costly(producer, scale, scaled):
            why = f"the weight range of {producer.name} would suffer"
            producer = None
        if producer:
            folds[id(producer.weight)] = producer
        else:
            multiplied.append(call)
        reasons.append(f"folded into {producer.name}" if producer else f"multiplied: {why}")
    reason = "; ".join(dict.fromkeys(reasons))
    return replace(
        treatment, folds=tuple(folds.values()), multiplied=tuple(multiplied), reason=reason
    )


def _costly(producer: Producer, scale: Tensor, scaled: dict[int, Treatment]) -> bool:
    weight, own = producer.weight, scaled.get(id(producer.weight))
    if own is not None and own.scale is not None:
        weight = divide_columns(weight, own.scale, own.calls[0].groups)
    return fold_costs_precision(weight, scale)
