"""Writes the pages of a report into a folder.

A folder that holds a report is written anew, whatever clauses the earlier one had; one that holds
anything else is left alone. Everything that comes from a result file passes through the templates'
escaping, without the characters that no page should show.
"""

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from eqconform.files import write_whole
from eqconform.report.matrix import columns, rows
from eqconform.report.site.pages import clause_page, implementation_page, index_page
from eqconform.report.words import plain
from eqconform.results import Run
from eqconform.selection import UsageError

_GENERATOR = "eqconform report"
_FOLDERS = ("clauses", "implementations")
_ASSETS = ("site.css", "site.js")


def write_site(runs: Sequence[Run], folder: Path) -> Path:
    """Write the pages; the first one's path.

    Raises:
        UsageError: the folder holds something else than a report, or cannot be written.
    """
    _clear(folder)
    try:
        for name in _FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write into {folder}: {error.strerror or error}") from error
    for name, text in site_pages(runs):
        write_whole(folder / name, text)
    return folder / "index.html"


def site_pages(runs: Sequence[Run]) -> Iterator[tuple[str, str]]:
    """Every file of the site: its name in the folder, and its text."""
    environment = _environment()
    found = columns(runs)
    all_rows = rows(found)

    def page(template: str, root: str, **said: Any) -> str:
        return environment.get_template(template).render(root=root, **said)

    for name in _ASSETS:
        yield name, files(__package__).joinpath(name).read_text(encoding="utf-8")
    yield "index.html", page("index.html.j2", "", **index_page(found, all_rows))
    for row in all_rows:
        text = page("clause.html.j2", "../", **clause_page(row, found))
        yield f"clauses/{row.id}.html", text
    for column in found:
        text = page("implementation.html.j2", "../", **implementation_page(column, all_rows))
        yield f"implementations/{column.number}.html", text


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.globals.update(generator=_GENERATOR, version=version("eqconform"))
    return environment


def _shown(value: Any) -> Any:
    """A value as a page shows it; markup of the templates' own is of another type than text."""
    return plain(value) if type(value) is str else value


def _clear(folder: Path) -> None:
    """Take an earlier report's pages out of the folder.

    Raises:
        UsageError: what is there is no report.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; give a folder")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    index = folder / "index.html"
    if not index.is_file() or _GENERATOR not in index.read_text(encoding="utf-8", errors="replace"):
        raise UsageError(
            f"{folder} holds something else than a report, and is left alone; give another folder"
        )
    for name in _FOLDERS:
        for page in (folder / name).glob("*.html"):
            page.unlink()
