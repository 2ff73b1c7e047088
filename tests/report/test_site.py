"""The web pages: what is on them, and that nothing of a result file is more than text on them."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eqconform.cli import app
from eqconform.deviations.entries import Deviation, Listed
from eqconform.registry import clauses
from eqconform.report.site import writing
from eqconform.report.site.pages import KNOWN_MEANS
from eqconform.report.site.writing import write_site
from eqconform.results import CaseResult, Run
from eqconform.selection import UsageError

Runs = Callable[..., Run]


class Page(HTMLParser):
    """What a browser would see: tags, links, text, and what is left open."""

    VOID = ("meta", "link", "input")

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.mismatched: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.mismatched.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def pages(folder: Path) -> dict[str, Page]:
    return {str(p.relative_to(folder)): Page(p) for p in sorted(folder.rglob("*.html"))}


def script_of(text: str, clause: str) -> str:
    """The script that judges a case of the clause again, of all that stands on its page."""
    end = "print(case.judge(implementation))"
    return text[text.index(f'"""{clause}') : text.index(end) + len(end)]


def test_every_run_and_clause_has_a_page(mixed: Run, tmp_path: Path) -> None:
    """And the matrix leads to each; pages are whole, and every link and anchor is there."""
    write_site([mixed, mixed], tmp_path / "out")
    found = pages(tmp_path / "out")
    assert {"index.html", "implementations/1.html", "implementations/2.html"} < found.keys()
    assert {name for name in found if name.startswith("clauses/")} == {
        f"clauses/{name}.html"
        for name in (
            "scale.formula",
            "scale.shape",
            "scale.ranges-meet",
            "equalize.same-function",
            "equalize.grouped",
            "chain.linear",
            "chain.nice",
            "observe.merge",
        )
    }
    for name, page in found.items():
        assert page.open == page.mismatched == [], name
        for link in [*page.all("a"), *page.all("link")]:
            file, _, anchor = str(link["href"]).partition("#")
            target = name if not file else str((Path("/") / name).parent.joinpath(file))
            resolved = str(Path("/").joinpath(target).resolve().relative_to("/"))
            assert (tmp_path / "out" / resolved).is_file(), link
            if anchor:
                ids = [attributes.get("id") for _, attributes in found[resolved].tags]
                assert anchor in ids, link


def test_the_matrix(mixed: Run, tmp_path: Path) -> None:
    """A row for each clause, MUST before SHOULD, and a cell for each run that says its state."""
    other = replace(mixed, cases=tuple(replace(c, status="pass") for c in mixed.cases))
    page = Page(write_site([mixed, other], tmp_path / "out"))
    rows = [attributes for attributes in page.all("tr") if "data-clause" in attributes]
    assert [row["data-clause"] for row in rows if str(row["data-clause"]).startswith("chain")] == [
        "chain.linear",
        "chain.nice",
    ]
    by_clause = {row["data-clause"]: row for row in rows}
    assert "data-fails" in by_clause["scale.formula"]
    assert "data-differs" in by_clause["scale.formula"]
    assert "data-fails" not in by_clause["scale.shape"]
    assert "data-differs" not in by_clause["observe.merge"]
    states = [cell["class"] for cell in page.all("td") if "cell" in str(cell.get("class"))]
    assert {"cell broken", "cell known", "cell holds", "cell not-shown", "cell not-claimed"} == set(
        states
    )
    assert "MUST 1/6 (1 known)" in page.text
    assert "not conformant" in page.text


def test_the_version_of_torch_is_said_once(mixed: Run, tmp_path: Path) -> None:
    """Of torch's own pass, whose version it is; and it stands in one line, unless it is long."""
    torch = mixed.header.versions["torch"]
    about = {**mixed.header.implementation, "version": torch}
    own = replace(mixed, header=replace(mixed.header, implementation=about))
    long = replace(own, header=replace(own.header, versions={"torch": 99 * "9", "python": "3.12"}))
    page = Page(write_site([mixed, own, long], tmp_path / "out"))
    versions = [each for each in page.all("span") if each.get("class") == "version"]
    assert len(versions) == 4  # on the cards and in the heads of the first and the last
    short = [each for each in page.all("span") if each.get("class") == "short"]
    assert len(short) == 2  # in the heads of the first and the second


def test_runs_that_differ_in_nothing_else_are_told_apart_by_when(
    mixed: Run, tmp_path: Path
) -> None:
    """In the first lines of their heads, in the time of everywhere; what is no time stays."""
    moments = ("2026-01-01T23:00:00-02:00", "2026-01-02T01:00:09+00:00", "2026-01-01", "whenever")
    runs = [replace(mixed, header=replace(mixed.header, started=each)) for each in moments]
    page = Page(write_site(runs, tmp_path / "out"))
    torch = f"torch {mixed.header.versions['torch']} · of "
    said = ("2026-01-02 01:00:00 UTC", "2026-01-02 01:00:09 UTC", "2026-01-01", "whenever")
    for words in said:
        assert page.text.count(f"{torch}{words}") == 2  # on its card, and in its head


def test_code_in_a_sentence_is_marked(mixed: Run, tmp_path: Path) -> None:
    """Between two backticks; a backtick that is alone is one, and nothing in code is a tag."""
    listed = Listed("x.toml", (Deviation("scale.ranges-meet", "`<b>` is `bold`, 'tis ` x"),))
    odd = replace(mixed, header=replace(mixed.header, deviations=listed))
    write_site([odd], tmp_path / "odd")
    page = Page(tmp_path / "odd" / "implementations" / "1.html")
    assert "`<b>` is `bold`, 'tis ` x" in page.text
    listed = Listed("x.toml", (Deviation("scale.ranges-meet", "`<b>` is `bold`"),))
    write_site([replace(odd, header=replace(odd.header, deviations=listed))], tmp_path / "even")
    for name in ("implementations/1.html", "clauses/scale.ranges-meet.html"):
        text = (tmp_path / "even" / name).read_text(encoding="utf-8")
        assert "<code>&lt;b&gt;</code> is <code>bold</code>" in text


def test_no_clause_shows_backticks(make_run: Runs, case: CaseResult, tmp_path: Path) -> None:
    every = [
        replace(case, id=f"{name}/x", clause=name, level=each.level, claim=each.claim)
        for name, each in clauses().items()
    ]
    write_site([make_run(every)], tmp_path / "out")
    for name, page in pages(tmp_path / "out").items():
        assert "`" not in page.text, name


def test_known_is_explained_where_it_is_said(mixed: Run, tmp_path: Path) -> None:
    """On the first page, on the run's, and on those of the clauses that it is said of."""
    write_site([mixed], tmp_path / "out")
    said = {name for name, page in pages(tmp_path / "out").items() if KNOWN_MEANS in page.text}
    assert said == {"index.html", "implementations/1.html", "clauses/scale.ranges-meet.html"}


def test_a_failing_case(mixed: Run, tmp_path: Path) -> None:
    """Expected, observed, error and tolerance, the command, the script, and the network."""
    write_site([mixed], tmp_path / "out")
    page = Page(tmp_path / "out" / "clauses" / "scale.formula.html")
    for words in (
        "eqconform reproduce x.py:X::scale.formula/one",
        "error 1, tolerance 1e-06",
        "three was error",
        "import torch",
        "wanted = 'scale.formula/one'",
        "0 linear",
        "more operations, layer calls or channels than are drawn",
        "31.0 dB",
        "1 passed",
    ):
        assert words in page.text
    labels = [str(svg.get("aria-label")) for svg in page.all("svg")]
    assert any(label.startswith("untouched: input, 0 linear, relu") for label in labels)
    assert any(label.startswith("what was made of it: input, mul") for label in labels)
    known = Page(tmp_path / "out" / "clauses" / "scale.ranges-meet.html")
    assert "It forgets the root." in known.text


def test_the_script_of_a_case_judges_it_again(mixed: Run, tmp_path: Path) -> None:
    """It is Python, whatever the names in it hold."""
    cases = tuple(replace(case, id=f'{case.id}"\'\\\n"""') for case in mixed.cases)
    write_site([replace(mixed, cases=cases)], tmp_path / "out")
    text = Page(tmp_path / "out" / "clauses" / "chain.nice.html").text
    script = script_of(text, "chain.nice")
    compile(script, "script", "exec")
    assert "'chain.nice'" in script


def test_the_script_of_a_case_runs(make_run: Runs, case: CaseResult, tmp_path: Path) -> None:
    """As it stands on the page: it says what the case came to."""
    about = {**make_run([]).header.implementation, "spec": "reference"}
    real = replace(case, id="scale.offset/only", clause="scale.offset")
    write_site([make_run([real], implementation=about)], tmp_path / "out")
    text = Page(tmp_path / "out" / "clauses" / "scale.offset.html").text
    script = script_of(text, "scale.offset")
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Evidence(expected=")


def test_an_implementation(mixed: Run, tmp_path: Path) -> None:
    """Verdict, versions, what is known with its reason, and what is not."""
    write_site([mixed], tmp_path / "out")
    page = Page(tmp_path / "out" / "implementations" / "1.html")
    for words in ("It forgets the root.", "As listed in mine.toml", "2.15", "observe.merge"):
        assert words in page.text
    unlisted = page.text[page.text.index("and not listed") : page.text.index("Known deviations")]
    assert "scale.formula" in unlisted
    assert "scale.ranges-meet" not in unlisted


def test_nothing_of_a_file_is_more_than_text(hostile: Run, tmp_path: Path) -> None:
    """A script tag in every string: none becomes a tag, an address, or a character of control."""
    write_site([hostile], tmp_path / "out")
    found = pages(tmp_path / "out")
    assert any("<script>window.hurt = 1</script>" in page.text for page in found.values())
    for name, page in found.items():
        assert page.open == page.mismatched == [], name
        assert [each.get("src") for each in page.all("script")] in (["site.js"], ["../site.js"])
        for tag, attributes in page.tags:
            assert not [key for key in attributes if key.startswith("on")], tag
            assert not str(attributes.get("href", "")).startswith("javascript:"), tag
            assert "style" not in attributes, tag
        raw = (tmp_path / "out" / name).read_text(encoding="utf-8")
        assert not re.search("[\x00-\x08\x0e-\x1f\x7f-\x9f\u202e\uffff]", raw)


def test_it_reaches_for_nothing_elsewhere(mixed: Run, tmp_path: Path) -> None:
    """No address of another host, in pages, styles and script."""
    write_site([mixed], tmp_path / "out")
    for path in (tmp_path / "out").rglob("*.*"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//|@import|url\(|fetch\(", text)


def test_a_run_that_was_interrupted_says_so(mixed: Run, tmp_path: Path) -> None:
    run = replace(mixed, complete=False, header=replace(mixed.header, planned=99))
    page = Page(write_site([run], tmp_path / "out"))
    assert "INCOMPLETE, 10 of 99 cases" in page.text
    about = Page(tmp_path / "out" / "implementations" / "1.html")
    assert "10 of 99 in 1 s" in about.text


def test_what_never_ran_is_not_broken(make_run: Runs, case: CaseResult, tmp_path: Path) -> None:
    """Neither in the matrix nor among what is not as it should be."""
    write_site([make_run([replace(case, status="not-run")])], tmp_path / "out")
    index, about = (
        Page(tmp_path / "out" / name) for name in ("index.html", "implementations/1.html")
    )
    assert any(each.get("class") == "cell not-run" for each in index.all("td"))
    assert "Not as it should be" not in about.text
    assert "Not run, or not to the end" in about.text


def test_a_report_is_written_anew(
    mixed: Run, make_run: Runs, case: CaseResult, tmp_path: Path
) -> None:
    """Pages of clauses that are gone go; a folder that holds anything else is left alone."""
    folder = tmp_path / "out"
    write_site([mixed], folder)
    write_site([make_run([case])], folder)
    left = sorted(path.name for path in (folder / "clauses").iterdir())
    assert left == ["observe.merge.html", "scale.formula.html"]
    other = tmp_path / "other"
    other.mkdir()
    (other / "index.html").write_text("mine")
    with pytest.raises(UsageError, match="holds something else than a report"):
        write_site([mixed], other)
    assert [path.name for path in other.iterdir()] == ["index.html"]
    with pytest.raises(UsageError, match="is a file; give a folder"):
        write_site([mixed], other / "index.html")


def test_a_report_that_cannot_be_finished(
    mixed: Run, make_run: Runs, case: CaseResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leaves an earlier one as it was, and no folder where there was none."""
    write_site([make_run([case])], tmp_path / "old")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.html")}

    def torn(*_: object) -> Iterator[tuple[str, str]]:
        yield "index.html", "half of it"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "site_pages", torn)
    for folder in ("old", "new"):
        with pytest.raises(UsageError, match=f"cannot write into .*{folder}: No space left"):
            write_site([mixed], tmp_path / folder)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.html")} == before
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_what_lies_beside_a_report_stays(mixed: Run, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write_site([mixed], folder)
    (folder / "CNAME").write_text("example.org")
    pages = sorted(path for path in folder.rglob("*"))
    write_site([mixed], folder)
    assert sorted(path for path in folder.rglob("*")) == pages


def test_the_command(mixed: Run, written: Callable[..., Path], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["report", str(written(mixed)), "--html", str(tmp_path / "o")])
    assert result.exit_code == 0
    assert "index.html" in result.output
    assert (tmp_path / "o" / "index.html").is_file()
