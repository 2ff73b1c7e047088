"""`eqconform compare`: what became of clauses and cases, and what cannot be compared."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eqconform.cli import app
from eqconform.registry import clauses
from eqconform.report.comparison import Change, compare
from eqconform.report.comparison_text import closing
from eqconform.results import CaseResult, Run
from eqconform.selection import UsageError

Runs = Callable[..., Run]
Make = Callable[..., Run]


@pytest.fixture
def of(make_run: Runs, case: CaseResult) -> Make:
    """A run of cases by id, `scale.formula/one="pass"`; levels by clause."""

    def make(statuses: dict[str, str], level: str = "MUST", **changes: object) -> Run:
        cases = []
        for name, status in statuses.items():
            clause, _, _ = name.partition("/")
            claim = clause.partition(".")[0]
            values = {"id": name, "clause": clause, "claim": claim, "status": status}
            error = 0.0 if status == "pass" else case.error
            cases.append(replace(case, level=level, error=error, **values))  # type: ignore[arg-type]
        return make_run(cases, **changes)

    return make


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("pass", "fail", "regressed"),
        ("pass", "vacuous", "regressed"),
        ("pass", "unsupported", "regressed"),
        ("vacuous", "error", "regressed"),
        ("fail", "pass", "improved"),
        ("timeout", "unsupported", "improved"),
        ("vacuous", "pass", "improved"),
        ("fail", "error", "changed"),
        ("vacuous", "unsupported", "changed"),
    ],
)
def test_a_case(of: Make, before: str, after: str, kind: str) -> None:
    """Passing is better than set aside, and that is better than broken."""
    one, other = ({"scale.formula/x": "pass", "scale.formula/y": s} for s in (before, after))
    found = compare(of(one), of(other))
    assert found.cases == (Change(kind, "scale.formula/y", "MUST", before, after),)
    assert found.regressed is (kind == "regressed")
    assert found.compared == 2


def test_clauses_follow_from_their_cases(of: Make) -> None:
    old = {"scale.formula/x": "pass", "scale.shape/x": "fail", "scale.ranges-meet/x": "vacuous"}
    new = {"scale.formula/x": "error", "scale.shape/x": "pass", "scale.ranges-meet/x": "fail"}
    found = compare(of(old), of(new))
    assert {(each.id, each.kind, each.before, each.after) for each in found.clauses} == {
        ("scale.formula", "regressed", "holds", "broken"),
        ("scale.shape", "improved", "broken", "holds"),
        ("scale.ranges-meet", "changed", "not shown", "broken"),
    }


def test_added_and_removed(of: Make) -> None:
    """A case that only one of the runs has is neither better nor worse."""
    both = {"scale.formula/x": "pass"}
    found = compare(
        of({**both, "scale.shape/x": "pass"}), of({**both, "scale.ranges-meet/x": "fail"})
    )
    assert [(each.kind, each.id) for each in found.cases] == [
        ("added", "scale.ranges-meet/x"),
        ("removed", "scale.shape/x"),
    ]
    assert {(each.kind, each.id) for each in found.clauses} == {
        ("added", "scale.ranges-meet"),
        ("removed", "scale.shape"),
    }
    assert not found.regressed


def test_a_claim_that_is_given_up_is_a_regression(of: Make) -> None:
    """What held and is no longer claimed is worse: dropping claims must not look like success."""
    both = {"scale.formula/x": "pass"}
    before, after = of({**both, "scale.shape/x": "pass"}), of(both, not_claimed=("scale.shape",))
    found = compare(before, after)
    assert found.clauses == (Change("regressed", "scale.shape", "MUST", "holds", "not claimed"),)
    assert found.regressed
    assert not compare(before, after, intersect=True).regressed


def test_a_quirk_is_neither_better_nor_worse(of: Make) -> None:
    runs = [of({"scale.unobserved-is-one/x": status}, level="QUIRK") for status in ("pass", "fail")]
    found = compare(*runs)
    assert [each.kind for each in (*found.clauses, *found.cases)] == ["changed", "changed"]
    assert not found.regressed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clauses": "sha256:" + 64 * "1"}, "different clause sets: 000000000000 and 111111111111"),
        ({"budget": "full"}, "different budgets: quick and full"),
        ({"device": "cuda"}, "different devices: cpu and cuda"),
        ({"seed": 1}, "different seeds: 0 and 1"),
        (
            {"selection": {"claims": ["scale"], "clauses": [], "case": None}},
            "different selections: everything and scale",
        ),
    ],
)
def test_other_questions_are_refused(of: Make, change: dict[str, object], message: str) -> None:
    """Unless what both were asked is enough."""
    before, after = of({"scale.formula/x": "pass"}), of({"scale.formula/x": "fail"}, **change)
    with pytest.raises(UsageError, match=message):
        compare(before, after)
    assert compare(before, after, intersect=True).regressed


@pytest.mark.parametrize("intersect", [True, False])
def test_nothing_in_common(of: Make, intersect: bool) -> None:
    """Nothing compared is never 0."""
    for other in ({}, {"scale.shape/x": "pass"}):
        with pytest.raises(UsageError, match="have no case in common"):
            compare(of({"scale.formula/x": "pass"}), of(other), intersect=intersect)


def invoke(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["compare", *map(str, arguments)])
    return result.exit_code, result.output


def test_the_command(of: Make, written: Callable[..., Path]) -> None:
    """Each file beside the one before it; 1 where anything regressed, wherever in the row."""
    states = (["fail"] * 10, ["pass"] * 10, ["fail", "error"] * 5)
    paths = [
        written(of({f"scale.formula/{n}": s for n, s in enumerate(each)}), f"{place}.jsonl")
        for place, each in enumerate(states)
    ]
    code, output = invoke(*paths[:2])
    assert code == 0
    assert "MUST scale.formula: broken -> holds" in output
    assert "fail -> pass: 0, 1, 2, 3, 4, 5, 6, 7 and 2 more" in output
    assert output.endswith("10 cases compared: 1 clause and 10 cases improved\n")
    code, output = invoke(*paths, "--verbose")
    assert code == 1
    assert "pass -> error: 1, 3, 5, 7, 9" in output
    assert output.endswith("10 cases compared: 1 clause and 10 cases regressed\n")
    code, output = invoke(paths[0], paths[0])
    assert code == 0
    assert output.endswith("10 cases compared: no difference\n")


def test_much_is_told_in_short(of: Make, written: Callable[..., Path]) -> None:
    """The clauses without their cases, MUST first, and no more than a screen of them."""
    names = [name for name, each in clauses().items() if each.level in ("MUST", "SHOULD")][:30]
    paths = []
    for status in ("pass", "fail"):
        run = of({f"{name}/x": status for name in names})
        cases = tuple(replace(case, level=clauses()[case.clause].level) for case in run.cases)
        paths.append(written(replace(run, cases=cases), f"{status}.jsonl"))
    code, output = invoke(*paths)
    lines = output.splitlines()
    assert code == 1
    shown = [line.split()[0] for line in lines if "holds -> broken" in line]
    assert len(shown) == 20
    assert shown == sorted(shown)  # MUST, then SHOULD
    assert "  … and 10 more (--verbose)" in lines
    assert sum(line.endswith("holds -> broken (1 case)") for line in lines) == 20
    _, output = invoke(*paths, "--verbose")
    assert output.count("holds -> broken") == 30
    assert output.count("    pass -> fail: x") == 30


def test_where_only_the_cases_are_many_all_clauses_are_told(
    of: Make, written: Callable[..., Path]
) -> None:
    names = [name for name, each in clauses().items() if each.level == "MUST"][:12]
    runs = [of({f"{name}/x": each for name in names}) for each in ("pass", "fail")]
    places = enumerate(runs)
    _, output = invoke(*(written(run, f"{place}.jsonl") for place, run in places))
    assert output.count("(1 case)") == 12
    assert "  (cases: --verbose)" in output.splitlines()


def test_the_closing_line_counts_what_there_is(of: Make) -> None:
    found = compare(
        of({"scale.formula/x": "pass", "scale.formula/y": "pass"}), of({"scale.formula/x": "pass"})
    )
    assert closing(found) == "1 case compared: 1 case removed"


def test_bad_input(of: Make, written: Callable[..., Path]) -> None:
    path = written(of({"scale.formula/x": "pass"}))
    torn = written(of({"scale.formula/x": "pass"}), "torn.jsonl", footer=False)
    for arguments, message in [
        ((path,), "nothing to compare it with"),
        ((path, torn), "is incomplete"),
        ((path, path.with_name("none.jsonl")), "cannot read"),
    ]:
        code, output = invoke(*arguments)
        assert code == 2
        assert message in output
