"""Assembles the pages of the site: those of docs/, and those that are made of other files.

    python docs/building/assemble.py FOLDER

Needs the package `eqconform` on the path, and neither torch nor what builds the site.
"""

import shutil
import sys
from pathlib import Path

from borrowed import BORROWED, borrowed_page
from findings import findings_page

CHECKOUT = Path(__file__).resolve().parents[2]
_SCHEMA = CHECKOUT / "conformance" / "eqconform" / "results.schema.json"
_NOT_PAGES = shutil.ignore_patterns("building", "findings", "__pycache__")


def assemble(folder: Path) -> None:
    """Make the folder anew, with everything that the site is built from."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(CHECKOUT / "docs", folder, ignore=_NOT_PAGES)
    for page in BORROWED:
        (folder / page).write_text(borrowed_page(CHECKOUT, page), encoding="utf-8")
    page = findings_page(CHECKOUT / "docs" / "findings")
    (folder / "findings.md").write_text(page, encoding="utf-8")
    shutil.copy(_SCHEMA, folder)


if __name__ == "__main__":
    assemble(Path(sys.argv[1]).resolve())
