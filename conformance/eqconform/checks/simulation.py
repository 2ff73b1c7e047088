"""The coarsest int8 model that conforms, of any network: what others are measured by.

The untouched model runs in float64 while every tensor on the way is rounded: the input and the
weight of each layer, and what every other operation returns, for an int8 engine may compute all of
them on levels. Each tensor that depends on the data has 127 steps over [-max, max] of what it was
in calibration, a weight 254: an engine may leave a bit of activations unused, and may have one zero
point for all. A layer that is called several times has one range for all its calls.

Nothing is shared with an implementation: no graph, no observer, no quantizer.

Sources: as in `eqconform.judge.noise`.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from eqconform.contract import Batch
from eqconform.judge.noise import FEWEST_LEVELS, LEVELS
from eqconform.judge.rounding import cast
from eqconform.probe import layer_arguments, outputs

Round = Callable[[Tensor, object], Tensor]
"""(tensor, the place where it stands) to what becomes of it there."""


def coarsest(model: nn.Module, calibration: Sequence[Batch], batch: Batch) -> dict[str, Tensor]:
    """The outputs by place, float64, of the coarsest int8 model of a network.

    Args:
        model: the untouched one; its forward does the same operations for every batch.
        calibration: what the ranges are taken from.
        batch: of inputs, calibrated on or not.
    """
    twin = deepcopy(model).double()
    largest: dict[object, float] = {}

    def observed(tensor: Tensor, place: object) -> Tensor:
        largest[place] = max(largest.get(place, 0.0), tensor.abs().amax().item())
        return tensor

    def rounded(tensor: Tensor, place: object) -> Tensor:
        return on_steps(tensor, largest[place], FEWEST_LEVELS)

    for each in calibration:
        _run(twin, each, observed)
    return outputs(_run(twin, batch, rounded))


def on_steps(exact: Tensor, largest: float, steps: int) -> Tensor:
    """`exact` on so many even steps between -largest and largest; what is outside, at the end.

    Zero is a level, so that of an odd number of steps the outermost end half a step further out.
    """
    step = 2 * largest / steps
    return (exact.clamp(-largest, largest) / step).round() * step if step else exact


def _run(model: nn.Module, batch: Batch, change: Round) -> Any:
    given = cast(batch, torch.float64)
    with torch.no_grad(), _Changing(change):
        return model(*(given if isinstance(given, tuple) else (given,)))


class _Changing(TorchFunctionMode):
    """Changes every tensor on the way; those of one place have the same place in every run."""

    def __init__(self, change: Round) -> None:
        super().__init__()
        self.change = change
        self.count = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Change what goes into a layer, and what comes out of anything."""
        del types
        self.count += 1
        arguments = layer_arguments(func, args, kwargs or {})
        if arguments is not None:
            return self._layer(func, arguments)
        result = func(*args, **(kwargs or {}))
        returns_data = isinstance(result, Tensor) and result.is_floating_point()
        return self.change(result, self.count) if returns_data else result

    def _layer(self, func: Callable[..., Any], arguments: dict[str, Any]) -> Tensor:
        weight: Tensor = arguments["weight"]
        own = weight.data_ptr()
        arguments["input"] = self.change(arguments["input"], ("input", own))
        arguments["weight"] = on_steps(weight, weight.abs().amax().item(), LEVELS - 1)
        return self.change(func(**arguments), ("output", own))
