"""Markdown, JUnit and badge: what a run came to, in the words of each, whatever the file holds."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from eqconform.cli import app
from eqconform.deviations.entries import Listed
from eqconform.report.badge import badge
from eqconform.report.junit import junit
from eqconform.report.markdown import markdown
from eqconform.report.site.writing import write_site
from eqconform.results import CaseResult, Run, Shard, counted

Runs = Callable[..., Run]


def invoke(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    return result.exit_code, result.output


def test_junit_has_a_word_for_every_status(mixed: Run) -> None:
    """Failures, errors, and what counts neither way; as pytest has it, what is known is skipped."""
    root = ET.fromstring(junit([mixed]))  # noqa: S314  our own XML
    found = {
        f"{test.get('classname')}/{test.get('name')}": next(
            (child.tag for child in test if child.tag != "system-out"), "passed"
        )
        for test in root.iter("testcase")
    }
    assert found == {
        "x.scale.formula/one": "failure",
        "x.scale.formula/two": "passed",
        "x.scale.formula/three": "error",
        "x.scale.shape/only": "passed",
        "x.scale.ranges-meet/known": "skipped",
        "x.equalize.same-function/slow": "error",
        "x.equalize.same-function/ill": "error",
        "x.equalize.grouped/none": "skipped",
        "x.chain.linear/out": "skipped",
        "x.chain.nice/late": "skipped",
    }
    assert (root.get("tests"), root.get("failures")) == ("10", "1")
    assert (root.get("errors"), root.get("skipped")) == ("3", "4")
    failure = next(root.iter("failure"))
    assert failure.text is not None
    assert "error 1, tolerance 1e-06" in failure.text
    assert "eqconform reproduce x.py:X::scale.formula/one" in failure.text
    assert [each.text for each in root.iter("system-out")] == ["Segmentation fault"]


def test_junit_of_a_fault_of_the_suite(mixed: Run) -> None:
    """It is an error at every level, known or not."""
    fault = replace(mixed.cases[-1], status="error", suite_fault=True)
    root = ET.fromstring(junit([replace(mixed, cases=(fault,))]))  # noqa: S314  our own XML
    assert root.get("errors") == "1"


def test_junit_of_hostile_text_is_xml(hostile: Run) -> None:
    root = ET.fromstring(junit([hostile]))  # noqa: S314  our own XML
    names = [test.get("name") for test in root.iter("testcase")]
    assert len(names) == 2
    assert all("<script>window.hurt = 1</script>" in str(name) for name in names)


def test_markdown_says_what_does_not_hold(mixed: Run) -> None:
    """The verdict, then clause by clause; what is known comes last, with its reason."""
    text = markdown([mixed])
    assert "| **not conformant** | 1/6 (1 known) | 0/1 |" in text
    summaries = re.findall(r"<summary>(.*?): \w+ <code>(.*?)</code>", text)
    assert summaries == [
        ("broken", "scale.formula"),
        ("broken", "equalize.same-function"),
        ("broken", "chain.nice"),
        ("not shown", "equalize.grouped"),
        ("not shown", "chain.linear"),
        ("known", "scale.ranges-meet"),
    ]
    assert "Known: It forgets the root." in text
    assert "```console\neqconform reproduce x.py:X::scale.formula/one\n```" in text


def test_markdown_of_hostile_text(hostile: Run) -> None:
    """Nothing of it is HTML or Markdown, outside of the block that it cannot end."""
    text = markdown([hostile])
    outside = re.sub(r"^(`{4,})console$.*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert outside != text
    for mark in ("<script", "</script", "[x](", "`", "*_", "@all", "\x1b", "\ud800"):
        assert mark not in outside
    rows = [line.count("|") for line in outside.splitlines() if "hurt" in line and "|" in line]
    assert rows == [4, 7, 7]  # a verdict and two cases, each in a line with the marks of its cells


def test_markdown_is_bounded(make_run: Runs, case: CaseResult) -> None:
    """What there is no room for is counted."""
    names = [f"scale.clause-{number}" for number in range(50)]
    run = make_run([replace(case, id=f"{name}/x", clause=name) for name in names])
    text = markdown([run], longest=3000)
    assert len(text) <= 3000
    shown = text.count("<details>")
    assert 0 < shown < 50
    assert f"There was no room for {50 - shown} more clauses" in text


@pytest.mark.parametrize("status", ["pass", "fail"])
def test_badge(make_run: Runs, case: CaseResult, status: str) -> None:
    """Counts by level, and a colour that the verdict has."""
    run = make_run([replace(case, status=status)])
    found = json.loads(badge(run))
    assert found["schemaVersion"] == 1
    assert found["message"] == ("MUST 1/1" if status == "pass" else "MUST 0/1")
    assert found["color"] == ("brightgreen" if status == "pass" else "red")


def test_badge_of_what_is_known(mixed: Run) -> None:
    """Yellow, when nothing is wrong but that."""
    known = [case for case in mixed.cases if case.deviation is not None]
    run = replace(mixed, cases=tuple(known), header=replace(mixed.header, planned=1))
    assert json.loads(badge(run)) == {
        "schemaVersion": 1,
        "label": "eqconform: x",
        "message": "MUST 0/1 (1 known)",
        "color": "yellow",
    }
    unlisted = replace(run.header, deviations=Listed("f", ()))
    cases = (replace(known[0], deviation=None),)
    assert json.loads(badge(replace(run, header=unlisted, cases=cases)))["color"] == "red"


@pytest.mark.parametrize("change", ["incomplete", "shard", "empty"])
def test_badge_without_a_verdict_is_grey(mixed: Run, change: str) -> None:
    run = {
        "incomplete": replace(mixed, complete=False),
        "shard": replace(mixed, header=replace(mixed.header, shard=Shard(1, 2, 99))),
        "empty": replace(mixed, cases=()),
    }[change]
    found = json.loads(badge(run))
    assert found["color"] == "lightgrey"
    assert not found["message"].startswith("MUST")


def test_report_writes_what_is_asked_for(mixed: Run, written: Callable[..., Path]) -> None:
    """Each format into its file, and no table."""
    path = written(mixed)
    files = {name: path.with_name(name) for name in ("m.md", "j.xml", "b.json")}
    arguments = ["--markdown", files["m.md"], "--junit", files["j.xml"], "--badge", files["b.json"]]
    code, output = invoke("report", path, *arguments)
    assert code == 0
    assert "Claim" not in output
    assert files["m.md"].read_text(encoding="utf-8") == markdown([mixed])
    assert ET.parse(files["j.xml"]).getroot().tag == "testsuites"  # noqa: S314  our own XML
    assert json.loads(files["b.json"].read_text(encoding="utf-8"))["color"] == "red"


def test_report_writes_no_file_twice(mixed: Run, written: Callable[..., Path]) -> None:
    """Under whatever names, and none that it reads."""
    path = written(mixed)
    one, again = path.with_name("one"), path.parent / "." / "below" / ".." / "one"
    (path.parent / "below").mkdir()
    code, output = invoke("report", path, "--junit", one, "--badge", again)
    assert code == 2
    assert f"--badge {again} is that of --junit too; give another file" in output
    assert not one.exists()
    before = path.read_text()
    code, output = invoke("report", path, "--markdown", path)
    assert code == 2
    assert f"--markdown {path} is a result file to be read too" in output
    assert path.read_text() == before


def test_markdown_on_the_terminal(mixed: Run, written: Callable[..., Path]) -> None:
    assert invoke("report", written(mixed), "--markdown", "-") == (0, markdown([mixed]))


def test_runs_stand_in_the_order_of_versions(mixed: Run, written: Callable[..., Path]) -> None:
    """Each implementation's by version of torch, however the files are called."""
    paths = []
    for name, torch in (("b", "2.10.0"), ("b", "2.4.1"), ("a", "nightly"), ("b", "2.4.0+cpu")):
        about = {**mixed.header.implementation, "name": name}
        versions = {**mixed.header.versions, "torch": torch}
        header = replace(mixed.header, implementation=about, versions=versions)
        paths.append(written(replace(mixed, header=header), f"{name}-{torch}.jsonl"))
    output = invoke("report", *paths, "--markdown", "-")[1]
    found = re.findall(r"^. <code>(\w) 1, torch (\S+)</code>", output, flags=re.MULTILINE)
    assert found == [("b", "2.4.0+cpu"), ("b", "2.4.1"), ("b", "2.10.0"), ("a", "nightly")]


def test_a_badge_is_of_one_run(mixed: Run, written: Callable[..., Path]) -> None:
    path = written(mixed)
    other = written(replace(mixed, header=replace(mixed.header, started="")), "y.jsonl")
    code, output = invoke("report", path, other, "--badge", path.with_name("b.json"))
    assert code == 2
    assert "a badge is of one result file, and 2 were given; give one file" in output


@pytest.mark.parametrize("drawn", [(), ("--brief",), ("--markdown", "-"), ("--html", "o")])
def test_no_run_stands_beside_itself(
    mixed: Run, written: Callable[..., Path], drawn: tuple[str, ...], tmp_path: Path
) -> None:
    """Be it given twice, by another path, or as a copy: nothing could tell the two apart."""
    path, copy = written(mixed), written(mixed, "copy.jsonl")
    arguments = [each.replace("o", str(tmp_path / "o")) if each == "o" else each for each in drawn]
    around = path.parent / ".." / path.parent.name / path.name
    for again in (path, around):
        code, output = invoke("report", path, again, *arguments)
        assert (code, output) == (2, f"eqconform: {again} is given twice; leave one out\n")
    code, output = invoke("report", path, copy, *arguments)
    words = f"eqconform: {path} and {copy} hold the same run; leave one out\n"
    assert (code, output) == (2, words)
    assert not (tmp_path / "o").exists()


def test_report_of_an_interrupted_run(mixed: Run, written: Callable[..., Path]) -> None:
    """Refused, until it is asked for; then it says what it is, and does not end with 0."""
    path = written(mixed, footer=False)
    code, output = invoke("report", path)
    assert code == 2
    assert "incomplete: 10 of 10 cases and no footer" in output
    assert "--partial" in output
    code, output = invoke("report", path, "--partial")
    assert code == 1
    assert "x 1: INCOMPLETE, 10 of 10 cases - MUST 1/6" in output


def test_report_of_no_cases(make_run: Runs, written: Callable[..., Path]) -> None:
    """Nothing checked is never 0."""
    code, output = invoke("report", written(make_run([])))
    assert code == 1
    assert "nothing was checked" in output


def test_a_run_of_a_selection_says_so_in_every_format(
    mixed: Run, written: Callable[..., Path], tmp_path: Path
) -> None:
    """What a few clauses came to is no verdict on all of it: not in words, nor in green."""
    passed = tuple(case for case in mixed.cases if case.clause == "scale.shape")
    asked = {"claims": (), "clauses": ("scale.shape",), "case": None}
    header = replace(mixed.header, selection=asked, planned=1, deviations=None)
    run = replace(mixed, header=header, cases=passed, counts=counted(passed))
    words = "conformant on the selected clauses"
    assert json.loads(badge(run)) == {
        "schemaVersion": 1,
        "label": "eqconform: x",
        "message": f"{words}: MUST 1/1",
        "color": "lightgrey",
    }
    assert re.search(rf"only scale\.shape</code> . \*\*{words}\*\*", markdown([run]))
    (suite,) = ET.fromstring(junit([run]))  # noqa: S314  our own XML
    assert str(suite.get("name")).endswith("only scale.shape")
    assert words in [each.get("value") for each in suite.iter("property")]
    page = write_site([run], tmp_path / "site").read_text(encoding="utf-8")
    assert f'class="verdict grey">{words}<' in page
    about = (tmp_path / "site" / "implementations" / "1.html").read_text(encoding="utf-8")
    assert re.search(r"<dt>only</dt>\s*<dd>scale\.shape</dd>", about)
    assert f"x 1: {words} - MUST 1/1" in invoke("report", written(run))[1]


def test_cases_left_out_leave_no_verdict(
    mixed: Run, make_run: Runs, written: Callable[..., Path]
) -> None:
    """As the terminal says it, and its exit code."""
    shape = next(case for case in mixed.cases if case.clause == "scale.shape")
    never = replace(shape, id="scale.shape/other", status="not-run", expected=None, observed=None)
    run = make_run([shape, replace(never, error=None, tolerance=None, message="not this time")])
    assert "**no verdict, INCOMPLETE: 1 of 2 cases ran**" in markdown([run])
    assert invoke("report", written(run))[0] == 1


def test_what_never_ran_is_skipped(mixed: Run) -> None:
    """In JUnit as in pytest: an error would be the implementation's."""
    never = replace(mixed.cases[0], status="not-run", message="the run ended before it")
    (suite,) = ET.fromstring(junit([replace(mixed, cases=(never,))]))  # noqa: S314  our own XML
    assert (suite.get("skipped"), suite.get("errors"), suite.get("failures")) == ("1", "0", "0")
