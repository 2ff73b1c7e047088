"""The arguments and options of the commands that judge, as typer takes them."""

from pathlib import Path
from typing import Annotated

import typer

from eqconform.registry import CLAIMS
from eqconform.selection import UsageError

Implementations = Annotated[
    list[str],
    typer.Argument(
        metavar="IMPL",
        help="Names (`eqconform implementations`), module:Class or file.py:Class.",
    ),
]
Claims = Annotated[
    list[str] | None,
    typer.Option(metavar="CLAIM", help=f"Judge this one of {', '.join(CLAIMS)}; repeatable."),
]
Clauses = Annotated[
    list[str] | None,
    typer.Option(metavar="GLOB", help="Judge these clauses, as in 'scale.*'; repeatable."),
]
Device = Annotated[str, typer.Option(help="Where to judge: cpu or cuda.")]
BudgetName = Annotated[
    str | None,
    typer.Option(
        help="quick (some 1,400 cases, two minutes on two free cores) or full (some 2,600).",
        show_default="quick",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(min=1, help="Worker processes.", show_default="one per core, at most 8"),
]
CaseTimeout = Annotated[
    str | None,
    typer.Option(
        metavar="SECONDS",
        help="Time limit of a case. An import may take three times as long, and 180 s at least.",
        show_default="60 at budget quick, 120 at full",
    ),
]
Memory = Annotated[
    str | None,
    typer.Option(
        metavar="GB",
        help="What a worker may take beyond what it begins with (Linux).",
        show_default="no limit",
    ),
]
DeviationsFile = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="TOML of what is known to be wrong; none for no file.",
        show_default="what ships",
    ),
]
Output = Annotated[
    Path, typer.Option(metavar="DIR", help="Folder for the result files, NAME.jsonl.")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show every broken case.")]
Shard = Annotated[
    str | None,
    typer.Option(
        metavar="I/N",
        help="Judge one of N parts of the cases, into NAME.shard-I-of-N.jsonl; `eqconform merge` "
        "makes one run of them.",
        show_default=False,
    ),
]
Search = Annotated[
    str | None,
    typer.Option(metavar="MINUTES", help="Judge random networks for so long instead."),
]
SearchSeed = Annotated[
    int | None, typer.Option(min=0, help="Of a search to repeat.", show_default="a new one")
]
Pin = Annotated[
    bool, typer.Option("--pin", help="Add what the search finds to the file of --pinned.")
]
Pinned = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="JSON of networks that a search found, to judge as well.",
        show_default="what ships",
    ),
]


def number(option: str, text: str | None) -> float | None:
    """The number that an option was given, which is refused in the words of the other options.

    Raises:
        UsageError: it is none.
    """
    try:
        return None if text is None else float(text)
    except ValueError:
        raise UsageError(f"{option} takes a number, and {text!r} is none") from None
