"""The judgements that several checks pass: exact ranges, refusals, warnings, nothing mutated.

Also the arithmetic of roundings: Higham, "Accuracy and Stability of Numerical Algorithms" (2002),
section 3.1.
"""

import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from eqconform.contract import ChannelRange
from eqconform.judge.guard import attempt
from eqconform.judge.judgement import share, worst_of
from eqconform.judge.outcome import Evidence, Raised, Violation, require

T = TypeVar("T")

EXACT = torch.zeros((), dtype=torch.float64)


def roundings(count: float, dtype: torch.dtype) -> float:
    """The largest relative error of `count` roundings in a row, Higham's gamma: nu / (1 - nu).

    u, the error of one rounding, is half of `eps`.
    """
    error = count * torch.finfo(dtype).eps / 2
    return error / (1 - error)


def near(observed: Tensor, expected: Tensor, tolerance: Tensor | float, place: str) -> Evidence:
    """The evidence that each element is within tolerance of the expected one.

    Args:
        observed: any shape.
        expected: the same shape.
        tolerance: absolute, broadcastable to it.
        place: what the elements are, for the reader.

    Raises:
        Violation: one is not; the worst is shown.
    """
    worst = worst_of(observed.double(), expected, torch.as_tensor(tolerance).double(), place)
    return require(share(worst) <= 1, worst)


def extremes(batches: Sequence[Tensor], axis: int) -> Tensor:
    """The exact bounds of every channel, found by listing its values; shape (2, C), float64."""
    moved = [batch.detach().double().movedim(axis, 0) for batch in batches]
    rows = [batch.reshape(batch.shape[0], -1) for batch in moved]  # each (C, values)
    channels = [[value for row in rows for value in row[c].tolist()] for c in range(len(rows[0]))]
    found = [[extreme(values) for values in channels] for extreme in (min, max)]
    return torch.tensor(found, dtype=torch.float64)


def bounds(returned: object, channels: int) -> Tensor:
    """The bounds that were returned, shape (2, C), float64.

    Raises:
        Violation: they are not two floating-point tensors of shape (C,).
        Raised: they cannot be read.
    """
    expected = f"(min, max), two floating-point tensors of shape ({channels},)"
    if not isinstance(returned, (tuple, list)) or not all(isinstance(b, Tensor) for b in returned):
        raise Violation(Evidence(expected, f"{type(returned).__name__}"))
    formed = ", ".join(f"{b.dtype} of shape {tuple(b.shape)}" for b in returned)
    fits = [b.is_floating_point() and tuple(b.shape) == (channels,) for b in returned]
    require(fits == [True, True], Evidence(expected, formed))
    return attempt(
        "reading the range", lambda: torch.stack([b.detach().cpu().double() for b in returned])
    )


def exact_range(returned: object, expected: Tensor) -> Evidence:
    """The evidence that these are the expected bounds, shape (2, C), bit by bit.

    Raises:
        Violation: they are not.
    """
    low, high = bounds(returned, expected.shape[1])
    near(low, expected[0], EXACT, "min")
    return near(high, expected[1], EXACT, "max")


def refused(
    call: Callable[[], object],
    *,
    because: str,
    kind: type[Exception] = Exception,
    naming: Sequence[object] = (),
) -> Evidence:
    """The evidence that `call` is refused with an exception of a kind that names what is wrong.

    Args:
        call: a call through `Guarded`.
        because: what is wrong with the call, for the reader.
        kind: of the exception.
        naming: words or numbers that the message must hold.

    Raises:
        Violation: the call went through, or raised something else.
    """
    names = "".join(f" and names {name!r}" for name in naming)
    expected = f"{_article(kind)} that says what is wrong{names}, because {because}"
    try:
        returned = call()
    except Raised as raised:
        message = str(raised.cause).strip()
        observed = f"{type(raised.cause).__name__}: {message or 'no message'}"
        says = speaks(raised) and all(_named(name, message) for name in naming)
        return require(isinstance(raised.cause, kind) and says, Evidence(expected, observed))
    raise Violation(Evidence(expected, f"no error; it returned {_short(returned)}"))


def speaks(raised: Raised) -> bool:
    """Whether an implementation's exception is an error with a message, and not an exit."""
    return isinstance(raised.cause, Exception) and bool(str(raised.cause).strip())


def heard(call: Callable[[], T], *, about: str = "") -> tuple[T, list[str]]:
    """The result of `call`, and the warnings that it gave; those about deprecations do not count.

    Args:
        call: anything.
        about: pattern that a warning must match, in any case.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = call()
    silent = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)
    messages = [str(each.message) for each in caught if not issubclass(each.category, silent)]
    return result, [each for each in messages if re.search(about, each, re.IGNORECASE)]


def unchanged(given: Sequence[Tensor], before: Sequence[Tensor], what: str) -> Evidence:
    """The evidence that tensors are what they were.

    Raises:
        Violation: one has changed.
    """
    same = len(given) == len(before) and all(map(identical, given, before))
    return require(
        same, Evidence(f"{what} as before", f"{what} {'as before' if same else 'changed'}")
    )


def identical(first: Tensor, second: Tensor) -> bool:
    """Whether two tensors are of one dtype and shape and hold the same values; NaN equals NaN."""
    same = torch.equal(first, second) or _equal_but_for_nan(first, second)
    return same and first.dtype == second.dtype  # torch.equal compares numbers, of whatever types


def copies(tensors: Sequence[Tensor]) -> list[Tensor]:
    """What the tensors hold now."""
    return [each.detach().clone() for each in tensors]


def no_graph(returned: Any) -> Evidence:
    """The evidence that bounds hold no gradient graph.

    Raises:
        Violation: they do.
    """
    held = any(b.requires_grad for b in returned)
    observed = "bounds that require gradients" if held else "bounds that require none"
    return require(not held, Evidence("bounds that do not require gradients", observed))


def as_range(lowest: Sequence[float], highest: Sequence[float]) -> ChannelRange:
    """A float32 range of written-down bounds."""
    return ChannelRange(*torch.tensor([lowest, highest], dtype=torch.float32))


def _equal_but_for_nan(one: Tensor, two: Tensor) -> bool:
    if not (one.is_floating_point() and two.is_floating_point()):
        return False
    numbers = (each.nan_to_num(0.0, float("inf"), float("-inf")) for each in (one, two))
    return torch.equal(one.isnan(), two.isnan()) and torch.equal(*numbers)


def _article(kind: type[Exception]) -> str:
    return "an error" if kind is Exception else f"a {kind.__name__}"


def _named(name: object, message: str) -> bool:
    """Whether the message has the name as a word of its own: 3, but not the 3 of 32."""
    return re.search(rf"(?<!\w){re.escape(str(name))}(?!\w)", message) is not None


def _short(value: object) -> str:
    text = repr(value).replace("\n", " ")
    return text if len(text) <= 100 else f"{text[:100]}..."  # noqa: PLR2004  a line's worth
