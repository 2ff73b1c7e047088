"""Calling a model: on a batch of any form, on trial, and to see whether two do the same."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from eqconform_reference.tensors import copy_of, tensors_in


class Inputs(NamedTuple):
    """What a module is called with."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def inputs_of(batch: Any) -> Inputs:
    """What a batch stands for: see `call`."""
    if isinstance(batch, Mapping):
        return Inputs((), dict(batch))
    return Inputs(batch if isinstance(batch, tuple) else (batch,), {})


def call(model: nn.Module, batch: Any) -> Any:
    """The model's output on a batch.

    Args:
        model: any module.
        batch: a mapping of keyword arguments, a tuple of positional ones, or the only argument.
    """
    inputs = inputs_of(batch)
    return model(*inputs.args, **inputs.kwargs)


def trial(model: nn.Module, inputs: Inputs) -> list[Tensor]:
    """All tensors that a call gives, on a copy of the inputs and always with the same dice."""
    memo: dict[int, Any] = {id(t): t.detach().clone() for t in tensors_in(inputs)}
    args, kwargs = copy.deepcopy(inputs, memo)
    with torch.no_grad(), torch.random.fork_rng():
        output = model(*args, **kwargs)
    return [tensor.clone() for tensor in tensors_in(output)]


def same_function(model: nn.Module, traced: nn.Module, inputs: Inputs) -> bool:
    """Whether a model and its graph give the same but for rounding, and keep the same buffers.

    In two calls in a row, for what a forward makes anew every time, a graph makes once and keeps.
    """
    results = []
    for each in (model, traced):
        tried = copy_of(each, shared=True)
        outputs = trial(tried, inputs) + trial(tried, inputs)
        after = dict(tried.named_buffers())
        results.append(outputs + [after.get(*before) for before in model.named_buffers()])
    return all(_alike(*pair) for pair in zip_longest(*results))


def _alike(expected: Tensor | None, observed: Tensor | None) -> bool:
    """Whether two outputs agree in the first half of their digits: rounding shows in the last."""
    if expected is None or observed is None:
        return False
    kinds = [(each.shape, each.dtype, each.layout) for each in (expected, observed)]
    if kinds[0] != kinds[1]:
        return False
    if expected.layout is not torch.strided:
        expected, observed = expected.to_dense(), observed.to_dense()
    if not expected.is_floating_point():
        return torch.equal(expected, observed)
    before, after = expected.double(), observed.double()
    largest = float(before.nan_to_num(0.0, 0.0, 0.0).abs().amax()) if before.numel() else 0.0
    bound = largest * torch.finfo(expected.dtype).eps ** 0.5
    return torch.allclose(before, after, rtol=0.0, atol=bound, equal_nan=True)
