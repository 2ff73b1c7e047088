"""Commands that other packages add, through the entry point group `eqconform.commands`.

Each entry point is a typer app. It is imported when its command is called, not before: one
that fails to import breaks nothing else, and none slows the others down. What `eqconform --help`
says of it is the first line of its module's docstring, which is read and not imported.
"""

import ast
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

import typer

from eqconform.console import exits
from eqconform.selection import UsageError

GROUP = "eqconform.commands"

# Everything after the command's name, --help included, is for the app.
_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def add_to(app: typer.Typer) -> None:
    """Add every contributed command to the app."""
    for point in sorted(entry_points(group=GROUP)):
        _add(app, point)


def _add(app: typer.Typer, point: EntryPoint) -> None:
    @app.command(
        point.name, help=_description(point), context_settings=dict(_PASS_ON), add_help_option=False
    )
    def command(context: typer.Context) -> None:
        with exits():
            contributed = _load(point)
        contributed(args=context.args, prog_name=f"eqconform {point.name}")


def _description(point: EntryPoint) -> str:
    """The first line of the module's docstring, without the command's own name before it."""
    package = point.dist.name if point.dist else point.module
    lead, _, rest = _docstring(point.module).partition("\n")[0].partition(": ")
    text = rest if lead == f"`eqconform {point.name}`" else ""
    return text[:1].upper() + text[1:] or f"See `eqconform {point.name} --help` (from {package})."


def _docstring(module: str) -> str:
    """Of a module that is not imported for it, though its package is; empty where there is none."""
    try:
        found = find_spec(module)
        if found is None or found.origin is None:
            return ""
        return ast.get_docstring(ast.parse(Path(found.origin).read_text(encoding="utf-8"))) or ""
    except (ImportError, OSError, ValueError, SyntaxError):
        return ""


def _load(point: EntryPoint) -> typer.Typer:
    try:
        loaded = point.load()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(f"the command {point.name!r} cannot be imported: {reason}") from error
    if not isinstance(loaded, typer.Typer):
        raise UsageError(f"the command {point.name!r} is no typer app ({point.value})")
    return loaded
