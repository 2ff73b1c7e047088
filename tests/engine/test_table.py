"""The tables: readable at 80 columns and in a pipe, nothing cut."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from eqconform.deviations.entries import Deviation, Listed
from eqconform.registry import clauses
from eqconform.report.broken import out_of_time
from eqconform.report.table import print_run
from eqconform.results import STATUSES, CaseResult, Header, Run, counted


def printed(
    header: Header, cases: list[CaseResult], *, verbose: bool = False, complete: bool = True
) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=80, markup=False, highlight=False, emoji=False)
    run = Run(header, tuple(cases), 1.0, counted(cases), complete=complete)
    print_run(console, run, verbose=verbose)
    return stream.getvalue()


@pytest.fixture
def many(case: CaseResult) -> list[CaseResult]:
    """A clause that is broken on forty networks, on the last by raising."""
    found = [
        replace(case, id=f"scale.formula/net-{n}", network=f"net-{n}", observed=f"[{n}] \x1b[31m")
        for n in range(40)
    ]
    found[-1] = replace(found[-1], status="error", expected=None, observed=None, message="raised")
    return found


def test_long_words_are_folded_not_cut(header: Header, case: CaseResult) -> None:
    name = "scale." + "-".join(["a-long-name"] * 9)
    text = "word " * 40
    broken = replace(case, id=f"{name}/x", clause=name, expected=text, observed="v" * 200)
    output = printed(header, [broken])
    assert "…" not in output
    assert output.count("v") >= 200
    assert output.count("word") == 40
    assert max(len(line) for line in output.splitlines()) <= 80
    assert name in "".join(line.strip().split(" ")[0] for line in output.splitlines()) or (
        name in output
    )


def test_the_name_of_a_clause_stays_whole_at_80_columns(header: Header, case: CaseResult) -> None:
    """And the words of the verdict, whatever has come of its cases."""
    name = max(clauses(), key=len)
    found = [
        replace(case, id=f"{name}/{status}-{n}", clause=name, status=status)
        for status in STATUSES[:-1]  # one that was not run would say that alone
        for n in range(100)
    ]
    rows = printed(header, found).split("Claim: ")[1].split("\n\n")[0].splitlines()
    assert max(map(len, rows)) <= 80
    assert f" {name} " in rows[2]
    words = " ".join(rows[2:]).split()[3:]
    assert words[:5] == ["BROKEN:", "100", "fail,", "100", "error,"]
    assert words[-4:] == ["100", "unsupported,", "100", "vacuous"]


def test_a_command_is_never_broken(header: Header, case: CaseResult) -> None:
    command = "eqconform reproduce '" + "/folder" * 20 + "/x.py:X::scale.formula/one'"
    assert f"{command}\n" in printed(header, [replace(case, reproduce=command)])


def test_no_control_characters(header: Header, many: list[CaseResult]) -> None:
    """Neither colours of ours in a pipe, nor an implementation's on the terminal."""
    assert "\x1b" not in printed(header, many)


def test_repeats_are_grouped(header: Header, many: list[CaseResult]) -> None:
    """One in full of each status and reason; the others by name, and not all of them."""
    output = printed(header, many)
    assert "40 of 40 cases broken" in output
    assert output.count("eqconform reproduce") == 2
    assert "net-39: error" in output
    assert "also broken: net-1, net-10" in output
    assert "and 30 more (fail)" in " ".join(output.split())
    assert printed(header, many, verbose=True).count("eqconform reproduce") == 40


def test_what_is_known_stands_apart(header: Header, many: list[CaseResult]) -> None:
    """Which cases are not listed is the question of a run that fails."""
    output = printed(header, [*many[:2], replace(many[2], deviation=0)])
    assert "3 of 3 cases broken, 1 of them known" in output
    assert "known: net-2 (fail)" in output


def test_one_mistake_is_told_once(header: Header, case: CaseResult) -> None:
    """An adapter that raises everywhere: one reason, the clauses it breaks, one command."""
    raised = replace(case, status="error", expected=None, observed=None, error=None)
    found = [
        replace(
            raised,
            id=f"scale.c{n}/x",
            clause=f"scale.c{n}",
            message=f"equalize() on x = [[{n}.5, -{n}]] raised NotImplementedError: no message",
        )
        for n in range(20)
    ]
    output = printed(header, found)
    assert output.count("NotImplementedError") == 1
    assert output.count("eqconform reproduce") == 1
    assert "20 cases of 20 clauses, as scale.c0/x: error" in output
    assert "and 11 more" in " ".join(output.split())
    assert printed(header, found, verbose=True).count("eqconform reproduce") == 20


def test_what_a_clause_has_of_its_own_is_told_there(header: Header, case: CaseResult) -> None:
    """A number that differs is the same reason; other words are another one."""
    same = [
        replace(case, id=f"scale.{name}/x", clause=f"scale.{name}", observed=f"{seen} at [{seen}]")
        for name, seen in (("one", 2), ("two", 35))
    ]
    own = replace(case, id="scale.two/y", clause="scale.two", observed="nothing")
    output = printed(header, [*same, own])
    assert "2 cases of 2 clauses, as scale.one/x: fail" in output
    assert "MUST scale.two: 2 of 2 cases broken, 1 of them as above" in output
    assert "MUST scale.one:" not in output


def test_an_example_ends_with_what_was_expected(header: Header, case: CaseResult) -> None:
    """Two that expect the same of their examples, and see other things, have two reasons."""
    found = [
        replace(
            case, id=f"scale.{name}/x", clause=f"scale.{name}", expected=expected, observed=seen
        )
        for name, expected, seen in (
            ("one", "no error, on x = [1.0]", "a warning"),
            ("two", "no error, on x = [2.0]", "silence"),
        )
    ]
    assert "Broken in the same way" not in printed(header, found)


def test_many_broken_clauses_are_bounded(header: Header, case: CaseResult) -> None:
    words = [f"{first}{second}" for first in "abcdefgh" for second in "klmnopqr"]
    found = [
        replace(case, id=f"scale.{word}/x", clause=f"scale.{word}", observed=word) for word in words
    ]
    output = printed(header, found)
    assert output.count("1 of 1 case broken") == 12
    assert "52 more clauses broken" in output


def test_statuses_stand_in_one_order(header: Header, case: CaseResult) -> None:
    """Whichever case ended first."""
    failed = replace(case, id="scale.formula/a", status="fail")
    vacuous = replace(case, id="scale.formula/b", status="vacuous")
    for cases in ([failed, vacuous], [vacuous, failed]):
        assert "BROKEN: 1 fail, 1 vacuous" in printed(header, cases)


def test_must_comes_first(header: Header, case: CaseResult) -> None:
    should = replace(
        case, id="scale.nice/x", clause="scale.nice", level="SHOULD", observed="no number"
    )
    output = printed(header, [should, case])
    assert output.index("scale.formula") < output.index("scale.nice")
    assert output.index("MUST scale.formula:") < output.index("SHOULD scale.nice:")


def test_who_ran_out_of_time_is_told_what_to_try(header: Header, case: CaseResult) -> None:
    late = replace(case, status="timeout")
    assert "--case-timeout" in out_of_time(Run(header, (late,), counts=counted([late])))
    assert not out_of_time(Run(header, (case,), counts=counted([case])))


def test_a_quirk_that_is_not_shared_is_nothing_broken(header: Header, case: CaseResult) -> None:
    output = printed(header, [replace(case, level="QUIRK")])
    assert "not shared" in output
    assert "roken" not in output.casefold()
    assert "shared" in printed(header, [replace(case, level="QUIRK", status="pass")])


def test_numbers_stand_beside_each_other(header: Header, case: CaseResult) -> None:
    output = printed(header, [replace(case, error=float("nan"))])
    assert "error nan, tolerance 1e-06" in output


def test_what_never_ran_is_nothing_broken(header: Header, case: CaseResult) -> None:
    """A session that was stopped (`pytest -x`) says so of the clauses that it did not reach."""
    late = replace(case, id="scale.formula/late", status="not-run", message="the run ended")
    never = replace(late, id="scale.shape/only", clause="scale.shape")
    for found in ([never], [replace(case, status="pass"), late], [replace(never, level="QUIRK")]):
        output = printed(header, found)
        assert "NOT RUN: 1 not-run" in output
        assert "roken" not in output.casefold()
        assert "1 not-run: the run came to its end without them" in output
    assert "BROKEN: 1 fail, 1 not-run" in printed(header, [case, late])


def test_what_is_listed_and_never_ran_is_not_known(header: Header, case: CaseResult) -> None:
    """Nobody has seen it; that it is listed is said beside it."""
    listed = replace(header, deviations=Listed("mine.toml", (Deviation(case.clause, "No root."),)))
    output = printed(listed, [replace(case, status="not-run", deviation=0)])
    assert "NOT RUN: 1 not-run, 1 of them known" in output
    assert "KNOWN" not in output
    assert "No root." not in output


def test_an_interrupted_run_says_how_far_it_came(header: Header, case: CaseResult) -> None:
    """What it has not reached may be amiss, so that nothing holds and no entry is stale yet."""
    entries = (Deviation("scale.shape", "It is transposed."),)
    asked = replace(header, planned=9, deviations=Listed("mine.toml", entries))
    about = {**header.implementation, "claims": ["scale", "equalize"]}
    asked = replace(asked, implementation=about, not_claimed=("equalize.pickle",))
    passed = [replace(case, status="pass")]
    output = printed(asked, passed, complete=False)
    assert "1 of 9 cases" in output
    assert "holds so far" in output
    assert "no longer true" not in output
    assert "Clauses not claimed: equalize.pickle" in output
    assert "no longer true" in printed(asked, passed)


def test_what_is_not_claimed_is_named(header: Header, case: CaseResult) -> None:
    lacking = replace(header, not_claimed=("observe.merge", "scale.shape"))
    output = printed(lacking, [case])
    assert "scale.shape" in output
    assert "observe" in output
