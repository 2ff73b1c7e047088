"""The adapter contract: what an implementation of input-weight equalization can claim.

An adapter subclasses `Implementation` and overrides what its implementation has. Overriding
is claiming: the suite judges every method that is overridden, and reports the others as not
claimed, never as passed.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

Batch = Tensor | tuple[Tensor, ...]
"""One calibration batch: a tensor, or a tuple of the model's positional arguments."""


class ChannelRange(NamedTuple):
    """The extremes of every channel: two floating-point tensors of shape (C,)."""

    min: Tensor
    max: Tensor


class Unsupported(Exception):  # noqa: N818  a statement of scope, not an error
    """Raised by an adapter for a topology that the implementation *documents* as out of scope.

    The case is reported as `unsupported` and counted as such, never as passed.
    """


class Implementation:
    """What an adapter subclasses. Every method is a claim; override what there is.

    Attributes:
        name: what reports and result files call the implementation.
        version: version of the library under test.
        homepage: where readers find it.
        formula: the scale that `equalize` promises. "range" is sqrt(weight range / input range),
            "absmax" the same with the largest magnitude in place of the range, "none" any other
            scale: then function preservation and hygiene are judged, the scale is not.
    """

    name: str = ""
    version: str = ""
    homepage: str = ""
    formula: str = "range"

    # claim "observe"

    def observe_input(self, batches: Sequence[Tensor], *, channel_axis: int) -> ChannelRange:
        """Range of each input channel over all batches and all other axes.

        Args:
            batches: calibration inputs of one layer, observed one after the other.
            channel_axis: the axis that holds the channels: 1 for a batched convolution,
                the last for Linear.
        """
        raise NotImplementedError

    def observe_weight(self, weight: Tensor, *, groups: int = 1) -> ChannelRange:
        """Range of the weight column of each input channel, over output rows and kernel.

        Args:
            weight: shape (out, C / groups, *kernel).
            groups: as in `torch.nn.functional.conv2d`; channel c belongs to group
                c // (C / groups), and only that group's rows see it.

        Returns:
            Bounds of shape (C,).
        """
        raise NotImplementedError

    def input_observer(
        self,
        *,
        channel_axis: int = 1,
        dtype: torch.dtype = torch.quint8,
        qscheme: torch.qscheme = torch.per_tensor_affine,
    ) -> nn.Module:
        """A fresh input observer: a module that is called with the layer's inputs.

        Args:
            channel_axis: as in `observe_input`.
            dtype: of the quantizer that the input will meet.
            qscheme: of that quantizer; a per-channel one is a TypeError, for a layer's input
                has one scale and zero point.
        """
        raise NotImplementedError

    def observed_range(self, observer: nn.Module) -> ChannelRange | None:
        """What an observer from `input_observer` has seen so far; None before the first batch."""
        raise NotImplementedError

    def merge_ranges(self, first: ChannelRange, second: ChannelRange) -> ChannelRange:
        """The range of both together."""
        raise NotImplementedError

    # claim "scale"

    def equalization_scale(self, inputs: ChannelRange, weights: ChannelRange) -> Tensor:
        """The factor of each input channel, shape (C,): inputs times it, weights divided by it."""
        raise NotImplementedError

    # claim "qparams"

    def scaled_input_range(self, inputs: ChannelRange, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Smallest and largest value of the scaled input: what its quantizer must be given."""
        raise NotImplementedError

    def quantization_parameters(
        self, minimum: Tensor, maximum: Tensor, *, dtype: torch.dtype, qscheme: torch.qscheme
    ) -> tuple[Tensor, Tensor]:
        """Scale and zero point of a per-tensor quantizer for values in [minimum, maximum].

        Args:
            minimum: scalar.
            maximum: scalar.
            dtype: `torch.qint8` (-128..127) or `torch.quint8` (0..255).
            qscheme: `torch.per_tensor_affine` or `torch.per_tensor_symmetric`.

        Returns:
            Tensors of one element; the zero point's is of an integer dtype.
        """
        raise NotImplementedError

    # claim "configure"

    def configuration(
        self,
        *,
        input_observer: Callable[[], nn.Module] | None,
        weight_observer: Callable[[], nn.Module] | None,
    ) -> object:
        """A configuration that makes its observers with these factories.

        An observer instance in place of a factory is a ValueError, for it would be shared by
        every layer. A missing half (None) is an error here, not later.
        """
        raise NotImplementedError

    def observer_factories(self) -> tuple[Callable[[], nn.Module], Callable[[], nn.Module]]:
        """The implementation's own input and weight observer factories."""
        raise NotImplementedError

    def equalize_types(
        self, model: nn.Module, batches: Sequence[Batch], *, types: Collection[type[nn.Module]]
    ) -> nn.Module:
        """As `equalize`, for the layers of these types alone."""
        raise NotImplementedError

    def equalize_custom(
        self, model: nn.Module, batches: Sequence[Batch], *, module_type: type[nn.Module]
    ) -> nn.Module:
        """As `equalize`, with `module_type` declared to be a Linear by another name.

        Such a module computes `F.linear(input, self.weight, self.bias)`, to rounding.
        """
        raise NotImplementedError

    # claim "equalize"

    def equalize(
        self,
        model: nn.Module,
        batches: Sequence[Batch],
        *,
        layers: Collection[str] | None = None,
    ) -> nn.Module:
        """A float model that computes the same function with equalized layers.

        Args:
            model: in eval mode; it stays as it is.
            batches: calibration inputs.
            layers: qualified names of the modules to equalize, in any container; None for all that
                are supported. An empty choice changes nothing, or is refused; a name that no
                layer has is an error that says the name.
        """
        raise NotImplementedError

    def equalize_parts(self, model: nn.Module, batches: Sequence[Batch]) -> nn.Module:
        """As `equalize`, for a model that cannot be taken whole: the parts that can be."""
        raise NotImplementedError

    def prepare(self, model: nn.Module, *, layers: Collection[str] | None = None) -> nn.Module:
        """The model with observers in place, to be calibrated by calling it."""
        raise NotImplementedError

    def convert(self, prepared: nn.Module) -> nn.Module:
        """The equalized model of a calibrated `prepare`d one, which stays as it is."""
        raise NotImplementedError

    # claim "quantize"

    def quantize(
        self,
        model: nn.Module,
        batches: Sequence[Batch],
        *,
        equalize: bool,
        layers: Collection[str] | None = None,
    ) -> nn.Module:
        """The int8 model, or a simulated one: every layer's input and weight on 256 levels.

        Both are quantized per tensor, of every layer that can be equalized, whether it is or not:
        with and without equalization the quantizers stand at the same places. Their steps are
        those of calibration, and stay so.

        Args:
            model: in eval mode; it stays as it is.
            batches: calibration inputs, for the scales and for the quantizers.
            equalize: whether to equalize before.
            layers: qualified names of the modules to equalize, as of `equalize`. The choice says
                nothing of quantizers, which stand at every layer; without equalization it chooses
                nothing, and an unknown name in it is still an error.
        """
        raise NotImplementedError

    def quantize_observing(
        self, model: nn.Module, batches: Sequence[Batch], *, equalize: bool, observer: str
    ) -> nn.Module:
        """As `quantize`, with activations observed in another way than by minimum and maximum.

        Args:
            model: as there.
            batches: as there.
            equalize: as there.
            observer: "histogram", which may clip what is rare, or "fake-quantize", which rounds
                while it observes. One that does not go with equalization is an error with its name.
        """
        raise NotImplementedError

    # claim "select"

    def layer_sqnr(
        self, float_model: nn.Module, quantized_model: nn.Module, batch: Batch
    ) -> dict[str, float]:
        """The signal-to-noise ratio of each layer's output, 20 log10(|y| / |y - y'|) in decibels.

        y is what the layer itself gives in the float model, before any activation, and y' the same
        in the other model, both run whole on the batch; of a layer that is called several times,
        all calls together. Without noise the ratio is infinite.

        Args:
            float_model: in eval mode; it stays as it is.
            quantized_model: any copy of `float_model` with other weights, or what the
                implementation's own `equalize` or `quantize` made of the same network. Only the
                latter can have scales folded into rows, and the implementation knows which: it
                divides a layer's y' by them.
            batch: of inputs.

        Returns:
            The ratio by the name that `equalize` knows the layer by: a module's, or that of a
            functional layer's weight.
        """
        raise NotImplementedError

    def select_layers(self, sqnr: Mapping[str, float], count: int) -> list[str]:
        """The names of the `count` layers with the lowest ratio, the lowest first.

        Args:
            sqnr: ratios by name, from `layer_sqnr` or not.
            count: from 0 to the number of layers; any other is an error.
        """
        raise NotImplementedError

    # claim "distributed"

    def reduce_ranges(self, observer: nn.Module) -> None:
        """Widen the observer's range to what the observers of all processes have seen.

        Every process of the default group of `torch.distributed` calls it, with its own observer
        from `input_observer`, whether that saw a batch or not. Without a group it is an error.
        """
        raise NotImplementedError

    @classmethod
    def claims(cls, method: str) -> bool:
        """Whether the adapter overrides `method`."""
        return getattr(cls, method) is not getattr(Implementation, method)
