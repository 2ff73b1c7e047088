"""State: what modules hold beside their layers, which a forward may change and a graph does not."""

from __future__ import annotations

from collections import deque
from typing import Any

from torch import nn

from eqconform_reference.tensors import reachable

_PLAIN = (bool, int, float, str)


class State:
    """The attributes of modules, and what containers and objects in them hold, at a moment.

    Args:
        model: the modules; what is added to them later is no part of it.
    """

    def __init__(self, model: nn.Module) -> None:
        containers = (i for i in reachable(model) if isinstance(i, (dict, list, set, deque)))
        self._held: list[tuple[Any, Any]] = [
            (each, dict(each) if isinstance(each, dict) else list(each)) for each in containers
        ]

    def changed(self) -> set[int]:
        """The containers that hold something else by now, by number."""
        return {n for n, (each, before) in enumerate(self._held) if _differ(each, before)}

    def restore(self) -> None:
        """Make every container hold again what it held."""
        for each, before in [self._held[number] for number in self.changed()]:
            each.clear()
            put = each.update if isinstance(each, (dict, set)) else each.extend
            put(before)


def _differ(now: Any, before: Any) -> bool:
    pairs = zip(_items(now), _items(before))  # noqa: B905  of the same length, if it comes to it
    return len(now) != len(before) or any(not _same(*pair) for pair in pairs)


def _items(container: Any) -> list[Any]:
    return [*container, *container.values()] if isinstance(container, dict) else [*container]


def _same(now: Any, before: Any) -> bool:
    return now is before or (
        type(now) is type(before) and isinstance(now, _PLAIN) and now == before
    )
