"""Whether networks are prepared, calibrated and converted anew, or taken from memory.

A network that was timed gets other images, or another one of its names and shapes other weights:
what comes of them must be theirs. Once, after the timing, for it takes as long as some repetitions.
"""

import copy
import secrets
from collections.abc import Callable

import torch
from torch import Tensor, nn

from eqconform import Implementation
from eqconform_benchmarks.workloads.answers import require_function, require_same_inputs


def _spike(images: Tensor) -> None:
    """Set one value of each, at a place that nobody knows, far above all others."""
    for image in images:
        image[tuple(secrets.randbelow(size) for size in image.shape)] = 100.0


def _turn(images: Tensor) -> None:
    """Give every value another sign and another size."""
    images.mul_(-2)


CHANGES: tuple[Callable[[Tensor], object], ...] = (_spike, _turn)
"""In place, of images between 0 and 1: little of them, for who goes by a part, and all."""


def require_prepared_anew(
    model: nn.Module, images: Tensor, implementation: Implementation
) -> tuple[nn.Module, nn.Module]:
    """A network of the same names and shapes with other weights, and what prepare makes of it.

    The second is calibrated on the images.

    Raises:
        Violation: the second does not compute what the first does.
    """
    other = copy.deepcopy(model)
    with torch.no_grad():
        for weight in other.parameters():
            weight.neg_()
    prepared = implementation.prepare(copy.deepcopy(other))
    require_function(prepared, other, images)
    return other, prepared


def require_converted_anew(
    model: nn.Module, images: Tensor, implementation: Implementation
) -> None:
    """Likewise, and what convert makes of that.

    Raises:
        Violation: that does not compute what the network does.
    """
    other, prepared = require_prepared_anew(model, images, implementation)
    require_function(implementation.convert(prepared), other, images)


def require_calibrated_anew(
    prepared: nn.Module, model: nn.Module, images: Tensor, implementation: Implementation
) -> None:
    """Images that change in place must widen the ranges of a network that has seen them before.

    Held against a calibration of the same implementation that sees each tensor once: the scales,
    by what the layers are given. Who promises no formula may weigh batches as it likes.

    Args:
        prepared: by the implementation; it has seen `images` alone.
        model: that it was made of.
        images: what it was timed on; they are changed.
        implementation: whose.

    Raises:
        Violation: outputs or scales are those of other images.
    """
    seen = [images.clone()]
    for change in CHANGES:
        change(images)
        require_function(prepared, model, images)
        seen.append(images.clone())
    if implementation.formula == "none":
        return
    fresh = implementation.prepare(copy.deepcopy(model))
    with torch.no_grad():
        for batch in seen:
            fresh(batch)
    own, expected = (implementation.convert(copy.deepcopy(each)) for each in (prepared, fresh))
    require_same_inputs(own, expected, images[:1])
