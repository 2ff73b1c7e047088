"""Commands that other packages add, through the entry point group `eqconform.commands`.

Each entry point is a typer app. It is imported when its command is called, not before: one
that fails to import breaks nothing else, and none slows the others down.
"""

from importlib.metadata import EntryPoint, entry_points

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
    package = point.dist.name if point.dist else point.module
    text = f"See `eqconform {point.name} --help` (from {package})."

    @app.command(point.name, help=text, context_settings=dict(_PASS_ON), add_help_option=False)
    def command(context: typer.Context) -> None:
        with exits():
            contributed = _load(point)
        contributed(args=context.args, prog_name=f"eqconform {point.name}")


def _load(point: EntryPoint) -> typer.Typer:
    try:
        loaded = point.load()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(f"the command {point.name!r} cannot be imported: {reason}") from error
    if not isinstance(loaded, typer.Typer):
        raise UsageError(f"the command {point.name!r} is no typer app ({point.value})")
    return loaded
