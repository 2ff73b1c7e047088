"""A file against a plan: which case is listed by which entry, and what cannot be."""

from typing import Any

import pytest

from eqconform.deviations.entries import Deviation, Listed
from eqconform.deviations.matching import require_apart, with_deviations
from eqconform.engine.planning import Plan, PlannedCase
from eqconform.selection import UsageError

CATALOGUE = {"scale.formula": ["one", "two", "full-only"], "scale.shape": ["only"]}


@pytest.fixture
def plan() -> Plan:
    """Of two cases of one clause; the implementation does not claim the other clause."""
    cases = [
        PlannedCase(f"scale.formula/{subject}", "scale.formula", None, None)
        for subject in ("one", "two")
    ]
    about = {"name": "x", "version": "1.0"}
    return Plan(about, {"torch": "2.15.0"}, tuple(cases), ("scale.shape",), CATALOGUE)


def listed(*entries: Deviation) -> Listed:
    return Listed("f.toml", entries)


def test_no_file(plan: Plan) -> None:
    assert with_deviations(plan, None) is plan


def test_a_case_has_the_place_of_its_entry(plan: Plan) -> None:
    """Entries for other versions and for other cases take no part, and have no place."""
    entries = (
        Deviation("scale.formula", "Once.", torch="<2.0"),
        Deviation("scale.formula", "Seldom.", ("full-*",)),
        Deviation("scale.formula", "Now.", ("tw?",)),
    )
    found = with_deviations(plan, listed(*entries))
    assert found.deviations == listed(entries[2])
    assert [case.deviation for case in found.cases] == [None, 0]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([Deviation("scale.formula", "x", ("onne",))], "no case of scale.formula matches 'onne'"),
        ([Deviation("scale.formula", "x", ("onne",))], "Did you mean one"),
        ([Deviation("scale.formula", "x", ("one", "z*"))], r"matches 'z\*'"),
        # Known to be wrong, whatever the version.
        ([Deviation("scale.formula", "x", ("z*",), torch="<2")], r"matches 'z\*'"),
        ([Deviation("scale.shape", "x")], "x does not claim scale.shape"),
        (
            [Deviation("scale.formula", "x"), Deviation("scale.formula", "y", ("full-only",))],
            r"scale.formula/full-only is listed more than once: scale.formula and .*\(full-only\)",
        ),
    ],
)
def test_refused(plan: Plan, entries: list[Deviation], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        with_deviations(plan, listed(*entries))


def test_entries_for_other_versions_may_overlap(plan: Plan) -> None:
    entries = (
        Deviation("scale.formula", "Then.", torch="<2.15"),
        Deviation("scale.formula", "Now.", torch=">=2.15"),
    )
    found = with_deviations(plan, listed(*entries))
    assert found.deviations == listed(entries[1])


@pytest.mark.parametrize(
    ("first", "second", "apart"),
    [
        ({}, {"cases": ("tw?",)}, False),
        ({"cases": ("o*",)}, {"cases": ("one", "two")}, False),
        ({"cases": ("one",)}, {"cases": ("two",)}, True),
        ({"torch": "<2.15"}, {"torch": ">=2.15"}, True),
        ({"torch": "<2.16"}, {"torch": ">=2.15"}, False),
        ({"torch": "<2.16"}, {"version": ">=1"}, False),
        ({"torch": ">=2.1", "version": "<1"}, {"torch": ">=2.1", "version": ">=1"}, True),
    ],
)
def test_entries_that_list_one_case(
    first: dict[str, Any], second: dict[str, Any], apart: bool
) -> None:
    """For some version, whichever is here: refused without a plan."""
    entries = (Deviation("scale.formula", "x", **first), Deviation("scale.formula", "y", **second))
    if apart:
        require_apart(listed(*entries), CATALOGUE)
    else:
        with pytest.raises(UsageError, match=r"scale.formula/\w+ is listed more than once"):
            require_apart(listed(*entries), CATALOGUE)
