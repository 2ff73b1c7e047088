"""What cases add up to: clauses, the run, the exit code."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from eqconform.deviations.entries import Deviation, Listed
from eqconform.report.table import closing_line
from eqconform.results import CaseResult, Header, Run, Shard, counted
from eqconform.verdict import clause_verdicts, conformant, exit_code

Cases = Callable[..., list[CaseResult]]
Runs = Callable[..., Run]


@pytest.fixture
def cases(case: CaseResult) -> Cases:
    """Cases of one clause, one per status."""

    def make(
        *statuses: str, level: str = "MUST", clause: str = "scale.formula"
    ) -> list[CaseResult]:
        return [
            replace(case, id=f"{clause}/{n}", clause=clause, level=level, status=status)
            for n, status in enumerate(statuses)
        ]

    return make


@pytest.fixture
def run(header: Header) -> Runs:
    """A run of given cases, with everything selected or a part of it."""

    def make(found: list[CaseResult], *, partial: bool = False) -> Run:
        selection = {"claims": ["scale"] if partial else [], "clauses": [], "case": None}
        return Run(replace(header, selection=selection), tuple(found), 1.0, counted(found))

    return make


@pytest.mark.parametrize(
    ("statuses", "holds"),
    [
        (["pass"], True),
        (["pass", "unsupported"], True),
        (["pass", "vacuous"], True),
        (["unsupported"], False),
        (["vacuous", "vacuous"], False),
        (["vacuous", "unsupported"], False),
        (["pass", "fail"], False),
        (["pass", "error"], False),
        (["pass", "timeout"], False),
        (["pass", "crash"], False),
        (["pass", "not-run"], False),
    ],
)
def test_clause(cases: Cases, run: Runs, statuses: list[str], holds: bool) -> None:
    """A clause holds when nothing broke it and something passed."""
    assert clause_verdicts(cases(*statuses))[0].holds is holds
    assert exit_code(run(cases(*statuses))) == (0 if holds else 1)


def test_every_must_clause_has_to_hold(cases: Cases, run: Runs) -> None:
    found = cases("pass") + cases("vacuous", clause="scale.shape")
    assert exit_code(run(found)) == 1


@pytest.mark.parametrize("level", ["SHOULD", "MAY", "QUIRK"])
def test_other_levels_do_not_decide(cases: Cases, run: Runs, level: str) -> None:
    found = cases("pass") + cases("fail", level=level, clause="scale.nice")
    assert exit_code(run(found)) == 0
    assert f"{level} 0/1" in closing_line(run(found))


def test_nothing_checked_is_not_conformant(run: Runs) -> None:
    assert exit_code(run([])) == 1
    assert exit_code(run([], partial=True)) == 1
    assert "nothing was checked" in closing_line(run([]))


def test_nothing_required_is_not_conformant(cases: Cases, run: Runs) -> None:
    assert exit_code(run(cases("pass", level="MAY"))) == 1


@pytest.mark.parametrize(("status", "code"), [("pass", 0), ("fail", 1), ("vacuous", 1)])
def test_a_selection_without_must_answers_for_itself(
    cases: Cases, run: Runs, status: str, code: int
) -> None:
    assert exit_code(run(cases(status, level="SHOULD"), partial=True)) == code


@pytest.fixture
def listed(run: Runs) -> Runs:
    """A run that went by a file of one entry, for the cases with these numbers."""

    def make(found: list[CaseResult], *numbers: int) -> Run:
        cases = [
            replace(case, deviation=0 if int(case.id.partition("/")[2]) in numbers else None)
            for case in found
        ]
        plain = run(cases)
        entries = (Deviation("scale.formula", "It forgets the root."),) if numbers else ()
        return replace(plain, header=replace(plain.header, deviations=Listed("f.toml", entries)))

    return make


@pytest.mark.parametrize(
    ("statuses", "numbers", "code"),
    [
        (["pass", "fail"], [1], 0),
        (["pass", "fail", "error"], [1], 1),
        (["pass", "fail"], [], 1),
        (["pass", "fail"], [0, 1], 2),  # one of two that are listed passed
        (["pass", "fail", "vacuous"], [1, 2], 0),
        (["pass", "fail", "vacuous"], [2], 2),  # it is not what keeps the clause from holding
        (["vacuous", "unsupported"], [0, 1], 0),
        (["vacuous", "unsupported"], [0], 1),
        (["pass", "not-run"], [1], 0),
        (["pass"], [], 0),
    ],
)
def test_known_deviations_change_the_exit_code(
    cases: Cases, listed: Runs, statuses: list[str], numbers: list[int], code: int
) -> None:
    assert exit_code(listed(cases(*statuses), *numbers)) == code


def test_known_deviations_do_not_change_the_verdict(cases: Cases, listed: Runs) -> None:
    line = closing_line(listed(cases("pass", "fail"), 1))
    assert line == "x 1: not conformant - MUST 0/1 (1 known), 1 fail"
    line = closing_line(listed(cases("pass", "fail", "crash"), 0, 1))
    assert line == (
        "x 1: not conformant - MUST 0/1, 1 fail, 1 crash, 1 case not listed, 1 stale in the list"
    )


@pytest.mark.parametrize("level", ["SHOULD", "MAY", "QUIRK"])
def test_a_list_is_of_every_level(cases: Cases, listed: Runs, level: str) -> None:
    """A conformant implementation that lists what it gets wrong lists all of it."""
    found = cases("pass", clause="scale.shape") + cases("fail", level=level)
    assert exit_code(listed(found)) == 1
    assert "x 1: conformant" in closing_line(listed(found))


def test_nothing_checked_is_no_known_deviation(listed: Runs) -> None:
    assert exit_code(listed([])) == 1


def test_fault_of_the_suite(cases: Cases, run: Runs) -> None:
    fault = [replace(case, suite_fault=True) for case in cases("error", level="MAY")]
    assert exit_code(run(cases("pass") + fault)) == 4
    assert "THE SUITE ITSELF FAILED" in closing_line(run(cases("pass") + fault))


def test_closing_line_counts(cases: Cases, run: Runs) -> None:
    found = cases("pass", "unsupported", "vacuous") + cases("crash", clause="scale.shape")
    assert closing_line(run(found)) == (
        "x 1: not conformant - MUST 1/2, 1 crash, 1 unsupported, 1 vacuous"
    )
    assert "on the selected clauses" in closing_line(run(found, partial=True))


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        (["pass", "not-run"], "no verdict, INCOMPLETE: 1 of 2 cases ran"),
        (["pass", "fail", "not-run"], "not conformant, INCOMPLETE: 2 of 3 cases ran"),
    ],
)
def test_cases_left_out_leave_a_part(
    cases: Cases, run: Runs, statuses: list[str], verdict: str
) -> None:
    """Of cases that were never tried nothing is said, but that there are some."""
    assert f"x 1: {verdict} - " in closing_line(run(cases(*statuses)))


def test_what_was_not_run_below_must_does_not_undo_the_verdict(cases: Cases, run: Runs) -> None:
    found = cases("pass") + cases("not-run", level="MAY", clause="scale.nice")
    assert "x 1: conformant, INCOMPLETE: 1 of 2 cases ran" in closing_line(run(found))


@pytest.mark.parametrize(
    ("statuses", "numbers", "code"),
    [
        (["pass", "vacuous"], None, 0),
        (["vacuous"], None, 0),  # what shows that the clause holds may be in another shard
        (["fail"], None, 1),
        ([], None, 0),
        ([], [], 0),
        (["fail", "pass"], [0], 0),
        (["fail", "error"], [0], 1),
        (["vacuous"], [0], 0),
        (["pass"], [0], 2),
    ],
)
def test_a_shard_is_asked_not_to_be_broken(
    cases: Cases, listed: Runs, statuses: list[str], numbers: list[int] | None, code: int
) -> None:
    whole = listed(cases(*statuses), *(numbers or ()))
    if numbers is None:
        whole = replace(whole, header=replace(whole.header, deviations=None))
    shard = replace(whole, header=replace(whole.header, shard=Shard(1, 2, 9)))
    assert exit_code(shard) == code
    assert conformant(shard) is not bool({"fail", "error"} & set(statuses))
    assert "x 1: shard 1/2, " in closing_line(shard)


def test_a_shard_without_cases(run: Runs) -> None:
    """Judged nothing, and says so; one of a run without cases is no part of anything."""
    empty = run(())
    part, nothing = (
        replace(empty, header=replace(empty.header, shard=Shard(2, 3, planned)))
        for planned in (9, 0)
    )
    line = "x 1: shard 2/3, to which no case fell - nothing was checked"
    assert closing_line(part) == closing_line(nothing) == line
    assert (exit_code(part), exit_code(nothing)) == (0, 1)


def test_an_interrupted_run_has_no_verdict(cases: Cases, run: Runs) -> None:
    line = closing_line(replace(run(cases("pass")), complete=False))
    assert line == "x 1: INCOMPLETE, 1 of 2 cases - MUST 1/1"
