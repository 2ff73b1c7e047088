"""Adapter for PyTorch's own pass: torch/ao/quantization/fx/_equalize.py, in FX graph mode.

The pass is run as PyTorch documents it: `prepare_fx(..., _equalization_config=...)`, calibration,
`_convert_equalization_ref`, or `convert_fx` for a real int8 model. Nothing is corrected on the way
in or out.
"""

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from eqconform.contract import Batch, ChannelRange, Implementation, Unsupported

try:
    # By name, and so untyped: PyTorch annotates little of it.
    _pass: Any = import_module("torch.ao.quantization.fx._equalize")
    _quantization: Any = import_module("torch.ao.quantization")
    _quantize_fx: Any = import_module("torch.ao.quantization.quantize_fx")
except ImportError as error:
    raise ImportError(
        f"torch {torch.__version__} has no input-weight equalization "
        f"(torch.ao.quantization.fx._equalize): {error}"
    ) from error

_ENGINES = ("x86", "fbgemm", "onednn")


class TorchAo(Implementation):
    """PyTorch's pass, with its observers and its scale as components."""

    name = "torch_ao"
    version = torch.__version__
    homepage = "https://github.com/pytorch/pytorch/blob/main/torch/ao/quantization/fx/_equalize.py"

    def observe_input(self, batches: Sequence[Tensor], *, channel_axis: int) -> ChannelRange:
        observer = self.input_observer(channel_axis=channel_axis)
        for batch in batches:
            observer(batch)
        return ChannelRange(*observer.get_input_minmax())

    def observe_weight(self, weight: Tensor, *, groups: int = 1) -> ChannelRange:  # noqa: ARG002  it knows no groups
        observer = _pass._WeightEqualizationObserver(qscheme=torch.per_channel_symmetric)
        observer(weight)
        return ChannelRange(*observer.get_weight_col_minmax())

    def input_observer(
        self,
        *,
        channel_axis: int = 1,  # noqa: ARG002  it always looks at axis 1
        dtype: torch.dtype = torch.quint8,
        qscheme: torch.qscheme = torch.per_tensor_affine,
    ) -> Any:
        return _pass._InputEqualizationObserver(dtype=dtype, qscheme=qscheme)

    def observed_range(self, observer: Any) -> ChannelRange | None:
        seen = ChannelRange(*observer.get_input_minmax())
        return seen if seen.min.numel() else None

    def equalization_scale(self, inputs: ChannelRange, weights: ChannelRange) -> Tensor:
        input_observer = self.input_observer()
        input_observer.input_obs.min_val, input_observer.input_obs.max_val = inputs
        weight_observer = _pass._WeightEqualizationObserver(qscheme=torch.per_channel_symmetric)
        weight_observer.weight_col_obs.min_val, weight_observer.weight_col_obs.max_val = weights
        scale: Tensor = _pass.calculate_equalization_scale(input_observer, weight_observer)
        return scale

    def scaled_input_range(self, inputs: ChannelRange, scale: Tensor) -> tuple[Tensor, Tensor]:
        observer = self.input_observer()
        observer.input_obs.min_val, observer.input_obs.max_val = inputs
        observer.equalization_shape = [1, -1]
        observer.set_equalization_scale(scale)
        low, high = observer.calculate_scaled_minmax()
        return low, high

    def quantization_parameters(
        self, minimum: Tensor, maximum: Tensor, *, dtype: torch.dtype, qscheme: torch.qscheme
    ) -> tuple[Tensor, Tensor]:
        observer = _quantization.MinMaxObserver(dtype=dtype, qscheme=qscheme)
        observer.min_val, observer.max_val = minimum, maximum
        scale, zero_point = observer.calculate_qparams()
        return scale, zero_point

    def configuration(
        self,
        *,
        input_observer: Callable[[], nn.Module] | None,
        weight_observer: Callable[[], nn.Module] | None,
    ) -> object:
        halves = {"input_activation": input_observer, "weight": weight_observer}
        return _pass.EqualizationQConfig(**{k: v for k, v in halves.items() if v is not None})

    def observer_factories(self) -> tuple[Callable[[], nn.Module], Callable[[], nn.Module]]:
        return _pass.input_equalization_observer, _pass.weight_equalization_observer

    def equalize_types(
        self, model: nn.Module, batches: Sequence[Batch], *, types: Collection[type[nn.Module]]
    ) -> Any:
        mapping = _quantization.QConfigMapping()
        for each in types:
            mapping.set_object_type(each, _pass.default_equalization_qconfig)
        return _calibrate_and_convert(_prepare(model, mapping, batches[0]), batches)

    def equalize_custom(
        self, model: nn.Module, batches: Sequence[Batch], *, module_type: type[nn.Module]
    ) -> Any:
        # The list alone does nothing: prepare_fx observes only what it traces as one node, and
        # what the backend has a pattern for.
        whole = _quantization.fx.custom_config.PrepareCustomConfig()
        whole.set_non_traceable_module_classes([module_type])
        options = {"prepare_custom_config": whole, "backend_config": _observing(module_type)}
        _pass.CUSTOM_MODULE_SUPP_LIST.append(module_type)
        try:
            prepared = _prepare(model, _mapping(None), batches[0], **options)
            return _calibrate_and_convert(prepared, batches)
        finally:
            _pass.CUSTOM_MODULE_SUPP_LIST.remove(module_type)

    def equalize(
        self,
        model: nn.Module,
        batches: Sequence[Batch],
        *,
        layers: Collection[str] | None = None,
    ) -> Any:
        prepared = _prepare(model, _mapping(layers), batches[0] if batches else ())
        return _calibrate_and_convert(prepared, batches)

    def prepare(self, model: nn.Module, *, layers: Collection[str] | None = None) -> Any:
        return _prepare(model, _mapping(layers), ())

    def convert(self, prepared: nn.Module) -> Any:
        return _pass._convert_equalization_ref(prepared)

    def quantize(
        self,
        model: nn.Module,
        batches: Sequence[Batch],
        *,
        equalize: bool,
        layers: Collection[str] | None = None,
    ) -> Any:
        # As PyTorch's own tests of the pass do, test/quantization/fx/test_equalize_fx.py.
        default = _quantization.default_qconfig
        return _int8(model, batches, default, _mapping(layers) if equalize else None)

    def quantize_observing(
        self, model: nn.Module, batches: Sequence[Batch], *, equalize: bool, observer: str
    ) -> Any:
        made = {
            "histogram": _quantization.HistogramObserver.with_args(reduce_range=True),
            "fake-quantize": _quantization.FakeQuantize.with_args(reduce_range=True),
        }
        weight = _quantization.default_qconfig.weight
        qconfig = _quantization.QConfig(activation=made[observer], weight=weight)
        return _int8(model, batches, qconfig, _mapping(None) if equalize else None)

    def layer_sqnr(self, float_model: nn.Module, quantized_model: nn.Module, batch: Batch) -> Any:
        # It knows layer names of prepared models alone, and PyTorch's own tests hand it those.
        models = (_prepared_for_sqnr(each, batch) for each in (float_model, quantized_model))
        return _pass.get_layer_sqnr_dict(*models, batch)

    def select_layers(self, sqnr: Mapping[str, float], count: int) -> list[str]:
        mapping = _pass.get_equalization_qconfig_dict(sqnr, count)
        return [name for name, _ in mapping["module_name"]]


def _mapping(layers: Collection[str] | None) -> Any:
    mapping = _quantization.QConfigMapping()
    if layers is None:
        return mapping.set_global(_pass.default_equalization_qconfig)
    for name in layers:
        mapping.set_module_name(name, _pass.default_equalization_qconfig)
    return mapping


def _int8(model: nn.Module, batches: Sequence[Batch], qconfig: Any, equalization: Any) -> Any:
    """A real int8 model, for the engine of this machine."""
    prepared = _prepare(model, equalization, batches[0] if batches else (), qconfig=qconfig)
    _calibrate(prepared, batches)
    with _engine(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return _quantize_fx.convert_fx(prepared)


@contextmanager
def _engine() -> Iterator[None]:
    """An int8 engine that this machine has, for packing the weights.

    Raises:
        Unsupported: it has none.
    """
    backend = torch.backends.quantized
    before, supported = backend.engine, backend.supported_engines
    chosen = next((each for each in _ENGINES if each in supported), None)
    if chosen is None:
        raise Unsupported(
            f"torch {torch.__version__} has none of the int8 engines {', '.join(_ENGINES)} here, "
            f"only {', '.join(supported) or 'none'}: run this claim on an x86 machine."
        )
    backend.engine = chosen
    try:
        yield
    finally:
        backend.engine = before


def _prepare(
    model: nn.Module, equalization: Any, example: Batch, *, qconfig: Any = None, **options: Any
) -> Any:
    quantization = _quantization.QConfigMapping().set_global(
        qconfig or _quantization.get_default_qconfig("fbgemm")
    )
    arguments = example if isinstance(example, tuple) else (example,)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return _quantize_fx.prepare_fx(
            model,
            quantization,
            arguments,
            _equalization_config=equalization,
            **options,
        )


def _prepared_for_sqnr(model: nn.Module, batch: Batch) -> Any:
    """The model with observers, which change no value; one that is a graph already as it is."""
    return model if isinstance(model, GraphModule) else _prepare(model, None, batch)


def _observing(module_type: type[nn.Module]) -> Any:
    """PyTorch's own backend configuration, and `module_type` quantized as Linear is."""
    backends = import_module("torch.ao.quantization.backend_config")
    dtypes = backends.DTypeConfig(
        input_dtype=torch.quint8,
        output_dtype=torch.quint8,
        weight_dtype=torch.qint8,
        bias_dtype=torch.float,
    )
    pattern = backends.BackendPatternConfig(module_type)
    pattern.set_observation_type(backends.ObservationType.OUTPUT_USE_DIFFERENT_OBSERVER_AS_INPUT)
    pattern.add_dtype_config(dtypes).set_root_module(module_type)
    return backends.get_native_backend_config().set_backend_pattern_config(pattern)


def _calibrate_and_convert(prepared: nn.Module, batches: Sequence[Batch]) -> Any:
    _calibrate(prepared, batches)
    return _pass._convert_equalization_ref(prepared)


def _calibrate(prepared: nn.Module, batches: Sequence[Batch]) -> None:
    with torch.no_grad():
        for batch in batches:
            prepared(*(batch if isinstance(batch, tuple) else (batch,)))
