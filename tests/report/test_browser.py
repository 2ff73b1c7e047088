"""The web pages in a browser: a headless Chromium opens them from files, as a reader would.

Skipped where the extra `browser` is not installed, or no Chromium is found: in playwright's own
place, under one of its names on the path, or where `EQCONFORM_CHROMIUM` says.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from eqconform.report.site.writing import write_site
from eqconform.results import Run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext
    from playwright.sync_api import Page as Tab

_EXTRA = "needs the extra `browser`"

playwright = pytest.importorskip("playwright.sync_api", reason=_EXTRA)

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")

Open = Callable[..., "Tab"]


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """A headless Chromium."""
    found = os.environ.get("EQCONFORM_CHROMIUM") or next(
        filter(None, map(shutil.which, _NAMES)), None
    )
    with playwright.sync_playwright() as started:
        try:
            # In a container the process is root, which Chromium's own sandbox does not take.
            launched = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"no Chromium: {str(error).splitlines()[0]}")
        yield launched
        launched.close()


@pytest.fixture
def context(browser: "Browser") -> "Iterator[BrowserContext]":
    made = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    made.set_default_timeout(10_000)
    yield made
    made.close()


@pytest.fixture
def opened(context: "BrowserContext", tmp_path: Path) -> Iterator[Open]:
    """Opens the report of runs; a word of the console or a request to a network is an error."""
    complaints: list[str] = []

    def open_report(*runs: Run) -> "Tab":
        index = write_site(runs, tmp_path / "site")
        tab = context.new_page()
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("requestfailed", lambda request: complaints.append(request.url))
        tab.on(
            "request",
            lambda request: (
                None if request.url.startswith("file:") else complaints.append(request.url)
            ),
        )
        tab.goto(index.as_uri())
        return tab

    yield open_report
    assert complaints == []


@pytest.fixture
def passing(mixed: Run) -> Run:
    """Beside `mixed`: of another version, and everything passes."""
    about = {**mixed.header.implementation, "version": "2"}
    cases = tuple(replace(case, status="pass") for case in mixed.cases)
    return replace(mixed, cases=cases, header=replace(mixed.header, implementation=about))


def shown(tab: "Tab") -> list[str]:
    """The clauses that are to be seen."""
    rows = tab.locator("tr[data-clause]:visible")
    return [str(row.get_attribute("data-clause")) for row in rows.all()]


def test_filters(opened: Open, mixed: Run, passing: Run) -> None:
    """Each narrows what is shown, says how much that is, and is kept in the address."""
    tab = opened(mixed, passing)
    everything = shown(tab)
    assert len(everything) == 8
    tab.get_by_label("only failures").check()
    assert shown(tab) == [
        name for name in everything if name not in ("scale.shape", "observe.merge")
    ]
    assert tab.locator("[data-count]").inner_text() == "6 of 8 clauses"
    tab.get_by_label("MUST").uncheck()
    assert shown(tab) == ["chain.nice"]
    assert not tab.locator("tbody[data-claim=scale]").is_visible()
    tab.reload()
    assert shown(tab) == ["chain.nice"]
    tab.get_by_label("MUST").check()
    tab.get_by_label("only failures").uncheck()
    tab.get_by_label("claim").select_option("scale")
    assert shown(tab) == [name for name in everything if name.startswith("scale.")]
    tab.get_by_label("only differences").check()
    assert "scale.shape" not in shown(tab)
    tab.get_by_label("clause", exact=True).fill("MEET")
    assert shown(tab) == ["scale.ranges-meet"]


def test_a_cell_leads_to_the_failure(opened: Open, mixed: Run, passing: Run) -> None:
    """To the clause's page, at the run, whose first failing case is open."""
    tab = opened(passing, mixed)
    tab.locator("tr[data-clause='scale.formula'] td.broken a").click()
    tab.wait_for_url("**/clauses/scale.formula.html#run-2")
    section = tab.locator("#run-2")
    assert section.locator("details.case").count() == 2
    assert section.get_by_text("eqconform reproduce x.py:X::scale.formula/one").first.is_visible()
    last = section.locator("details.case").last
    assert not last.locator("svg").first.is_visible()
    last.locator("> summary").click()
    assert last.locator("svg").first.is_visible()


def test_copying(context: "BrowserContext", opened: Open, mixed: Run) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab = opened(mixed)
    tab.get_by_role("link", name="formula").click()
    tab.get_by_role("button", name="Copy").first.click()
    tab.get_by_role("button", name="Copied").wait_for()
    copied = tab.evaluate("navigator.clipboard.readText()")
    assert copied == "eqconform reproduce x.py:X::scale.formula/one"


def test_by_keyboard_alone(opened: Open, mixed: Run, passing: Run) -> None:
    """The first stop skips to the content; arrows walk over the matrix; Enter follows a cell."""
    tab = opened(mixed, passing)
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert tab.locator(".skip").bounding_box()["x"] >= 0  # type: ignore[index]  # it is visible
    tab.locator("tr[data-clause='scale.formula'] th a").focus()
    tab.keyboard.press("ArrowRight")
    assert "broken" in str(tab.evaluate("document.activeElement.textContent"))
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowUp")
    outline = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/clauses/scale.formula.html#run-1")
    assert tab.evaluate("document.activeElement.id") == "run-1"
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_themes(opened: Open, mixed: Run) -> None:
    """The system's, until another is chosen; the choice holds on the next page."""
    tab = opened(mixed)
    background = "getComputedStyle(document.body).backgroundColor"
    light = tab.evaluate(background)
    tab.emulate_media(color_scheme="dark")
    dark = tab.evaluate(background)
    assert dark != light
    button = tab.get_by_role("button", name="Theme")
    button.click()
    assert tab.evaluate(background) == light
    button.click()
    tab.emulate_media(color_scheme="light")
    assert tab.evaluate(background) == dark
    tab.get_by_role("link", name="formula").click()
    tab.wait_for_url("**/clauses/scale.formula.html")
    assert tab.evaluate(background) == dark


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_accessible(opened: Open, mixed: Run, passing: Run, scheme: str, width: int) -> None:
    """axe-core finds nothing on a page of each kind, with every case open."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=_EXTRA).Axe()
    tab = opened(mixed, passing)
    tab.emulate_media(color_scheme=scheme)
    tab.set_viewport_size({"width": width, "height": 900})
    home = tab.url.rpartition("/")[0]
    for page in ("index.html", "clauses/scale.formula.html", "implementations/1.html"):
        tab.goto(f"{home}/{page}")
        tab.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
        found = axe.run(tab, options={"resultTypes": ["violations"], "preload": False})
        assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(opened: Open, mixed: Run, scheme: str) -> None:
    """Contrast of at least 4.5 to 1, as WCAG 2.2 asks in 1.4.3, of states, versions and notes."""
    tab = opened(mixed)
    tab.emulate_media(color_scheme=scheme)
    for selector in (
        "td.broken a",
        "td.known a",
        "td.not-shown a",
        "td.holds a",
        ".details",
        ".verdict",
    ):
        assert tab.locator(selector).first.evaluate(_CONTRAST) >= 4.5, selector


def test_on_a_phone(opened: Open, mixed: Run, passing: Run) -> None:
    """No page is wider than the window: what is wide scrolls in a box of its own."""
    tab = opened(mixed, passing)
    tab.set_viewport_size({"width": 390, "height": 800})
    width = "document.documentElement.scrollWidth"
    assert tab.evaluate(width) == 390
    tab.locator("tr[data-clause='scale.formula'] td.broken a").click()
    tab.wait_for_url("**/clauses/scale.formula.html#run-1")
    for summary in tab.locator("details.case > summary").all()[1:]:
        summary.click()
    assert tab.evaluate(width) == 390
    before, after = (each.bounding_box() for each in tab.locator("figure.network").all()[:2])
    assert before["x"] == after["x"]  # type: ignore[index]  # they are visible, one below the other
    assert tab.locator(".plot.wide svg").first.bounding_box()["width"] <= 390  # type: ignore[index]
    tab.get_by_role("link", name="About this run").first.click()
    tab.wait_for_url("**/implementations/1.html")
    assert tab.evaluate(width) == 390


@pytest.mark.parametrize("width", [1024, 1280])
def test_the_matrix_keeps_within_its_frame(opened: Open, mixed: Run, width: int) -> None:
    """With as many runs as are shown without a scroll bar, and texts that are cut."""
    tab = opened(*4 * [mixed])
    tab.set_viewport_size({"width": width, "height": 900})
    frame = tab.locator(".matrix-scroll.fits")
    text = frame.locator(".text").first
    assert frame.evaluate("each => each.scrollWidth - each.clientWidth") == 0
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    assert text.evaluate("each => each.clientWidth / each.closest('th').clientWidth") > 0.9


def test_in_print(opened: Open, mixed: Run) -> None:
    """Controls are left out; the matrix is not."""
    tab = opened(mixed)
    tab.emulate_media(media="print")
    assert not tab.locator("form").is_visible()
    assert not tab.locator("header").first.is_visible()
    assert tab.locator("table").is_visible()


def test_nothing_of_a_file_is_run(opened: Open, hostile: Run) -> None:
    """Of scripts in every string, on every page, none is run and none changes a page."""
    tab = opened(hostile)
    pages = [tab.url, *(str(a.evaluate("a => a.href")) for a in tab.locator("main a").all())]
    for page in dict.fromkeys(each.partition("#")[0] for each in pages):
        tab.goto(page)
        assert tab.evaluate("typeof window.hurt") == "undefined"
        assert tab.locator("body script").count() == 0
    assert len(pages) > 2


_CONTRAST = """element => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const solid = (node) => {
    const color = parse(getComputedStyle(node).backgroundColor);
    return color.length < 4 || color[3] > 0 ? color : solid(node.parentElement);
  };
  const luminance = (color) => {
    const [r, g, b] = color.slice(0, 3).map((each) => {
      const share = each / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const pair = [luminance(parse(getComputedStyle(element).color)), luminance(solid(element))];
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
}"""
