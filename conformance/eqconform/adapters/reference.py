"""Adapters for the reference implementation: the only file of the suite that imports it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor, nn

import eqconform_reference as reference
from eqconform.contract import Batch, ChannelRange, Implementation


class Reference(Implementation):
    """Everything that the contract knows, as `eqconform_reference` does it."""

    name = "reference"
    version = version("eqconform")

    def observe_input(self, batches: Sequence[Tensor], *, channel_axis: int) -> ChannelRange:
        observer = reference.InputEqualizationObserver(channel_axis=channel_axis)
        for batch in batches:
            observer(batch)
        return ChannelRange(observer.min, observer.max)

    def observe_weight(self, weight: Tensor, *, groups: int = 1) -> ChannelRange:
        observer = reference.WeightEqualizationObserver(groups=groups)
        observer(weight)
        return ChannelRange(observer.min, observer.max)

    def input_observer(
        self,
        *,
        channel_axis: int = 1,
        dtype: torch.dtype = torch.quint8,
        qscheme: torch.qscheme = torch.per_tensor_affine,
    ) -> nn.Module:
        return reference.InputEqualizationObserver(
            channel_axis=channel_axis, dtype=dtype, qscheme=qscheme
        )

    def observed_range(self, observer: nn.Module) -> ChannelRange | None:
        assert isinstance(observer, reference.InputEqualizationObserver)  # noqa: S101  from above
        seen = observer.range()
        return seen and ChannelRange(*seen)

    def merge_ranges(self, first: ChannelRange, second: ChannelRange) -> ChannelRange:
        return ChannelRange(*_range(first).merge(_range(second)))

    def equalization_scale(self, inputs: ChannelRange, weights: ChannelRange) -> Tensor:
        return reference.equalization_scale(_range(inputs), _range(weights))

    def scaled_input_range(self, inputs: ChannelRange, scale: Tensor) -> tuple[Tensor, Tensor]:
        return reference.scaled_input_range(_range(inputs), scale)

    def quantization_parameters(
        self, minimum: Tensor, maximum: Tensor, *, dtype: torch.dtype, qscheme: torch.qscheme
    ) -> tuple[Tensor, Tensor]:
        return reference.affine_parameters(minimum, maximum, dtype=dtype, qscheme=qscheme)

    def configuration(
        self,
        *,
        input_observer: Callable[[], nn.Module] | None,
        weight_observer: Callable[[], nn.Module] | None,
    ) -> object:
        return reference.Observers(input=input_observer, weight=weight_observer)  # type: ignore[arg-type]  # None must be refused

    def observer_factories(self) -> tuple[Callable[[], nn.Module], Callable[[], nn.Module]]:
        return reference.InputEqualizationObserver, reference.WeightEqualizationObserver

    def equalize_types(
        self, model: nn.Module, batches: Sequence[Batch], *, types: Collection[type[nn.Module]]
    ) -> nn.Module:
        return reference.equalize(model, batches, reference.Config.only(types=types))

    def equalize_custom(
        self, model: nn.Module, batches: Sequence[Batch], *, module_type: type[nn.Module]
    ) -> nn.Module:
        return reference.equalize(model, batches, reference.Config(custom={module_type: "linear"}))

    def equalize(
        self,
        model: nn.Module,
        batches: Sequence[Batch],
        *,
        layers: Collection[str] | None = None,
    ) -> nn.Module:
        return reference.equalize(model, batches, _config(layers))

    def equalize_parts(self, model: nn.Module, batches: Sequence[Batch]) -> nn.Module:
        return reference.equalize(model, batches, reference.Config(by_parts=True))

    def prepare(self, model: nn.Module, *, layers: Collection[str] | None = None) -> nn.Module:
        return reference.prepare(model, _config(layers))

    def convert(self, prepared: nn.Module) -> nn.Module:
        return reference.convert(prepared)  # type: ignore[arg-type]  # it refuses what is not its own

    def quantize(
        self,
        model: nn.Module,
        batches: Sequence[Batch],
        *,
        equalize: bool,
        layers: Collection[str] | None = None,
    ) -> nn.Module:
        return reference.quantize(model, batches, _config(layers), equalize=equalize)

    def quantize_observing(
        self, model: nn.Module, batches: Sequence[Batch], *, equalize: bool, observer: str
    ) -> nn.Module:
        # It takes its own observers and their subclasses, and must say so of any other.
        name = {"histogram": "HistogramObserver", "fake-quantize": "FakeQuantize"}[observer]
        factory: Callable[[], nn.Module] = getattr(import_module("torch.ao.quantization"), name)
        observers = reference.Observers(input=lambda channel_axis: factory())  # noqa: ARG005  none of theirs has it
        config = reference.Config(default=observers)
        return reference.quantize(model, batches, config, equalize=equalize)

    def layer_sqnr(
        self, float_model: nn.Module, quantized_model: nn.Module, batch: Batch
    ) -> dict[str, float]:
        return reference.layer_sqnr(float_model, quantized_model, batch)

    def select_layers(self, sqnr: Mapping[str, float], count: int) -> list[str]:
        return reference.select_layers(sqnr, count)

    def reduce_ranges(self, observer: nn.Module) -> None:
        reference.reduce_ranges(observer)


class ReferenceCareful(Implementation):
    """int8 with the reference's remedies for what the ranges of one layer do not tell.

    The largest magnitude takes the place of the range, for a channel that is nearly constant and
    far from zero; and a scale is folded only where the producer's own weight does not suffer.
    """

    name = "reference_careful"
    version = version("eqconform")
    formula = "absmax"

    def quantize(
        self,
        model: nn.Module,
        batches: Sequence[Batch],
        *,
        equalize: bool,
        layers: Collection[str] | None = None,
    ) -> nn.Module:
        config = _config(layers, statistic="absmax", fold="auto")
        return reference.quantize(model, batches, config, equalize=equalize)


def _config(layers: Collection[str] | None, **options: Any) -> reference.Config:
    if layers is None:
        return reference.Config(**options)
    return reference.Config.only(names=layers, **options)


def _range(bounds: ChannelRange) -> reference.ChannelRange:
    return reference.ChannelRange(bounds.min, bounds.max)
