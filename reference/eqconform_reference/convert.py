"""Convert: carry the plan out on a copy of the prepared model."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Graph, GraphModule, Node

from eqconform_reference.calling import call
from eqconform_reference.config import Config
from eqconform_reference.errors import NotCalibrated
from eqconform_reference.folded import note_folds
from eqconform_reference.folding import Producer
from eqconform_reference.guards import add_guard
from eqconform_reference.layout import Layout
from eqconform_reference.plan import Treatment, make_plan
from eqconform_reference.prepare import Prepared, prepare
from eqconform_reference.scale import divide_columns
from eqconform_reference.tensors import unused_name


def equalize(model: nn.Module, batches: Iterable[Any], config: Config | None = None) -> nn.Module:
    """A model that computes the same function with equalized layers.

    Args:
        model: in eval mode; it stays as it is.
        batches: calibration inputs, taken one at a time and not kept: each a mapping of keyword
            arguments, a tuple of positional ones, or the only argument.
        config: what to equalize; by default every layer.

    Returns:
        A `torch.fx.GraphModule`, or with `by_parts` the model with such modules inside.

    Raises:
        NotCalibrated: no batch, or no layer that is to be equalized saw one.
        ChannelMismatch, NotFinite, NotTraceable, TypeError, ValueError: see `prepare`, `convert`.
    """
    return convert(calibrated(model, batches, config))


def calibrated(model: nn.Module, batches: Iterable[Any], config: Config | None) -> Prepared:
    """The model prepared and called with every batch.

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
    return prepared


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
    plan = list(chain.from_iterable(plans))
    scaled = _scaled_tensors(plan)
    memo = {**prepared.restarted(), **scaled}
    converted = copy.deepcopy(prepared.model, memo)
    folds = ((producer, each.scale) for each in plan for producer in each.folds)
    note_folds(converted, {id(scaled[id(producer.weight)]): scale for producer, scale in folds})
    for path, layout, plan in zip(prepared.parts, layouts, plans, strict=True):
        part = converted.get_submodule(path)
        assert isinstance(part, GraphModule)  # noqa: S101  for the type checker: we traced it
        _rewrite(part, layout, plan)
    return converted


def _scaled_tensors(plan: list[Treatment]) -> dict[int, Tensor]:
    """Id of each tensor to what becomes of it: columns divided, then rows multiplied."""
    old: dict[int, Tensor] = {}
    new: dict[int, Tensor] = {}
    scaled = [(each.scale, each) for each in plan if each.scale is not None]
    for scale, treatment in scaled:
        first, weight = treatment.calls[0], treatment.calls[0].held_weight
        old[id(weight)] = weight
        new[id(weight)] = divide_columns(weight, scale, first.groups)
    for scale, treatment in scaled:
        for producer in treatment.folds:
            for tensor in (t for t in (producer.weight, producer.bias) if t is not None):
                old[id(tensor)] = tensor
                rows = scale.view(-1, *[1] * (tensor.ndim - 1))
                if id(tensor) in new:
                    new[id(tensor)].mul_(rows)  # ours already: fresh memory is what costs here
                else:
                    new[id(tensor)] = tensor.detach() * rows
    return {key: _like(old[key], value) for key, value in new.items()}


def _like(old: Tensor, new: Tensor) -> Tensor:
    """The new values as a parameter, if the old ones are."""
    return nn.Parameter(new, old.requires_grad) if isinstance(old, nn.Parameter) else new


def _rewrite(part: GraphModule, layout: Layout, plan: list[Treatment]) -> None:
    """Put multiplications in the place of observers, or nothing where the scale is folded."""
    # A copied graph has the same nodes in the same order.
    copies = dict(zip(layout.graph_module.graph.nodes, part.graph.nodes, strict=True))
    for treatment in plan:
        name = _register_scale(part, treatment)
        observed = [each for each in treatment.calls if layout.observer(each) is not None]
        for each in observed:
            scale = name if each in treatment.multiplied else ""
            _replace_observer(part.graph, copies[each.input], scale)
        if observed:
            part.delete_submodule(str(observed[0].input.target))
        for producer in treatment.folds:
            if producer.rank is not None:
                for node in layout.users(producer.weight):
                    _hold_rank(part.graph, copies[node], producer)
    part.recompile()


def _hold_rank(graph: Graph, node: Node, producer: Producer) -> None:
    """Refuse inputs of another rank, at which the channels would lie on another axis."""
    with graph.inserting_after(node):
        rank = graph.call_function(getattr, (node, "ndim"))
    add_guard(graph, rank, producer.rank, f"the rank of the output of {producer.name!r}")


def _register_scale(part: GraphModule, treatment: Treatment) -> str:
    """The name of a new buffer, shaped to be multiplied with the inputs; "" if none is due."""
    if treatment.scale is None or not treatment.multiplied:
        return ""
    first = treatment.calls[0]
    name = unused_name(part, f"{first.name.replace('.', '_')}_equalization_scale")
    part.register_buffer(name, treatment.scale.view(-1, *[1] * first.spatial))  # (C, 1, ...)
    return name


def _replace_observer(graph: Graph, observer: Node, scale_name: str) -> None:
    value = observer.args[0]
    if scale_name:
        with graph.inserting_before(observer):
            value = graph.call_function(torch.mul, (value, graph.get_attr(scale_name)))
    observer.replace_all_uses_with(value)  # type: ignore[arg-type]  # the observer has one node
    graph.erase_node(observer)


def _check_calibrated(layouts: list[Layout]) -> None:
    observers = [layout.observer(calls[0]) for layout in layouts for calls in layout.groups()]
    present = [observer for observer in observers if observer is not None]
    if present and all(observer.range() is None for observer in present):
        raise NotCalibrated(
            f"none of the {len(present)} observers has seen a batch: call the prepared model with "
            "calibration data before converting it."
        )
