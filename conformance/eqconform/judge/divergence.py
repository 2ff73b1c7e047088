"""Where an equalized network leaves the untouched one: a hint for whoever looks for the cause.

Whatever scales an equalizer uses and wherever it puts them, the input of every layer call stays,
channel by channel, a multiple of what it was. The first call of which that is not so tells where
the function was lost. Formula and placement play no part, so the hint is one for every equalizer.
"""

import torch
from torch import Tensor, nn

from eqconform.contract import Unsupported
from eqconform.judge.alignment import aligned
from eqconform.judge.guard import Guarded, run
from eqconform.judge.judgement import (
    BEYOND_CALIBRATION,
    equalized,
    judge_returned,
    recorded,
)
from eqconform.judge.outcome import Raised, Violation
from eqconform.judge.rounding import bounds, unit_roundoff
from eqconform.judge.underflow import allowing
from eqconform.probe import LayerCall, module_of, outputs, record
from eqconform_models import Network

_SHOWN = 8  # channels
_ROUNDINGS = 2  # of s x: the product, and s where it is stored


def first_divergence(implementation: Guarded, network: Network) -> str:
    """In words, the first layer call whose input is no multiple of the untouched network's."""
    try:
        model = equalized(implementation, network)
        return _compared(model, network)
    except (Raised, Violation, Unsupported) as error:
        return f"Where it diverges cannot be told: {error}"


def _compared(model: nn.Module, network: Network) -> str:
    name = next((each for each in BEYOND_CALIBRATION if _is_off(model, network, each)), None)
    if name is None:
        return "The function is preserved: every output is right"
    batch, untouched = network.judgement()[name], network.build()
    before = record(untouched, batch)
    pairs = aligned(before, recorded(model, batch))
    limits = allowing(network, name)
    if len(limits.inputs) < len(pairs):
        return "Where it diverges cannot be told: the inputs of so large a network are not measured"
    for index, (old, new) in enumerate(pairs):
        if not _is_multiple(new, limits.inputs[index], limits.input_tolerance[index]):
            module = module_of(old, untouched)
            what = old.kind if module is None else f"{old.kind} {module!r}"
            return f"First to diverge: {_said(index, what)}{_not_finite(new)}"
    return (
        f"The input of every layer call ({len(pairs)}) is, channel by channel, a multiple of the "
        "untouched network's: what goes wrong does so where no other layer call follows"
    )


def _is_off(model: nn.Module, network: Network, name: str) -> bool:
    """Whether the model's outputs for a batch are not those of the untouched network."""
    try:
        returned = outputs(run(model, network.judgement()[name]))
        judge_returned(network, returned, bounds(network, name), name)
    except Violation:
        return True
    return False


def _said(index: int, what: str) -> str:
    said = (
        f"the input of layer call {index} ({what}) is not, channel by channel, a multiple of the "
        "untouched network's"
    )
    if not index:
        return said
    before = (
        "That of the layer call before it is one"
        if index == 1
        else f"Those of calls 0 to {index - 1} are"
    )
    return f"{said}. {before}: it goes wrong in call {index - 1}, or between the two"


def _not_finite(call: LayerCall) -> str:
    """Which channels of a call's input hold NaN or infinity, in words; "" where none does."""
    rows = call.input.movedim(call.channel_axis, 0).flatten(1)  # (C, values)
    channels = (~rows.isfinite()).any(1).nonzero().flatten().tolist()
    if not channels:
        return ""
    which = ", ".join(map(str, channels[:_SHOWN])) + (", …" if channels[_SHOWN:] else "")
    return f". It holds NaN or infinity in channel {which}; 0 times an infinite scale is NaN"


def _is_multiple(call: LayerCall, exact: Tensor, tolerance: Tensor) -> bool:
    """Whether the call's input is x times one number for each channel, to rounding and underflow.

    Least squares finds the number s; an error of x that is within the tolerance t moves it by up
    to s t sum|x| / sum x², and so the product by |x| times as much. Where x or s x is below the
    smallest normal number, all of it may be lost.

    Args:
        call: of the equalized model.
        exact: x in float64, of the shape of the call's input.
        tolerance: of x, shape (C,).
    """
    if call.input.shape != exact.shape:
        return False
    rows, seen = (
        each.double().movedim(call.channel_axis, 0).flatten(1) for each in (exact, call.input)
    )  # (C, values)
    squares = rows.square().sum(1, keepdim=True)
    dead = squares == 0
    scale = torch.where(dead, 1.0, (rows * seen).sum(1, keepdim=True) / squares)
    moved = torch.where(dead, 0.0, rows.abs().sum(1, keepdim=True) / squares)
    rounding = _ROUNDINGS * unit_roundoff(call.input.dtype) * rows.abs()
    smallest = torch.finfo(call.input.dtype).smallest_normal
    off = scale.abs() * (tolerance.unsqueeze(1) + smallest) + smallest
    allowed = scale.abs() * rounding + off * (1 + moved * rows.abs())
    return bool(((seen - scale * rows).abs() <= allowed).all())
