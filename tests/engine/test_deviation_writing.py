"""A file is brought up to date by a run: what still holds stays as a person wrote it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from eqconform.deviations.entries import Deviation
from eqconform.deviations.reading import parse
from eqconform.deviations.writing import written
from eqconform.report.reasons import masked
from eqconform.results import CaseResult, Header, Run, Shard, counted

BEFORE = """\
# What x gets wrong.

# About the formula.
[[deviation]]
clause = "scale.formula"
case = "a*"
reason = "It forgets the root."  # kept

# About shapes.
[[deviation]]
clause = "scale.shape"
reason = "It has one row too many."
issue = "https://example.org/1"

# About another version.
[[deviation]]
clause = "scale.dtype"
reason = "It was negative."
version = "<1"
"""


@pytest.fixture
def run(header: Header, case: CaseResult) -> Callable[..., Run]:
    """A run of cases given as `clause/subject` to status."""

    def make(**statuses: dict[str, str]) -> Run:
        cases = tuple(
            replace(
                case,
                id=f"scale.{clause}/{subject}",
                clause=f"scale.{clause}",
                status=status,
                message=f"it saw {len(subject)} of 9" if status == "error" else None,
            )
            for clause, found in statuses.items()
            for subject, status in found.items()
        )
        return Run(header, cases, 1.0, counted(cases))

    return make


def test_nothing_changed_nothing_rewritten(run: Callable[..., Run]) -> None:
    found = written(run(formula={"a1": "fail", "b": "pass"}, shape={"c": "fail"}), BEFORE, "f")
    assert found.text == BEFORE
    assert (len(found.kept), found.gone, found.new) == (3, (), ())


def test_a_new_file(run: Callable[..., Run]) -> None:
    """A clause of which nothing passes is one entry; else one for each kind of observation."""
    found = written(
        run(
            formula={"a": "fail", "b": "error", "c": "vacuous"},
            shape={"a": "pass", "bb": "error", "c": "error", "d": "fail"},
            dtype={"a": "fail"},
        ),
        "",
        "f",
    )
    entries = parse(found.text, "f").entries
    assert entries == found.new
    assert [(entry.clause, entry.cases) for entry in entries] == [
        ("scale.formula", ()),
        ("scale.shape", ("bb", "c")),
        ("scale.shape", ("d",)),
        ("scale.dtype", ()),
    ]
    assert entries[1].reason == "Observed on bb: error, it saw 2 of 9."
    assert entries[2].reason == entries[3].reason
    assert entries[2].reason == "Observed on scale.shape/d: fail, expected 1; observed 2."
    assert entries[2].cause == entries[3].cause == "fail-expected-observed"
    assert found.text.count("Observed on scale.shape/d") == 1
    assert 'case = [\n    "bb",\n    "c",\n]\n' in found.text


NAN = (
    ("min[0] = 0", "nan, on x = [[[0.0]]]"),
    ("min[1024] = -100", "nan"),
    ("fresh: output[0, 1] = -0.56", "nan"),
    ("batch-of-1: output['out'][0, 0, 3] = 3e-07", "nan"),
    ("times-3: output[0, 1] = 2", "-1"),
    ("fresh: output[0, 1] = 2", "-1"),
)


def test_one_nan_is_one_cause(run: Callable[..., Run]) -> None:
    """Whatever stood there, at which place of which batch; what was looked at makes another one."""
    clauses = ("formula", "shape", "dtype", "degenerate", "swap", "offset")
    found = run(**{clause: {"a": "fail"} for clause in clauses})
    cases = tuple(
        replace(case, expected=expected, observed=observed)
        for case, (expected, observed) in zip(found.cases, NAN, strict=True)
    )
    entries = written(replace(found, cases=cases), "", "f").new
    assert [entry.cause for entry in entries] == [
        "fail-expected-min-observed-nan",
        "fail-expected-min-observed-nan",
        "fail-expected-output-observed-nan",
        "fail-expected-output-observed-nan",
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("NaN in channel 3", "NaN in channels 1, 2 and 12", True),
        ("channels 1 to 3 of 9", "channel 7 of 9", True),
        ("channel 3 is NaN", "row 3 is NaN", False),
        ("expected min[2] = 1; observed nan", "expected max[2] = 1; observed nan", False),
        ("expected min[2] = 1; observed nan", "expected min[2] = 1; observed inf", False),
        ("expected min[2] = 1; observed nan", "expected min[2] = 1; observed 4", False),
    ],
)
def test_what_is_the_same_said_of_other_numbers(one: str, other: str, alike: bool) -> None:
    assert (masked(one) == masked(other)) is alike


def test_a_long_reason_is_written_over_lines(run: Callable[..., Run]) -> None:
    found = run(shape={"c": "fail", "d": "pass"})
    told = replace(found.cases[0], observed="many words and more " * 8)
    cases = (told, found.cases[1])
    text = written(replace(found, cases=cases), "", "f").text
    assert max(map(len, text.splitlines())) <= 100
    assert parse(text, "f").entries[0].reason.count("many words and more") == 8


def test_a_cause_gets_a_name_of_its_own(run: Callable[..., Run]) -> None:
    """The name is taken by a person's cause, of which nothing is known but the name."""
    before = '[cause.fail-expected-observed]\nreason = "It looks away."\n'
    found = written(run(formula={"a": "fail"}, dtype={"a": "fail"}), before, "f")
    assert {entry.cause for entry in parse(found.text, "f").entries} == {"fail-expected-observed-2"}
    assert "It looks away." in found.text
    again = written(run(formula={"a": "fail"}, dtype={"a": "fail"}), found.text, "f")
    assert (again.text, again.new, again.gone) == (found.text, (), ())


def test_a_stale_entry_goes_and_the_comments_stay(run: Callable[..., Run]) -> None:
    found = written(run(formula={"a1": "pass"}, shape={"c": "fail"}), BEFORE, "f")
    assert "forgets the root" not in found.text
    assert "# About shapes.\n[[deviation]]" in found.text
    assert found.text.startswith("# What x gets wrong.\n\n# About the formula.\n")
    assert [entry.clause for entry in found.gone] == ["scale.formula"]
    assert parse(found.text, "f").entries == found.kept


def test_what_is_left_of_an_entry_keeps_its_reason(run: Callable[..., Run]) -> None:
    """One of two cases passes now: the other is listed by name, with reason and issue."""
    found = written(run(shape={"c": "fail", "d": "pass"}), BEFORE, "f")
    left = Deviation(
        "scale.shape", "It has one row too many.", ("c",), issue="https://example.org/1"
    )
    assert found.new == (left,)
    assert parse(found.text, "f").entries[-1] == left


def test_shared_reasons_stay_shared(run: Callable[..., Run]) -> None:
    """A cause stands where it stood, and what is left of an entry names it still."""
    text = (
        '[[deviation]]\nclause = "scale.formula"\nreason = "x."\n\n# Rows.\n[cause.rows]\n'
        'reason = "It has one row too many."\n\n[[deviation]]\nclause = "scale.shape"\n'
        'cause = "rows"\n'
    )
    found = written(run(formula={"a": "pass"}, shape={"c": "fail", "d": "pass"}), text, "f")
    assert found.text.startswith("# Rows.\n[cause.rows]\n")
    assert found.text.count("one row too many") == 1
    left = Deviation("scale.shape", "It has one row too many.", ("c",), cause="rows")
    assert parse(found.text, "f").entries == (left,)


def test_what_the_run_says_nothing_of_stays(run: Callable[..., Run]) -> None:
    """Entries for other versions, and for cases that were not run."""
    found = written(run(dtype={"a": "pass"}), BEFORE, "f")
    assert found.text == BEFORE


def test_a_reason_holds_no_control_characters(run: Callable[..., Run]) -> None:
    found = run(shape={"c": "fail"})
    told = replace(found.cases[0], observed='"red" \x1b[31m \x7f\n\\ \u2603' + "9" * 900)
    entry = parse(written(replace(found, cases=(told,)), "", "f").text, "f").entries[0]
    assert entry.reason.isprintable()
    assert len(entry.reason) < 400


def test_tables_in_another_spelling(run: Callable[..., Run]) -> None:
    text = 'deviation = [{clause = "scale.shape", reason = "So it is."}]\n'
    found = written(run(shape={"c": "fail"}, formula={"a": "fail"}), text, "f")
    assert [entry.clause for entry in parse(found.text, "f").entries] == [
        "scale.shape",
        "scale.formula",
    ]


@pytest.mark.parametrize(
    "reason",
    [
        '"""\nSee\n[the issue](https://example.org/2)."""',
        "'''\nSee\n[[deviation]]\nand \"\"\"\n[that]'''",
        '"""\nA \\"quoted\\" word,\n[one]\\\\"""',
        '"""\n[ends in a quote]\n[[deviation]] \\""""',
        '"It ends here."  # don\'t, and """ opens nothing',
    ],
)
def test_a_reason_may_look_like_the_head_of_a_table(run: Callable[..., Run], reason: str) -> None:
    """The entry with the reason goes, or the one behind it: the other stays as it was written."""
    first = f'# First.\n[[deviation]]\nclause = "scale.formula"\nreason = {reason}\n\n'
    second = '# Second.\n[[deviation]]\nclause = "scale.shape"\nreason = "x"\n'
    gone = written(run(formula={"a": "pass"}, shape={"b": "fail"}), first + second, "f")
    assert gone.text == "# First.\n" + second
    kept = written(run(formula={"a": "fail"}, shape={"b": "pass"}), first + second, "f")
    assert kept.text == first + "# Second.\n"


def test_what_is_written_can_be_brought_up_to_date(run: Callable[..., Run]) -> None:
    """An observation full of brackets is wrapped so that lines begin with one."""
    found = run(shape={"c": "fail", "d": "pass"})
    told = replace(found.cases[0], observed="[1.5] " * 30)
    text = written(replace(found, cases=(told, found.cases[1])), "", "f").text
    assert "\n[1.5]" in text
    assert written(run(shape={"c": "pass", "d": "pass"}), text, "f").text == ""


def test_in_another_spelling_a_cause_becomes_the_reason_of_its_entries(
    run: Callable[..., Run],
) -> None:
    """One entry stays, of another one case is left, and two that are new share a cause."""
    text = (
        'cause = {rows = {reason = "It has one row too many."}}\ndeviation = [\n'
        '{clause = "scale.shape", cause = "rows"},\n{clause = "scale.dtype", cause = "rows"}]\n'
    )
    found = written(
        run(
            shape={"c": "fail", "d": "pass"},
            dtype={"a": "fail"},
            formula={"a": "error"},
            degenerate={"a": "error"},
        ),
        text,
        "f",
    )
    entries = parse(found.text, "f").entries
    assert entries == (*found.kept, *found.new)
    assert [(entry.clause, entry.cause) for entry in entries] == [
        ("scale.dtype", None),
        ("scale.shape", None),
        ("scale.formula", "error-it-saw-of"),
        ("scale.degenerate", "error-it-saw-of"),
    ]


@pytest.mark.parametrize("part", [{"shard": Shard(1, 3, 9)}, {"case": "scale.formula/a"}])
def test_a_run_of_some_cases_says_nothing_of_the_others(
    run: Callable[..., Run], part: dict[str, Any]
) -> None:
    """What failed is listed by name, and only what passed shows that an entry is stale."""
    before = '[[deviation]]\nclause = "scale.shape"\ncase = ["c", "d"]\nreason = "x"\n'
    whole = run(formula={"a": "fail", "b": "vacuous"}, shape={"c": "vacuous", "e": "fail"})
    selection = {**whole.header.selection, "case": part.get("case")}
    header = replace(whole.header, selection=selection, shard=part.get("shard"))
    found = written(replace(whole, header=header), before, "f")
    assert [(entry.clause, entry.cases) for entry in found.new] == [
        ("scale.formula", ("a",)),
        ("scale.shape", ("e",)),
    ]
    assert found.gone == ()
