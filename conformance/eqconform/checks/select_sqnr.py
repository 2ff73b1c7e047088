"""Claim "select", the sensitivities: the signal-to-noise ratio of every layer's output.

The networks hold whole numbers, and their noisy copies multiples of 1/16 beside them, so that in
float32 every output is exact, in whatever order it is summed: what a ratio should be is known to
the few roundings of its own computation.

Sources: PyTorch 2.15, torch/ao/quantization/fx/_equalize.py, get_layer_sqnr_dict, and
torch/ao/ns/fx/utils.py, compute_sqnr.
"""

import copy
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform.checks.verdicts import roundings
from eqconform.contract import Batch
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded
from eqconform.judge.judgement import share
from eqconform.judge.outcome import Evidence, Violation, require, within
from eqconform.judge.rounding import cast
from eqconform.judge.sqnr import sqnr
from eqconform.probe import LayerCall, record

Layers = dict[str, tuple[Tensor, Tensor]]
"""Signal and noisy output of each layer, float64, all its calls in one row."""


@dataclass(frozen=True)
class Example:
    """A network of whole numbers, and which of its weights the noise is in.

    Attributes:
        build: makes it; the parameters are overwritten.
        shapes: of the inputs.
        calls: the layer that each call belongs to, in the order of execution.
        noisy: layers whose weight is changed; None: all of them.
    """

    build: Callable[[], nn.Module]
    shapes: tuple[tuple[int, ...], ...]
    calls: tuple[str, ...]
    noisy: tuple[str, ...] | None = None

    def models(self) -> tuple[nn.Module, nn.Module]:
        """The network, and its copy with noise in the weights."""
        exact = self.build().eval()
        generator = torch.Generator().manual_seed(0)
        for parameter in exact.parameters():
            parameter.data = _whole(parameter.shape, 3, generator)
        noisy = copy.deepcopy(exact)
        for name, parameter in noisy.named_parameters():
            if self.noisy is None or name.removesuffix(".weight") in self.noisy:
                parameter.data += _whole(parameter.shape, 2, generator) / 16
        return exact, noisy

    def batch(self) -> Batch:
        """Whole numbers from -4 to 4."""
        generator = torch.Generator().manual_seed(1)
        inputs = tuple(_whole(shape, 4, generator) for shape in self.shapes)
        return inputs[0] if len(inputs) == 1 else inputs


def layer_outputs(model: nn.Module, batch: Batch) -> list[tuple[LayerCall, Tensor]]:
    """The layer calls of a model and what they give, in float64. No layer strides or pads."""
    calls = record(copy.deepcopy(model).double(), cast(batch, torch.float64)).calls
    return [(each, of_call(each, each.input, each.weight, each.bias)) for each in calls]


def of_call(call: LayerCall, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """What a layer of the call's kind gives of other tensors."""
    grouping = {} if call.kind == "linear" else {"groups": call.groups}
    output: Tensor = getattr(F, call.kind)(x, weight, bias, **grouping)
    return output


def judge_ratio(observed: object, expected: float, tolerance: float, layer: str) -> Evidence:
    """The evidence that this is the layer's ratio.

    Args:
        observed: a number, or a tensor that holds one.
        expected: in dB; infinite where there is no noise.
        tolerance: in dB.
        layer: its name.

    Raises:
        Violation: it is not.
    """
    wanted = f"{layer}: {expected:.9g} dB"
    if not isinstance(observed, (float, int, Tensor)) or torch.as_tensor(observed).numel() != 1:
        raise Violation(Evidence(wanted, f"{observed!r}"))
    ratio = float(observed)
    error = 0.0 if ratio == expected else abs(ratio - expected)
    return within(error, tolerance, expected=wanted, observed=f"{ratio:.9g} dB")


def rounding_of_ratio(signal: Tensor, noise: Tensor) -> float:
    """How far off a ratio may be, in dB, that is computed in float32 of exact outputs.

    Each of the two norms is the root of a sum of N squares: (N + 1) / 2 + 1 roundings; their
    quotient is one more. In decibels a relative error r is 20 / ln(10) · r. Whether the quotient
    comes before the logarithm or a difference after it, a result of that size is rounded twice.
    """
    relative = roundings(signal.numel() + 4, torch.float32)
    size = sum(abs(_decibels(float(each.norm()))) for each in (signal, noise))
    return 20 / math.log(10) * relative + roundings(3, torch.float32) * size


def by_layer(returned: object) -> Mapping[Any, Any]:
    """What was returned, if it is a mapping.

    Raises:
        Violation: it is not.
    """
    if not isinstance(returned, Mapping):
        raise Violation(Evidence("ratios by layer", f"{type(returned).__name__}"))
    return returned


def of_layers(returned: object, names: Collection[str]) -> Mapping[Any, Any]:
    """The ratios by layer, if they are those of the named layers.

    Raises:
        Violation: it is no mapping, or has other keys.
    """
    found = by_layer(returned)
    observed = f"ratios of {sorted(map(str, found))}"
    wanted = f"ratios of the layers {sorted(set(names))}"
    require(set(found) == set(names), Evidence(wanted, observed))
    return found


class _Stack(nn.Module):
    """Layers one after the other, `abs` between them: no activation that is ever fused."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.block = nn.Sequential(*layers[:-1])
        self.last = layers[-1]

    def forward(self, x: Tensor) -> Tensor:
        """Through all of them."""
        for layer in self.block:
            x = torch.abs(layer(x))
        result: Tensor = self.last(x)
        return result


class _Twice(nn.Module):
    """A layer that is called twice, and one that is called once."""

    def __init__(self) -> None:
        super().__init__()
        self.again = nn.Linear(4, 4)
        self.once = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, 4) to (N, 3)."""
        result: Tensor = self.once(torch.abs(self.again(torch.abs(self.again(x)))))
        return result


class _Weights(nn.Module):
    """Holds what a functional layer computes with."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(5, 5))
        self.bias = nn.Parameter(torch.empty(5))


class _Functional(nn.Module):
    """Functional layers beside a module: weights of the network itself and of a part of it."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(5, 4))
        self.part = _Weights()
        self.last = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, 4) to (N, 3)."""
        x = torch.abs(F.linear(x, self.kernel))
        x = torch.abs(F.linear(x, weight=self.part.weight, bias=self.part.bias))
        result: Tensor = self.last(x)
        return result


class _TwoInputs(nn.Module):
    """A layer for each input, and one for their difference."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(4, 5)
        self.right = nn.Linear(3, 5)
        self.joint = nn.Linear(5, 2)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Shapes (N, 4) and (N, 3) to (N, 2)."""
        result: Tensor = self.joint(torch.abs(self.left(left) - self.right(right)))
        return result


def _linear_stack() -> nn.Module:
    return _Stack(nn.Linear(4, 5), nn.Linear(5, 4), nn.Linear(4, 3))


def _activated() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))


# Kernels of 2: one of 3 may be computed by Winograd's method, with fractions that are not exact.
_RATIOS = {
    "linear": Example(_linear_stack, ((6, 4),), ("block.0", "block.1", "last")),
    "linear-of-rank-3": Example(_linear_stack, ((2, 3, 4),), ("block.0", "block.1", "last")),
    "conv1d": Example(
        lambda: _Stack(nn.Conv1d(2, 3, 2), nn.Conv1d(3, 2, 2)), ((3, 2, 5),), ("block.0", "last")
    ),
    "conv2d-grouped": Example(
        lambda: _Stack(nn.Conv2d(4, 4, 2, groups=2), nn.Conv2d(4, 3, 1)),
        ((3, 4, 3, 4),),
        ("block.0", "last"),
    ),
    "before-the-activation": Example(_activated, ((6, 4),), ("0", "2")),
    "noise-inherited": Example(
        _linear_stack, ((6, 4),), ("block.0", "block.1", "last"), noisy=("block.0",)
    ),
    "without-noise": Example(
        _linear_stack, ((6, 4),), ("block.0", "block.1", "last"), noisy=("last",)
    ),
    "called-twice": Example(_Twice, ((6, 4),), ("again", "again", "once")),
}


@check("select.sqnr", needs=("layer_sqnr",), over=_RATIOS)
def ratio_by_the_formula(implementation: Guarded, example: Example) -> Evidence:
    """The ratio of every layer that is named; which are is the matter of another clause."""
    returned = by_layer(implementation.layer_sqnr(*example.models(), example.batch()))
    known = {name: each for name, each in _layers(example).items() if name in returned}
    require(bool(known), Evidence(f"ratios of {sorted(set(example.calls))}", f"{returned}"))
    return _judge_ratios(returned, known)


_KEYS = {
    **{name: _RATIOS[name] for name in ("linear", "before-the-activation", "called-twice")},
    "convolution-and-linear": Example(
        lambda: nn.Sequential(nn.Conv2d(2, 3, 2), nn.Flatten(), nn.Linear(3 * 2 * 2, 2)),
        ((2, 2, 3, 3),),
        ("0", "2"),
    ),
}


@check("select.keys", needs=("layer_sqnr",), over=_KEYS)
def every_layer_under_its_name(implementation: Guarded, example: Example) -> Evidence:
    """The layers' names, and nothing else."""
    returned = implementation.layer_sqnr(*example.models(), example.batch())
    found = of_layers(returned, example.calls)
    return Evidence(f"the layers {sorted(set(example.calls))}", f"{sorted(found)}")


_FUNCTIONAL = {"beside-a-module": Example(_Functional, ((6, 4),), ("kernel", "part", "last"))}


@check("select.functional-layers", needs=("layer_sqnr",), over=_FUNCTIONAL)
def functional_layers_have_ratios(implementation: Guarded, example: Example) -> Evidence:
    """By the name of their weight."""
    return _judge_all(implementation, example)


_SEVERAL = {"two": Example(_TwoInputs, ((6, 4), (6, 3)), ("left", "right", "joint"))}


@check("select.several-inputs", needs=("layer_sqnr",), over=_SEVERAL)
def several_inputs_are_taken(implementation: Guarded, example: Example) -> Evidence:
    """All layers behind both of them."""
    return _judge_all(implementation, example)


@check("select.models-untouched", needs=("layer_sqnr",), over={"linear": _RATIOS["linear"]})
def models_are_untouched(implementation: Guarded, example: Example) -> Evidence:
    """State, modes and hooks of both models are what they were."""
    models = example.models()
    before = [_portrait(each) for each in models]
    implementation.layer_sqnr(*models, example.batch())
    same = before == [_portrait(each) for each in models]
    observed = "as they were" if same else "other weights, modules, modes or hooks"
    return require(same, Evidence("both models as they were", observed))


def _judge_all(implementation: Guarded, example: Example) -> Evidence:
    returned = implementation.layer_sqnr(*example.models(), example.batch())
    return _judge_ratios(of_layers(returned, example.calls), _layers(example))


def _judge_ratios(returned: Mapping[str, Any], layers: Layers) -> Evidence:
    found = [
        judge_ratio(returned[name], sqnr(y, noisy), rounding_of_ratio(y, noisy - y), name)
        for name, (y, noisy) in layers.items()
    ]
    return max(found, key=share)


def _layers(example: Example) -> Layers:
    """What the ratios are made of, from the judge's own recordings of both models."""
    found: Layers = {}
    exact, noisy = (layer_outputs(each, example.batch()) for each in example.models())
    for name, (_, y), (_, changed) in zip(example.calls, exact, noisy, strict=True):
        old, new = found.get(name, (y.new_empty(0), y.new_empty(0)))
        found[name] = torch.cat([old, y.flatten()]), torch.cat([new, changed.flatten()])
    return found


def _portrait(model: nn.Module) -> list[tuple[Any, ...]]:
    """State, mode and hooks of every module, in a form that compares."""
    return [
        (
            name,
            type(module),
            module.training,
            {key: value.tolist() for key, value in module.state_dict().items()},
            [parameter.requires_grad for parameter in module.parameters()],
            len(module._forward_hooks) + len(module._forward_pre_hooks),  # noqa: SLF001  no public way
        )
        for name, module in model.named_modules()
    ]


def _whole(shape: tuple[int, ...], most: int, generator: torch.Generator) -> Tensor:
    """Whole numbers from -most to most, float32."""
    return torch.randint(-most, most + 1, shape, generator=generator).float()


def _decibels(amplitude: float) -> float:
    return 20 * math.log10(amplitude) if amplitude else 0.0
