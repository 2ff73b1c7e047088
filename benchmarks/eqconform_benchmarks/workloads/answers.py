"""What the timed calls have to give on the very tensors that are timed, against float64.

The conformance cases are small: an implementation that samples what is large passes them, and
would be shown as a fast one. So would one that remembers its answers: the tensors change in place,
and the answers must follow.
"""

import torch
from torch import Tensor, nn

from eqconform import ChannelRange, Implementation
from eqconform.checks.formula import Ranges
from eqconform.checks.scale import scale_of
from eqconform.checks.verdicts import EXACT, bounds, exact_range, near
from eqconform.judge.guard import Guarded
from eqconform.judge.outcome import Evidence, Violation
from eqconform.probe import outputs, record


def require_extremes(returned: object, values: Tensor, known: Tensor | None = None) -> None:
    """A range must hold the smallest and the largest value of each channel, bit by bit.

    Args:
        returned: the range.
        values: of the channels, shape (C, values).
        known: bounds of what was seen before, shape (2, C), float64.

    Raises:
        Violation: it does not.
    """
    low, high = (each(values, 1).double().cpu() for each in (torch.amin, torch.amax))
    if known is not None:
        low, high = torch.minimum(low, known[0]), torch.maximum(high, known[1])
    exact_range(returned, torch.stack([low, high]))


def bounds_of(returned: object, values: Tensor) -> Tensor:
    """The bounds that a range has, shape (2, C), float64.

    Args:
        returned: the range.
        values: as for `require_extremes`.

    Raises:
        Violation: it is no range of the channels.
    """
    return bounds(returned, len(values))


def require_scale(
    implementation: Implementation, inputs: ChannelRange, weights: ChannelRange
) -> None:
    """A scale must be that of the formula, to the roundings of the ranges' dtype.

    Args:
        implementation: whose.
        inputs: bounds of shape (C,), where the implementation works.
        weights: likewise.

    Raises:
        Violation: it is not.
    """
    given = Ranges(_at_home(inputs), _at_home(weights), implementation.formula)
    observed = scale_of(Guarded(implementation), inputs, weights)
    near(observed, given.scale, given.tolerance(given.precision) * given.scale, "s")


def _at_home(given: ChannelRange) -> ChannelRange:
    return ChannelRange(given.min.cpu(), given.max.cpu())


def require_function(model: nn.Module, original: nn.Module, images: Tensor) -> None:
    """A model must compute what the original does, as it is now.

    That it does so to the last rounding is for the conformance cases to see; half of the digits
    tell another function.

    Raises:
        Violation: it does not.
    """
    with torch.no_grad():
        returned, expected = (outputs(each(images)) for each in (model, original))
    if returned.keys() != expected.keys():
        raise Violation(Evidence(", ".join(expected), ", ".join(returned)))
    for place, output in expected.items():
        half = torch.finfo(output.dtype).eps ** 0.5
        near(returned[place].cpu(), output.double().cpu(), half * float(output.abs().max()), place)


def require_same_inputs(model: nn.Module, expected: nn.Module, images: Tensor) -> None:
    """Every layer of a model must be given what the layer of another is given, bit by bit.

    Raises:
        Violation: one is not; where it is scaled otherwise, say.
    """
    pairs = zip(record(model, images).calls, record(expected, images).calls, strict=True)
    for number, (own, other) in enumerate(pairs):
        place = f"input of layer call {number}"
        near(own.input.cpu(), other.input.double().cpu(), EXACT, place)
