"""The source of a network's class as text that runs by itself.

With it come the imports, base classes, functions and constants that it uses; what of them stands in
another module of the networks is taken from there. Entries in the catalogue are left out.
"""

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator
from types import ModuleType
from typing import TypeAlias

_OURS = "eqconform_models"
_REGISTERING = "catalogued"  # the decorator that enters a class into the catalogue
_Definition: TypeAlias = ast.ClassDef | ast.FunctionDef | ast.Assign | ast.AnnAssign


def standalone(kind: type) -> str:
    """The source of a class and of everything that it needs, in an order in which it runs.

    Args:
        kind: defined in a module, and not in a function.
    """
    found = _Gathered()
    found.gather(kind.__module__, kind.__name__)
    imports = "\n".join(sorted(found.imports))
    return "\n\n\n".join(filter(None, [imports, *found.definitions]))


class _Gathered:
    """What has been found to be needed so far.

    Attributes:
        imports: lines.
        definitions: sources; each stands behind those that it uses.
    """

    def __init__(self) -> None:
        self.imports: set[str] = set()
        self.definitions: list[str] = []
        self._known: set[tuple[str, str]] = set()

    def gather(self, module: str, name: str) -> None:
        """Add what the module means by the name; nothing where that is Python's own."""
        if (module, name) in self._known:
            return
        self._known.add((module, name))
        source = _Source(sys.modules[module])
        if name in source.definitions:
            definition = source.definitions[name]
            for used in _used_by(definition):
                self.gather(module, used)
            self.definitions.append(source.text_of(definition))
        elif name in source.imports:
            self._import(*source.imports[name])

    def _import(self, module: str, alias: ast.alias) -> None:
        if module.partition(".")[0] == _OURS:
            self.gather(module, alias.name)
        else:
            origin = f"from {module} " if module else ""
            self.imports.add(f"{origin}import {ast.unparse(alias)}")


class _Source:
    """A module's source, by the names that it gives.

    Attributes:
        definitions: of classes, functions and constants.
        imports: the module that the name is from, empty for a module itself, and how it is named.
    """

    def __init__(self, module: ModuleType) -> None:
        self._text = inspect.getsource(module)
        self.definitions: dict[str, _Definition] = {}
        self.imports: dict[str, tuple[str, ast.alias]] = {}
        for node in _statements(ast.parse(self._text)):
            match node:
                case ast.ClassDef() | ast.FunctionDef():
                    self.definitions[node.name] = node
                case ast.Assign() | ast.AnnAssign():
                    self.definitions |= dict.fromkeys(_assigned(node), node)
                case ast.Import() | ast.ImportFrom():
                    origin = getattr(node, "module", None) or ""
                    self.imports |= {a.asname or a.name: (origin, a) for a in node.names}
        self._leave_out_entries()

    def _leave_out_entries(self) -> None:
        """Take the decorators away that enter classes into the catalogue."""
        entering = {_REGISTERING} | {
            name
            for name, each in self.definitions.items()
            if isinstance(each, ast.Assign) and _REGISTERING in _used_by(each)
        }
        for each in self.definitions.values():
            if isinstance(each, ast.ClassDef):
                each.decorator_list = [
                    decorator
                    for decorator in each.decorator_list
                    if not entering.intersection(_used_by(decorator))
                ]

    def text_of(self, definition: _Definition) -> str:
        """As it was written."""
        lines = self._text.splitlines()
        decorators = getattr(definition, "decorator_list", [])
        kept = [f"@{ast.unparse(each)}" for each in decorators]
        text = textwrap.dedent("\n".join(lines[definition.lineno - 1 : definition.end_lineno]))
        return "\n".join([*kept, text])


def _statements(module: ast.Module) -> Iterator[ast.stmt]:
    """Those of the module, and those under a condition on the version of a library."""
    for node in module.body:
        yield from node.body if isinstance(node, ast.If) else [node]


def _assigned(node: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        yield from (each.id for each in ast.walk(target) if isinstance(each, ast.Name))


def _used_by(node: ast.AST) -> list[str]:
    """The names that it reads, in the order of the text."""
    names = [each for each in ast.walk(node) if isinstance(each, ast.Name)]
    read = sorted(
        (each for each in names if isinstance(each.ctx, ast.Load)),
        key=lambda each: (each.lineno, each.col_offset),
    )
    return list(dict.fromkeys(each.id for each in read))
