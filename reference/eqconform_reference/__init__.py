"""The minimal reference implementation of input-weight equalization.

`equalize(model, batches)` is all in one; `prepare`, calibration by calling, and `convert` are
its three steps, and `explain` tells what `convert` will do and why. `quantize` simulates int8,
with and without it. Everything before the graph (`ChannelRange`, the observers,
`equalization_scale`, `fake_quantize`) works alone.
"""

from eqconform_reference.calling import call
from eqconform_reference.config import Config, Observers
from eqconform_reference.convert import convert, equalize
from eqconform_reference.distributed import reduce_ranges
from eqconform_reference.errors import (
    ChannelMismatch,
    NotCalibrated,
    NotFinite,
    NotTraceable,
)
from eqconform_reference.explain import explain
from eqconform_reference.observers import InputEqualizationObserver, WeightEqualizationObserver
from eqconform_reference.prepare import Prepared, prepare
from eqconform_reference.quantize import affine_parameters, fake_quantize, weight_parameters
from eqconform_reference.ranges import ChannelRange, channel_range, column_range
from eqconform_reference.scale import equalization_scale, scaled_input_range
from eqconform_reference.sensitivity import layer_sqnr, select_layers
from eqconform_reference.simulate import Quantizer, quantize

__all__ = [
    "ChannelMismatch",
    "ChannelRange",
    "Config",
    "InputEqualizationObserver",
    "NotCalibrated",
    "NotFinite",
    "NotTraceable",
    "Observers",
    "Prepared",
    "Quantizer",
    "WeightEqualizationObserver",
    "affine_parameters",
    "call",
    "channel_range",
    "column_range",
    "convert",
    "equalization_scale",
    "equalize",
    "explain",
    "fake_quantize",
    "layer_sqnr",
    "prepare",
    "quantize",
    "reduce_ranges",
    "scaled_input_range",
    "select_layers",
    "weight_parameters",
]
