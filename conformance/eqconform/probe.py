"""The probe: what a model computes, seen from outside.

`record` runs a model and notes every linear and convolution call in order, with the tensors that
it was given, and how many elementwise multiplications happened between them. Nothing depends on
how the model is built (modules, wrappers, `torch.fx`, `torch.export`), nor on any name in it.
Held side by side, the calls of a float model and of its equalized copy show the scale applied at
each layer, which weight took it, and what it cost.

What the probe cannot see: layers inside one of PyTorch's own composite functions (the projections
of `F.multi_head_attention_forward`), for PyTorch shows such a function as one call.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from numbers import Number
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from eqconform.contract import Batch
from eqconform.judge.channels import channel_axis

_GEOMETRY = ("stride", "padding", "dilation")
_CONV = ("input", "weight", "bias", *_GEOMETRY, "groups")
_PARAMETERS = {
    "linear": ("input", "weight", "bias"),
    "conv1d": _CONV,
    "conv2d": _CONV,
    "conv3d": _CONV,
    "convolution": (*_CONV[:-1], "transposed", "output_padding", "groups"),
}
_MULTIPLICATIONS = frozenset(
    {"mul", "multiply", "div", "divide", "true_divide", "addcmul", "addcdiv"}
)


@dataclass(frozen=True)
class LayerCall:
    """One linear or convolution call.

    Attributes:
        kind: "linear", "conv1d", "conv2d" or "conv3d".
        input: copy of what the layer was given.
        weight: copy, shape (out, C / groups, *kernel).
        bias: copy, shape (out,), or None.
        groups: of the convolution; 1 for linear.
        multiplications: elementwise ones since the layer call before.
        weight_key: the same for the calls of one recording that use the same weight.
        geometry: stride, padding and dilation of the convolution, those that were given.
    """

    kind: str
    input: Tensor
    weight: Tensor
    bias: Tensor | None
    groups: int
    multiplications: int
    weight_key: tuple[int, ...]
    geometry: Mapping[str, Any] = field(default_factory=dict)

    @property
    def channel_axis(self) -> int:
        """The axis of `input` that holds the channels, counted from the end."""
        return channel_axis(self.weight)

    @property
    def channels(self) -> int:
        """How many input channels the layer has."""
        return self.input.shape[self.channel_axis]


@dataclass(frozen=True)
class Recording:
    """What one run of a model did.

    Attributes:
        calls: the layer calls, in the order of execution.
        output: of the model.
        trailing_multiplications: elementwise ones after the last layer call.
    """

    calls: tuple[LayerCall, ...]
    output: Any
    trailing_multiplications: int

    @property
    def multiplications(self) -> int:
        """All elementwise multiplications of the run."""
        return sum(each.multiplications for each in self.calls) + self.trailing_multiplications


def record(model: nn.Module, batch: Batch) -> Recording:
    """Run `model` on `batch`, without gradients, and note its layer calls.

    Args:
        model: any callable module; it is not changed, nor is anything kept of it.
        batch: a tensor, or a tuple of positional arguments.

    Raises:
        Exception: whatever the model raises.
    """
    arguments = batch if isinstance(batch, tuple) else (batch,)
    with torch.no_grad(), _Recorder() as recorder:
        output = model(*arguments)
    return Recording(tuple(recorder.calls), output, recorder.multiplications)


def of_call(call: LayerCall, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """What a layer of the call's kind gives of other tensors."""
    grouping = {} if call.kind == "linear" else {"groups": call.groups}
    output: Tensor = getattr(F, call.kind)(x, weight, bias, **call.geometry, **grouping)
    return output


def module_of(call: LayerCall, model: nn.Module) -> str | None:
    """Qualified name of the module that holds a recorded call's weight; None where none does."""
    for name, module in model.named_modules():
        if any(each.data_ptr() == call.weight_key[0] for each in module.parameters(recurse=False)):
            return str(name)
    return None


def layer_arguments(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The arguments of a layer call by name, or None where `function` is no such layer.

    `function(**arguments)` is the same call, whether `function` is from `torch.nn.functional` or
    one of `torch.ops.aten`.
    """
    parameters = _PARAMETERS.get(plain_name(function))
    if parameters is None:
        return None
    arguments = {**dict(zip(parameters, args, strict=False)), **kwargs}
    # An int8 engine's operations of the same name take a packed weight.
    plain = isinstance(arguments.get("weight"), Tensor) and not arguments.get("transposed")
    return arguments if plain else None


def outputs(output: Any) -> dict[str, Tensor]:
    """The tensors of a model's output by where they stand, such as "output[1]['logits']".

    Tuples, lists, mappings and dataclasses are gone through; a number counts as a tensor, and what
    is neither is left out. A named tuple reads as a tuple, for a trace returns it as one.
    """
    return dict(_leaves("output", output))


class _Recorder(TorchFunctionMode):
    """Notes layer calls and multiplications as they pass, and lets everything happen."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[LayerCall] = []
        self.multiplications = 0
        self._weights: list[Tensor] = []  # kept alive: a freed weight's address would come again

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Note the call, then do it; calls inside it are PyTorch's own and are not seen."""
        del types
        kwargs = kwargs or {}
        arguments = layer_arguments(func, args, kwargs)
        if arguments is not None:
            self._note(arguments)
        elif plain_name(func) in _MULTIPLICATIONS and _multiplies_tensors(args, kwargs):
            self.multiplications += 1
        return func(*args, **kwargs)

    def _note(self, arguments: dict[str, Any]) -> None:
        weight, bias = arguments["weight"], arguments.get("bias")
        self._weights.append(weight)
        spatial = weight.ndim - 2
        call = LayerCall(
            kind=f"conv{spatial}d" if spatial else "linear",
            input=_copy(arguments["input"]),
            weight=_copy(weight),
            bias=None if bias is None else _copy(bias),
            groups=arguments.get("groups", 1),
            multiplications=self.multiplications,
            weight_key=(weight.data_ptr(), *weight.shape, *weight.stride()),
            geometry={name: arguments[name] for name in _GEOMETRY if name in arguments},
        )
        self.calls.append(call)
        self.multiplications = 0


def _copy(tensor: Tensor) -> Tensor:
    """The values as they are now: a later change in place must not reach them."""
    return tensor.detach().clone()


def plain_name(function: Callable[..., Any]) -> str:
    """The operation's name: "mul" for `Tensor.mul_`, `torch.mul` and `aten.mul.Tensor` alike."""
    return getattr(function, "__name__", "").split(".")[0].removesuffix("_")


def _multiplies_tensors(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether two floating tensors meet; a factor that is a plain number scales no channel."""
    operands = [*args, *(value for name, value in kwargs.items() if name != "out")]
    return sum(_is_floating(each) for each in operands) > 1


def _is_floating(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point() and value.ndim > 0


def _leaves(place: str, value: Any) -> list[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        return [(place, value)]
    if isinstance(value, Number):
        return [(place, torch.as_tensor(value))]
    return [leaf for where, item in parts(value) for leaf in _leaves(place + where, item)]


def parts(value: Any) -> list[tuple[str, Any]]:
    """The parts of a container, each with how it is reached from it; none of what is no container.

    Args:
        value: a mapping, a tuple or list, a dataclass, or anything else.
    """
    if isinstance(value, Mapping):
        return [(f"[{key!r}]", item) for key, item in value.items()]
    if isinstance(value, (tuple, list)):
        return [(f"[{index}]", item) for index, item in enumerate(value)]
    if is_dataclass(value) and not isinstance(value, type):
        return [(f".{each.name}", getattr(value, each.name)) for each in fields(value)]
    return []
