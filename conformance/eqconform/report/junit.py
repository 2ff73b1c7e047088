"""Runs as JUnit XML, for what continuous integration draws from it.

A suite per run, a test per case. What fails is told as pytest tells it of the same case: below
MUST, and where it is a known deviation, a failure is expected, and `<skipped>`.

Source: the schema of Jenkins' xUnit plugin, junit-10.xsd.
"""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from eqconform.report.matrix import Column, columns
from eqconform.report.summary import level_words, verdict
from eqconform.report.words import number, one_line, plain
from eqconform.results import CaseResult, Run

_FAILURES = ("fail",)
_ERRORS = ("error", "timeout", "crash")
_LONGEST = 300  # characters of an attribute; the whole stands in the text


def junit(runs: Sequence[Run]) -> str:
    """The XML of the runs."""
    root = ET.Element("testsuites", name="eqconform")
    for column in columns(runs):
        root.append(_suite(column))
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, 0)) for suite in root)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(column: Column) -> ET.Element:
    header, run = column.run.header, column.run
    suite = ET.Element(
        "testsuite",
        name=plain(column.title),
        timestamp=plain(header.started),
        time=f"{run.seconds:.3f}",
    )
    properties = ET.SubElement(suite, "properties")
    said = {
        **header.versions,
        "verdict": verdict(run),
        "clauses": ", ".join(level_words(run)) or "nothing was checked",
    }
    for name, value in said.items():
        ET.SubElement(properties, "property", name=plain(name), value=plain(value))
    tests = [_test(column, case) for case in sorted(run.cases, key=lambda case: case.id)]
    suite.extend(tests)
    suite.set("tests", str(len(tests)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(test.find(tag) is not None for test in tests)))
    return suite


def _test(column: Column, case: CaseResult) -> ET.Element:
    test = ET.Element(
        "testcase",
        classname=plain(f"{column.name}.{case.clause}"),
        name=plain(case.id.partition("/")[2]),
        time=f"{case.seconds:.3f}",
    )
    if (tag := _tag(case)) is not None:
        known = _reason(column.run, case)
        words = _words(case)
        first = known or words.partition("\n")[0]
        message = one_line(f"{case.level} {case.status}: {first}", _LONGEST)
        element = ET.SubElement(test, tag, message=message)
        if tag != "skipped":
            element.set("type", case.status)
        element.text = plain(f"{known}\n\n{words}" if known else words)
    if case.output is not None:
        ET.SubElement(test, "system-out").text = plain(case.output)
    return test


def _tag(case: CaseResult) -> str | None:
    """The element that tells of a case that did not pass."""
    if case.status == "pass":
        return None
    expected = case.level != "MUST" or case.deviation is not None
    if case.suite_fault or (case.status in _ERRORS and not expected):
        return "error"
    return "failure" if case.status in _FAILURES and not expected else "skipped"


def _reason(run: Run, case: CaseResult) -> str | None:
    """Why the case is known to fail, where it is."""
    listed = run.header.deviations
    if listed is None or case.deviation is None:
        return None
    return f"known deviation: {listed.entries[case.deviation].reason}"


def _words(case: CaseResult) -> str:
    lines = [] if case.message is None else [case.message]
    if case.expected is not None:
        lines += [f"expected {case.expected}", f"observed {case.observed}"]
    if case.error is not None:
        lines.append(f"error {number(case.error)}, tolerance {number(case.tolerance)}")
    return "\n".join([*lines, case.reproduce])
