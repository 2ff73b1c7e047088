"""The form of what a model returns: containers of which kind, in which order, around which values.

Tensors are judged elsewhere, by place (`eqconform.probe.outputs`); here it counts that they are
tensors. Everything else must be what it was: a list that comes as a tuple cannot be appended to, a
plain tuple has no `.logits`, and a number that comes as a tensor is no key and no flag.
"""

from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any

from torch import Tensor

from eqconform.judge.outcome import Evidence, require
from eqconform.probe import parts


def require_same_form(before: Any, after: Any, where: str) -> Evidence:
    """The evidence that an output has the form that it had.

    Args:
        before: what the untouched model returned.
        after: what the implementation's model returned.
        where: the batch, for the reader.

    Raises:
        Violation: it has not; the first place that differs is named.
    """
    found = next(_differences("output", before, after), None)
    if found is None:
        return Evidence(f"{where}: {_said(before)}", "of the same form")
    place, expected, observed = found
    return require(holds=False, evidence=Evidence(f"{where}: {place} = {expected}", observed))


def _differences(place: str, before: Any, after: Any) -> Iterator[tuple[str, str, str]]:
    """Every place where the form differs, with what was there and what is."""
    inside = [parts(each) for each in (before, after)]
    names = [[name for name, _ in each] for each in inside]
    if not _is_alike(before, after) or names[0] != names[1]:
        yield place, _said(before), _said(after)
        return
    for (name, one), (_, other) in zip(*inside, strict=True):
        yield from _differences(place + name, one, other)


def _is_alike(before: Any, after: Any) -> bool:
    """Whether `after` can stand for `before`, whatever is inside of it."""
    kind = _kind(before)
    if kind is not None:
        return isinstance(after, kind)
    return type(before) is type(after) and bool(before == after)


def _kind(value: Any) -> type | None:
    """What must come in the place of a tensor or container; None for any other value.

    What has fields is asked for them by name, so it keeps its type; of a list, a tuple or a
    mapping any subclass will do.
    """
    if isinstance(value, (Tensor, list)):
        return Tensor if isinstance(value, Tensor) else list
    if hasattr(value, "_fields") or (is_dataclass(value) and not isinstance(value, type)):
        return type(value)
    return next((kind for kind in (tuple, Mapping) if isinstance(value, kind)), None)


def _said(value: Any) -> str:
    """A value in a few words: the tensors of a container are no more than that."""
    if isinstance(value, Tensor):
        return "a tensor"
    inside = parts(value)
    if not inside and _kind(value) is None:
        return f"{type(value).__name__} {value!r}"
    held = ", ".join(f"{name} {_said(each)}" for name, each in inside)
    return f"{type(value).__name__}({held})"
