"""What the timed calls have to give on the very tensors that are timed, against float64.

The conformance cases are small: an implementation that samples what is large passes them, and
would be shown as a fast one.
"""

import torch
from torch import Tensor

from eqconform import ChannelRange, Implementation
from eqconform.checks.formula import Ranges
from eqconform.checks.scale import scale_of
from eqconform.checks.verdicts import exact_range, near
from eqconform.judge.guard import Guarded


def require_extremes(returned: object, values: Tensor) -> None:
    """A range must hold the smallest and the largest value of each channel, bit by bit.

    Args:
        returned: the range.
        values: of the channels, shape (C, values).

    Raises:
        Violation: it does not.
    """
    exact_range(returned, torch.stack(torch.aminmax(values.double(), dim=1)).cpu())


def require_scale(
    implementation: Implementation,
    device: torch.device,
    inputs: ChannelRange,
    weights: ChannelRange,
) -> None:
    """A scale must be that of the formula, to the roundings of the ranges' dtype.

    Args:
        implementation: whose.
        device: where it works.
        inputs: bounds of shape (C,), on the CPU.
        weights: likewise.

    Raises:
        Violation: it is not.
    """
    given = Ranges(inputs, weights, implementation.formula)
    observed = scale_of(Guarded(implementation, device), inputs, weights)
    near(observed, given.scale, given.tolerance(given.precision) * given.scale, "s")
