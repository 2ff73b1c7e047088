"""Which layer call of an implementation's model is which of the untouched model."""

from collections.abc import Sequence

import torch

from eqconform.judge.outcome import Evidence, Violation
from eqconform.probe import LayerCall, Recording


def changed_calls(before: Recording, after: Recording) -> list[int]:
    """The layer calls whose input or weight is another one than before.

    Raises:
        Violation: there are more or fewer calls than before.
    """
    pairs = enumerate(aligned(before, after))
    return [index for index, (old, new) in pairs if not _same(old, new)]


def aligned(before: Recording, after: Recording) -> list[tuple[LayerCall, LayerCall]]:
    """The layer calls side by side, in the order in which the untouched model makes them.

    An implementation may compute independent layers in another order. A positive scale keeps the
    sign of every weight, and by that a call is known again; where some call is not, the order of
    execution stands.

    Raises:
        Violation: their numbers differ, so that none can be told from another.
    """
    counts = len(before.calls), len(after.calls)
    if counts[0] != counts[1]:
        raise Violation(Evidence(f"{counts[0]} linear or conv calls", f"{counts[1]} of them"))
    return list(zip(before.calls, _reordered(before.calls, after.calls), strict=True))


def _reordered(before: Sequence[LayerCall], after: Sequence[LayerCall]) -> Sequence[LayerCall]:
    """`after` in the order of `before`, if every call of the one is found in the other."""
    remaining, found = list(after), list[LayerCall]()
    for call in before:
        alike = (i for i, other in enumerate(remaining) if _recognized(call, other))
        index = next(alike, None)
        if index is None:
            return after
        found.append(remaining.pop(index))
    return found


def _recognized(before: LayerCall, after: LayerCall) -> bool:
    if (before.kind, before.groups, before.weight.shape) != (
        after.kind,
        after.groups,
        after.weight.shape,
    ):
        return False
    return torch.equal(before.weight.sign(), after.weight.sign().to(before.weight))


def _same(before: LayerCall, after: LayerCall) -> bool:
    same_weight = torch.equal(before.weight, after.weight)
    return same_weight and torch.equal(before.input, after.input)
