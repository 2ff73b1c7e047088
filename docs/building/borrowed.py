"""Pages that are files of the checkout, so that nothing is written twice.

Their links lead to other files of the checkout: those that are pages lead to the page instead.
Knows nothing of mkdocs.
"""

import posixpath
import re
from pathlib import Path

BORROWED = {
    "index.md": "README.md",
    "specification.md": "conformance/eqconform/SPEC.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
}
"""The page of the site to the file that it is."""

_PLACES = {
    **{source: page for page, source in BORROWED.items()},
    "conformance/eqconform/results.schema.json": "results.schema.json",
    "conformance/eqconform/deviations/torch_ao.toml": "findings.md",
}
"""Where files of the checkout that pages link to are found on the site."""

_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")
_CLAUSE = re.compile(r"^- \*\*`([\w.-]+)`\*\*", re.MULTILINE)


def borrowed_page(checkout: Path, page: str) -> str:
    """The text of a page, with links and anchors as the site has them.

    Args:
        checkout: its root.
        page: one of `BORROWED`.
    """
    source = BORROWED[page]
    text = (checkout / source).read_text(encoding="utf-8")
    return with_anchors(relinked(text, source))


def relinked(text: str, source: str) -> str:
    """The text of a file of the checkout with links that hold on the site.

    A link to a file that is not on the site stays, and the build, which is strict, refuses it.
    """

    def on_site(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[1]))
        return _PLACES.get(path, path.removeprefix("docs/"))

    return _LINK.sub(on_site, text)


def with_anchors(text: str) -> str:
    """The text of a specification with an anchor, its id, at every clause."""
    return _CLAUSE.sub(r'- <a id="\1"></a>**`\1`**', text)
