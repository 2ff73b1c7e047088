"""Whether what was read from JSON has the types that dataclasses and typed dictionaries declare.

For the few kinds of annotation that result files are described with; `results.schema.json` says
the same of a file, and more, but only the tests have a validator for it. Knows nothing of torch.
"""

from collections.abc import Mapping
from dataclasses import is_dataclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict


def fits(value: Any, kind: Any) -> bool:
    """Whether a value is what `json.loads` makes of a `kind`.

    Args:
        value: as `json.loads` gives it.
        kind: str, bool, int, float (a whole number is one, a bool is none), None, Any, a union, a
            `tuple[X, ...]` (a list in JSON), a `Mapping[str, X]`, or a dataclass or TypedDict,
            whose fields are all there and no other.

    Raises:
        TypeError: an annotation of another kind.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return True
    if origin in (Union, UnionType):
        return any(fits(value, each) for each in arguments)
    if origin is tuple:
        return isinstance(value, list) and all(fits(each, arguments[0]) for each in value)
    if origin is Mapping:
        return isinstance(value, dict) and all(fits(each, arguments[1]) for each in value.values())
    if is_dataclass(kind) or is_typeddict(kind):
        hints = get_type_hints(kind)
        return (
            isinstance(value, dict)
            and value.keys() == hints.keys()
            and all(fits(value[name], each) for name, each in hints.items())
        )
    return _fits_plain(value, kind)


def _fits_plain(value: Any, kind: Any) -> bool:
    if kind not in (str, bool, int, float, NoneType):
        raise TypeError(f"{kind!r} is no annotation that JSON is checked against")
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)
