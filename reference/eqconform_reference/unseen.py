"""Parameters that a forward reaches past the tracer, which sees those that are asked of a module.

One that lies in a list or another object comes as it is, and what is computed from it is to the
tracer a constant: a graph would go on with the values of the day on which it was made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.fx.node import map_aggregate
from torch.overrides import TorchFunctionMode

from eqconform_reference.tensors import tensors_in

_OF_EVERY_MODULE = frozenset(vars(nn.Module()))


class NoConstants(TorchFunctionMode):
    """While it is active, refuses what is computed from parameters and is no proxy.

    Args:
        model: that is traced.

    Raises:
        ValueError: from the operation; see `refusal`.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._model = model

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        del types
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):  # and not a shape, which a constant may tell
            for parameter in _parameters_in((args, dict(kwargs or {}))):
                raise refusal(parameter, self._model)
        return result


def refusal(parameter: nn.Parameter, model: nn.Module) -> ValueError:
    """That a parameter is used which the tracer does not see, and where it lies."""
    return ValueError(
        f"it computes with a parameter that {_place(parameter, model)} holds, which a graph would "
        "take for a constant: hold it as an attribute of a module, or in a "
        "torch.nn.ParameterList or ParameterDict."
    )


def _parameters_in(value: Any) -> list[nn.Parameter]:
    found: list[nn.Parameter] = []

    def note(each: Any) -> Any:
        if isinstance(each, nn.Parameter):
            found.append(each)
        return each

    map_aggregate(value, note)
    return found


def _place(parameter: nn.Parameter, model: nn.Module) -> str:
    """The attribute in which a parameter lies, however deep, by its qualified name."""
    for path, module in model.named_modules():
        for name in vars(module).keys() - _OF_EVERY_MODULE:
            if any(tensor is parameter for tensor in tensors_in(vars(module)[name])):
                return repr(f"{path}.{name}" if path else name)
    return "something outside the model"
