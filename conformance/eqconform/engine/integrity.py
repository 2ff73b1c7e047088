"""Notices when the implementation replaces what judging relies on, and puts it back.

Judging relies on functions of torch, of Python and of the suite itself: an implementation that
leaves another `torch.equal` behind decides the verdicts of the cases after it. What is compared
is the identity of functions and classes, and the code of Python functions; a few milliseconds
per hundred cases. It is meant for careless libraries, not for malice: code in the same process
that wants to deceive its judge can.
"""

import builtins
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import torch

from eqconform.contract import Implementation
from eqconform.judge.cases import all_checks
from eqconform.loading import LoadError, load

_SUITE = ("eqconform", "eqconform_models")
_JUDGED = "eqconform.adapters"  # theirs, not the suite's
_MODULES = (
    *("contextlib", "copy", "functools", "io", "itertools", "json", "math", "operator"),
    *("os", "pickle", "random", "re", "signal", "threading", "time", "traceback", "zlib"),
    *("torch", "torch.nn", "torch.nn.functional", "torch.nn.modules.module", "torch.overrides"),
)
_TORCH = Path(torch.__file__).parent
_LEFT_OUT = ("excepthook", "Storage")  # pytest sets its own; it follows the default dtype
_NAMED = 5  # replaced things that a message names


class Integrity:
    """What judging relies on, as it was when this was made."""

    def __init__(self) -> None:
        self._builtins = dict(vars(builtins))
        self._holders = [(name, holder, _watched(holder)) for name, holder in _holders()]
        functions = {
            id(value): (f"{name}.{attribute}", value)
            for name, _, watched in self._holders
            for attribute, value in watched.items()
            if isinstance(value, FunctionType)
        }
        self._codes = [(name, each, each.__code__) for name, each in functions.values()]
        self._functions = set(functions)

    def restore(self) -> list[str]:
        """Put back what was replaced; the qualified names of that."""
        replaced = self._restore_builtins()
        for name, holder, before in self._holders:
            replaced += [f"{name}.{each}" for each in self._restore(holder, before)]
            if isinstance(holder, type):
                replaced += [f"{name}.{each}" for each in self._uncover(holder, before)]
        for name, function, code in self._codes:
            if function.__code__ is not code:
                function.__code__ = code
                replaced.append(name)
        return replaced

    def _restore(self, holder: Any, before: dict[str, Any]) -> list[str]:
        now = vars(holder)
        different = [name for name, value in before.items() if now.get(name) is not value]
        replaced = []
        for name in different:
            if self._is_by_torch(now.get(name)):
                before[name] = now[name]
            else:
                setattr(holder, name, before[name])
                replaced.append(name)
        return replaced

    def _uncover(self, holder: type, before: dict[str, Any]) -> list[str]:
        """Remove the methods that have been put over inherited ones; their names."""
        inherited = [vars(base) for base in holder.__mro__[1:]]
        over = [
            name
            for name, value in vars(holder).items()
            if name not in before and callable(value) and any(name in base for base in inherited)
        ]
        theirs = [name for name in over if not self._is_by_torch(vars(holder)[name])]
        for name in theirs:
            delattr(holder, name)
        return theirs

    def _is_by_torch(self, now: Any) -> bool:
        """Whether torch itself has done it: some parts of it, once imported, wrap others.

        (`torch._dynamo` wraps `torch.manual_seed` and `torch.nn.Module.__init__`.) The code of
        what replaces stands in torch's folder, and it is not another function of torch, put where
        it does not belong.
        """
        code = getattr(now, "__code__", None)
        if code is None or id(now) in self._functions:
            return False
        return Path(code.co_filename).is_relative_to(_TORCH)

    def _restore_builtins(self) -> list[str]:
        """Before anything else, and calling none of them: any may be broken."""
        now, before = builtins.__dict__, self._builtins
        replaced = [
            f"builtins.{name}"
            for name, value in before.items()
            if name != "_" and now.get(name) is not value  # "_" is for interactive use
        ]
        now.update(before)
        return replaced


def modes() -> dict[str, object]:
    """What of torch's state decides what every operation does and can be entered without leaving.

    It cannot be put back from outside, for the context that would leave it is theirs.
    """
    core: Any = torch._C  # noqa: SLF001  the depth of these stacks has no public name
    hooks: Any = torch.nn.modules.module
    return {
        "a torch function mode": _depth(core, "_len_torch_function_stack"),
        "a torch dispatch mode": _depth(core, "_len_torch_dispatch_stack"),
        "inference mode": torch.is_inference_mode_enabled(),
        "autocast": torch.is_autocast_enabled(),
        "hooks on every module": [
            len(getattr(hooks, name, ()))
            for name in (
                "_global_forward_pre_hooks",
                "_global_forward_hooks",
                "_global_backward_hooks",
            )
        ],
    }


def load_intact(spec: str) -> tuple[Implementation, Integrity]:
    """The implementation, and what judging relies on as it was before it was imported.

    Raises:
        LoadError: nothing usable is there, or importing it replaced what judging relies on.
        RegistryError: registry and checks do not match.
    """
    all_checks()  # imports the checks, so that they are watched too
    integrity = Integrity()
    implementation = load(spec)
    if replaced := integrity.restore():
        raise LoadError(spec, f"importing it changed {in_words(replaced)}")
    return implementation, integrity


def in_words(replaced: list[str]) -> str:
    """`torch.equal, torch.allclose and 3 more, on which judging relies`."""
    more = len(replaced) - _NAMED
    named = ", ".join(replaced[:_NAMED])
    return f"{named}{f' and {more} more' if more > 0 else ''}, on which judging relies"


def _holders() -> Iterator[tuple[str, Any]]:
    """The modules and classes whose attributes are watched, by qualified name."""
    for name in _MODULES:
        yield name, importlib.import_module(name)
    yield "torch.Tensor", torch.Tensor
    yield "torch.nn.Module", torch.nn.Module
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in _SUITE and not name.startswith(_JUDGED):
            yield name, module
            yield from _classes_of(name, module)


def _classes_of(name: str, module: ModuleType) -> Iterator[tuple[str, type]]:
    for attribute, value in list(vars(module).items()):
        if isinstance(value, type) and value.__module__ == name:
            yield f"{name}.{attribute}", value


def _watched(holder: Any) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(holder).items()
        if (callable(value) or isinstance(value, (classmethod, property, staticmethod)))
        and name not in _LEFT_OUT
    }


def _depth(core: Any, name: str) -> int:
    """How many modes are entered; older versions of torch do not say."""
    return int(getattr(core, name, int)())
