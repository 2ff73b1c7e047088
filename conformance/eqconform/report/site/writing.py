"""Writes the pages of a report into a folder.

A folder that holds a report is written anew, whatever clauses the earlier one had; one that holds
anything else is left alone. The pages are made elsewhere first: a report that cannot be finished
leaves the folder as it was. Everything that comes from a result file passes through the templates'
escaping, without the characters that no page should show.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from eqconform.report.matrix import columns, rows
from eqconform.report.site.pages import clause_page, implementation_page, index_page
from eqconform.report.words import plain
from eqconform.results import Run
from eqconform.selection import UsageError

_GENERATOR = "eqconform report"
_INDEX = "index.html"
_FOLDERS = ("clauses", "implementations")
_ASSETS = ("site.css", "site.js")


def write_site(runs: Sequence[Run], folder: Path) -> Path:
    """Write the pages; the first one's path.

    Raises:
        UsageError: the folder holds something else than a report, or cannot be written.
    """
    _require_replaceable(folder)
    try:
        with _workshop(folder) as made:
            for name, text in site_pages(runs):
                (made / name).write_text(text, encoding="utf-8")
            _put(made, folder)
    except OSError as error:
        raise UsageError(f"cannot write into {folder}: {error.strerror or error}") from error
    return folder / _INDEX


def site_pages(runs: Sequence[Run]) -> Iterator[tuple[str, str]]:
    """Every file of the site: its name in the folder, and its text."""
    environment = _environment()
    found = columns(runs)
    all_rows = rows(found)

    def page(template: str, root: str, **said: Any) -> str:
        return environment.get_template(template).render(root=root, **said)

    for name in _ASSETS:
        yield name, files(__package__).joinpath(name).read_text(encoding="utf-8")
    yield _INDEX, page("index.html.j2", "", **index_page(found, all_rows))
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


def _require_replaceable(folder: Path) -> None:
    """Refuse a folder that holds something else than a report.

    Raises:
        UsageError: it does, or it is none.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; give a folder")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    index = folder / _INDEX
    if not index.is_file() or _GENERATOR not in index.read_text(encoding="utf-8", errors="replace"):
        raise UsageError(
            f"{folder} holds something else than a report, and is left alone; give another folder"
        )


@contextmanager
def _workshop(folder: Path) -> Iterator[Path]:
    """A folder for the pages while they are made, from which they can be moved; it goes at the end.

    Inside the folder where there is one, for what is around it may be another's; else beside it.
    """
    around = folder if folder.is_dir() else folder.parent
    around.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".eqconform-", dir=around) as name:
        made = Path(name, "report")
        for below in _FOLDERS:
            (made / below).mkdir(parents=True)
        yield made


def _put(made: Path, folder: Path) -> None:
    """Move the pages to where they belong, in place of an earlier report's, the first page last."""
    if not folder.exists():
        made.replace(folder)
        return
    for name in _FOLDERS:
        (folder / name).mkdir(exist_ok=True)
        for page in (folder / name).glob("*.html"):
            page.unlink()
    pages = [page.relative_to(made) for page in made.rglob("*") if page.is_file()]
    for page in sorted(pages, key=lambda page: page == Path(_INDEX)):
        (made / page).replace(folder / page)
