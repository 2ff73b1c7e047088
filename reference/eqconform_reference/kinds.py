"""Containers of a kind of their own: what is asked for its items by name keeps its type.

A tracer takes the output of a language model, a dictionary with attributes, for a plain one.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from torch.fx import Tracer
from torch.fx.immutable_collections import immutable_dict

_PLAIN = (dict, immutable_dict)


class KindTracer(Tracer):
    """Lets a graph make what has a kind of its own; unpickling traces the graph's code anew."""

    def create_arg(self, a: Any) -> Any:
        """What stands for `a` in a graph."""
        if not _has_own_kind(a):
            return super().create_arg(a)
        args, kwargs = (self.create_arg(each) for each in _making(a))
        return self.create_node("call_function", type(a), args, kwargs)


def _has_own_kind(value: Any) -> bool:
    """Whether a value is a dataclass, or a dictionary by inheritance."""
    if isinstance(value, dict):
        return type(value) not in _PLAIN
    return is_dataclass(value) and not isinstance(value, type)


def _making(value: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments with which the type of a value makes another one that holds the same.

    Args:
        value: see `_has_own_kind`.

    Raises:
        TypeError: its type makes no such thing.
    """
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    if is_dataclass(value):
        kwargs = {each.name: getattr(value, each.name) for each in fields(value) if each.init}
    else:
        args = (dict(value),)
    if isinstance(value, dict):
        _require_alike(value, args, kwargs)
    return args, kwargs


def _require_alike(value: dict[Any, Any], args: Any, kwargs: Any) -> None:
    kind = type(value)
    try:
        made = list(kind(*args, **kwargs).items())
    except Exception as error:
        raise TypeError(f"a {kind.__name__} cannot be made from its items: {error}") from error
    held = list(value.items())
    if [(key, id(item)) for key, item in made] != [(key, id(item)) for key, item in held]:
        raise TypeError(f"a {kind.__name__} that is made from its items holds others.")
