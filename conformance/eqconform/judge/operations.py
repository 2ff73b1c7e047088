"""The operations of a run, as they happen: the graph from the inputs of a model to its output.

Like the probe, it looks at calls of torch's functions, not at modules, names or `torch.fx` graphs,
so that the untouched network and whatever was made of it are drawn alike.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from eqconform.contract import Batch
from eqconform.probe import layer_arguments, outputs, plain_name
from eqconform.sketches import Step

_SILENT = frozenset({"to", "detach", "clone", "contiguous"})  # they leave values as they are


def operations(model: nn.Module, batch: Batch) -> list[Step]:
    """The operations of a run, from the inputs to the output; those that only observe are left out.

    Raises:
        Exception: whatever the model raises.
    """
    arguments = batch if isinstance(batch, tuple) else (batch,)
    tracer = _Tracer(arguments)
    with torch.no_grad(), tracer:
        output = model(*arguments)
    tracer.end(tuple(outputs(output).values()))
    return _leading_to_the_end(tracer.steps)


def _leading_to_the_end(steps: Sequence[Step]) -> list[Step]:
    """The inputs, and the steps whose results reach the output: what only observes does not."""
    kept = {len(steps) - 1, *(place for place, step in enumerate(steps) if step.op == "input")}
    for place in reversed(range(len(steps))):
        if place in kept:
            kept.update(steps[place].inputs)
    places = {old: new for new, old in enumerate(sorted(kept))}
    return [
        replace(steps[old], inputs=tuple(places[source] for source in steps[old].inputs))
        for old in places
    ]


class _Tracer(TorchFunctionMode):
    """Notes every operation on what follows from the inputs, and lets everything happen."""

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self._places: dict[int, int] = {}  # of tensors: their step
        self._alive: list[Tensor] = []  # a freed tensor's identity would come again
        self._layers = 0
        for each in inputs:
            self._add("input", (), [each])

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Do the call, then note it; calls inside it are PyTorch's own and are not seen."""
        del types
        kwargs = kwargs or {}
        places = self._places_of([*args, *kwargs.values()])
        layer = None
        if layer_arguments(func, args, kwargs) is not None:
            layer, self._layers = self._layers, self._layers + 1
        result = func(*args, **kwargs)
        tensors = list(_tensors(result))
        if places and plain_name(func) in _SILENT:
            self._follow(places[0], tensors)
        elif places and tensors:
            self._add(plain_name(func), places, tensors, layer)
        return result

    def end(self, returned: Sequence[Tensor]) -> None:
        """Note what the model returned."""
        self._add("output", self._places_of(returned), [])

    def _places_of(self, values: Any) -> tuple[int, ...]:
        found = (self._places.get(id(tensor)) for tensor in _tensors(values))
        return tuple(dict.fromkeys(place for place in found if place is not None))

    def _add(
        self, op: str, inputs: tuple[int, ...], tensors: Sequence[Tensor], layer: int | None = None
    ) -> None:
        self._follow(len(self.steps), tensors)
        self.steps.append(Step(op, inputs, layer))

    def _follow(self, place: int, tensors: Sequence[Tensor]) -> None:
        """Take note that these come from a step."""
        for tensor in tensors:
            self._places[id(tensor)] = place
            self._alive.append(tensor)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from _tensors(each)
