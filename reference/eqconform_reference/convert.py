"""Convert: carry the plan out on a copy of the prepared model."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node

from eqconform_reference.config import Config
from eqconform_reference.errors import NotCalibrated
from eqconform_reference.folded import note_folds
from eqconform_reference.layers import LayerCall
from eqconform_reference.layout import Layout
from eqconform_reference.plan import Treatment, make_plan
from eqconform_reference.prepare import (
    Prepared,
    call,
    isolated_call,
    prepare,
    same_outputs,
)
from eqconform_reference.scale import divide_columns
from eqconform_reference.tensors import unused_name
from eqconform_reference.trace import copy_of


def equalize(model: nn.Module, batches: Iterable[Any], config: Config | None = None) -> nn.Module:
    """A model that computes the same function with equalized layers.

    Args:
        model: in eval mode; it stays as it is.
        batches: calibration inputs, taken one at a time and not kept: each a mapping of keyword
            arguments, a tuple of positional ones, or the only argument.
        config: what to equalize; by default every layer.

    Warns:
        UserWarning: equalized by parts, the model gives other outputs on the first batch.

    Returns:
        A `torch.fx.GraphModule`, or with `by_parts` the model with such modules inside.

    Raises:
        NotCalibrated: no batch, or no layer that is to be equalized saw one.
        ChannelMismatch, NotFinite, NotTraceable, TypeError, ValueError: see `prepare`, `convert`.
    """
    prepared, first = calibrated(model, batches, config)
    converted = convert(prepared)
    if config is not None and config.by_parts:
        _warn_unless_alike(model, converted, first)
    return converted


def calibrated(
    model: nn.Module, batches: Iterable[Any], config: Config | None
) -> tuple[Prepared, Any]:
    """The model prepared and called with every batch, and the first of them.

    Raises:
        TypeError, NotCalibrated: there is no batch, or one tensor in their place; see `prepare`.
    """
    if isinstance(batches, Tensor):
        raise TypeError("batches must be a sequence of batches, not one tensor: use [batch].")
    remaining = iter(batches)
    first = next(remaining, None)
    if first is None:
        raise NotCalibrated("no calibration batches were given: a scale needs at least one.")
    prepared = prepare(model, config, example=first)
    with torch.no_grad():
        for batch in chain((first,), remaining):
            call(prepared, batch)
    return prepared, first


def _warn_unless_alike(model: nn.Module, converted: nn.Module, batch: Any) -> None:
    """A part that is used otherwise than by calling it is scaled behind its user's back."""
    if not same_outputs(*(isolated_call(each, batch) for each in (copy_of(model), converted))):
        warnings.warn(
            "equalized part by part, the model gives other outputs on the first batch. Either it "
            "sorts or thresholds what it computes, and rounding shows; or it uses the inside of a "
            "part otherwise than by calling the part: name that part in leaf_modules.",
            stacklevel=3,
        )


def convert(prepared: Prepared) -> nn.Module:
    """The equalized model of a calibrated one; `prepared` stays as it is.

    Every scale is a buffer of the module whose graph multiplies by it. A layer that saw no batch
    is left alone.

    Raises:
        TypeError: `prepared` does not come from `prepare`.
        NotCalibrated: no layer that is to be equalized saw a batch.
        ChannelMismatch, NotFinite: see `equalization_scale`.
    """
    if not isinstance(prepared, Prepared):
        raise TypeError(f"convert takes what prepare returns, not {type(prepared).__name__}.")
    layouts = prepared.layouts()
    _check_calibrated(layouts)
    plans = [make_plan(layout) for layout in layouts]
    # The copy finds each scaled tensor in the memo, in every place that holds the original.
    memo: dict[int, Any] = {}
    factors = _factors(chain.from_iterable(plans))
    for each in factors.values():
        memo[id(each.tensor)] = each.applied()
    converted = copy.deepcopy(prepared.model, memo)
    note_folds(converted, {id(memo[key]): each.rows for key, each in factors.items()})
    for path, layout, plan in zip(prepared.parts, layouts, plans, strict=True):
        part = converted.get_submodule(path)
        assert isinstance(part, GraphModule)  # noqa: S101  for the type checker: we traced it
        _rewrite(part, layout, plan)
    return converted


@dataclass
class _Factors:
    """What a tensor is scaled by: columns divided, then rows multiplied."""

    tensor: Tensor
    columns: Tensor | None = None
    groups: int = 1
    rows: Tensor | None = None

    def applied(self) -> Tensor:
        old = new = self.tensor.detach()
        if self.columns is not None:
            new = divide_columns(old, self.columns, self.groups)
        if self.rows is not None:
            rows = self.rows.to(new.dtype).view(-1, *[1] * (new.ndim - 1))
            new = new * rows if new is old else new.mul_(rows)
        if isinstance(self.tensor, nn.Parameter):
            return nn.Parameter(new, requires_grad=self.tensor.requires_grad)
        return new


def _factors(plan: Iterable[Treatment]) -> dict[int, _Factors]:
    factors: dict[int, _Factors] = {}

    def of(tensor: Tensor) -> _Factors:
        return factors.setdefault(id(tensor), _Factors(tensor))

    for treatment in plan:
        if treatment.scale is None:
            continue
        own = of(treatment.calls[0].held_weight)
        own.columns, own.groups = treatment.scale, treatment.calls[0].groups
        for producer in treatment.folds:
            of(producer.weight).rows = treatment.scale
            if producer.bias is not None:
                of(producer.bias).rows = treatment.scale
    return factors


def _rewrite(part: GraphModule, layout: Layout, plan: list[Treatment]) -> None:
    """Put multiplications in the place of observers, or nothing where the scale is folded."""
    # A copied graph has the same nodes in the same order.
    copies = dict(zip(layout.graph_module.graph.nodes, part.graph.nodes, strict=True))
    for treatment in plan:
        name = _register_scale(part, treatment)
        for each in treatment.calls:
            if layout.observer(each) is not None:
                own = name if each in treatment.multiplied else ""
                _replace_observer(part, copies[each.input], own)
    for treatment in plan:
        _delete_observer(part, layout, treatment.calls[0])
    part.recompile()


def _register_scale(part: GraphModule, treatment: Treatment) -> str:
    """The name of a new buffer, shaped to be multiplied with the inputs; "" if none is due."""
    if treatment.scale is None or not treatment.multiplied:
        return ""
    first = treatment.calls[0]
    name = unused_name(part, f"{first.name.replace('.', '_')}_equalization_scale")
    part.register_buffer(name, treatment.scale.view(-1, *[1] * first.spatial))  # (C, 1, ...)
    return name


def _replace_observer(part: GraphModule, observer: Node, scale_name: str) -> None:
    value = observer.args[0]
    if scale_name:
        with part.graph.inserting_before(observer):
            scale = part.graph.get_attr(scale_name)
            value = part.graph.call_function(torch.mul, (value, scale))
    observer.replace_all_uses_with(value)  # type: ignore[arg-type]  # the observer has one node
    part.graph.erase_node(observer)


def _delete_observer(part: GraphModule, layout: Layout, first: LayerCall) -> None:
    if layout.observer(first) is not None:
        part.delete_submodule(str(first.input.target))


def _check_calibrated(layouts: list[Layout]) -> None:
    observers = [layout.observer(calls[0]) for layout in layouts for calls in layout.groups()]
    present = [observer for observer in observers if observer is not None]
    if present and all(observer.range() is None for observer in present):
        raise NotCalibrated(
            f"none of the {len(present)} observers has seen a batch: call the prepared model with "
            "calibration data before converting it."
        )
