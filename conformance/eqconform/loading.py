"""From what the command line calls an implementation to an instance of its adapter.

A spec is a registered name (entry point group `eqconform.implementations`), `module:attribute`
or `path/to/file.py:attribute`. Whatever keeps an adapter from being used is a `LoadError`
that says which spec and why.
"""

import difflib
import importlib
import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

from eqconform.contract import Implementation
from eqconform.engine.planning import NotStarted
from eqconform.specs import FILE_SPEC, registered, why_unknown

T = TypeVar("T")

FORMULAS = ("range", "absmax", "none")

_LOADED: list[tuple[Implementation, str]] = []


class LoadError(NotStarted):
    """The adapter could not be found, imported or made; the message says which and why."""

    def __init__(self, spec: str, reason: str) -> None:
        super().__init__(f"cannot load {spec!r}: {reason}")
        self.spec = spec
        self.reason = reason


def load(spec: str) -> Implementation:
    """The implementation that `spec` names.

    Raises:
        LoadError: nothing usable is there.
    """
    made = _implementation(spec, _target(spec))
    _LOADED.append((made, spec))
    return made


def spec_of(implementation: Implementation) -> str:
    """What `load` takes, in another process, to make such an implementation again.

    Of one that `load` did not make, that is where its class stands.
    """
    kind = type(implementation)
    found = [spec for made, spec in _LOADED if made is implementation]
    return found[0] if found else f"{kind.__module__}:{kind.__qualname__}"


def _target(spec: str) -> object:
    """What the spec points at: a class or an instance, if all is well."""
    if reason := why_unknown(spec):
        raise LoadError(spec, reason)
    if file := FILE_SPEC.fullmatch(spec):
        return _from_file(spec, Path(file["path"]), file["attribute"])
    if ":" in spec:
        module, _, attribute = spec.partition(":")
        return _attribute(spec, _import(spec, lambda: _import_from_here(module)), attribute)
    return _import(spec, registered()[spec].load)


def _from_file(spec: str, path: Path, attribute: str | None) -> object:
    module = _import(spec, lambda: _execute(path.resolve()))
    if attribute is None:
        return _only_adapter(spec, module)
    return _attribute(spec, module, attribute)


def _execute(path: Path) -> ModuleType:
    """Import a file under a name of its own, once per process.

    The module stays in `sys.modules`, for a model of a class defined in the file is pickled by
    that name. The folder comes last on the path: helpers beside the file are found, and none
    of them can hide an installed package.
    """
    name = "eqconform_adapter_" + re.sub(r"\W", "_", str(path.with_suffix("")))
    if name in sys.modules:
        return sys.modules[name]
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise ImportError(f"{path} is no Python source")
    sys.modules[name] = module = importlib.util.module_from_spec(found)
    try:
        found.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _import_from_here(module: str) -> ModuleType:
    """Import a module, from the working folder too, as `python -m` would."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    return importlib.import_module(module)


def _attribute(spec: str, holder: object, dotted: str) -> object:
    if not dotted:
        raise LoadError(spec, "nothing follows the colon; name the class there")
    for part in dotted.split("."):
        if not hasattr(holder, part):
            near = difflib.get_close_matches(part, vars(holder), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise LoadError(spec, f"there is no {part!r}{hint}")
        holder = getattr(holder, part)
    return holder


def _only_adapter(spec: str, module: ModuleType) -> object:
    """The one Implementation subclass that the file itself defines."""
    found = [
        name
        for name, value in vars(module).items()
        if _is_adapter_class(value) and value.__module__ == module.__name__
    ]
    if len(found) == 1:
        return getattr(module, found[0])
    if found:
        raise LoadError(spec, f"it defines {', '.join(found)}; say which: {spec}:{found[0]}")
    raise LoadError(spec, "it defines no subclass of eqconform.Implementation")


def _is_adapter_class(value: object) -> bool:
    return (
        isinstance(value, type)
        and issubclass(value, Implementation)
        and value is not Implementation
    )


def _implementation(spec: str, target: Any) -> Implementation:
    """An instance with a name, from a class or an instance."""
    if target is Implementation:
        raise LoadError(spec, "it is eqconform.Implementation itself; name a subclass of it")
    if not _is_adapter_class(target) and not isinstance(target, Implementation):
        raise LoadError(
            spec,
            f"it is {_described(target)}, and not an eqconform.Implementation (class or instance)",
        )
    made = _import(spec, target, "its constructor") if isinstance(target, type) else target
    _check_attributes(spec, made)
    return cast(Implementation, made)


def _check_attributes(spec: str, made: Any) -> None:
    for attribute in ("name", "version", "homepage"):
        if not isinstance(getattr(made, attribute), str):
            raise LoadError(spec, f"its {attribute} is {getattr(made, attribute)!r}, not a string")
    if not made.name.strip():
        raise LoadError(spec, "it has no name; set `name` on the class")
    if not (made.name + made.version + made.homepage).isprintable():
        raise LoadError(spec, "its name, version or homepage holds control characters")
    if made.formula not in FORMULAS:
        raise LoadError(spec, f"its formula is {made.formula!r}, not one of {', '.join(FORMULAS)}")


def _import(spec: str, action: Callable[[], T], where: str = "importing it") -> T:
    """The result of running the adapter's code.

    Raises:
        LoadError: it raised, SystemExit included.
    """
    try:
        return action()
    except SyntaxError as error:
        place = f"{error.filename}, line {error.lineno}"
        raise LoadError(spec, f"syntax error in {place}: {error.msg}") from error
    except SystemExit as error:
        raise LoadError(spec, f"{where} raised SystemExit({error.code!r})") from error
    except Exception as error:
        raise LoadError(spec, f"{where} raised {type(error).__name__}: {error}") from error


def _described(value: object) -> str:
    kind = "the class" if isinstance(value, type) else f"a {type(value).__name__},"
    return f"{kind} {_name(value)}" if isinstance(value, type) else f"{kind} {value!r:.60}"


def _name(holder: object) -> str:
    return str(getattr(holder, "__name__", type(holder).__name__))
