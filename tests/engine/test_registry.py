"""The registry is held to its own rules, and the checks to the registry."""

import pytest

from eqconform.judge.cases import all_checks
from eqconform.registry import CLAIMS, Clause, RegistryError, clauses, match_checks, parse

ENTRY = {
    "id": "scale.formula",
    "level": "MUST",
    "claim": "scale",
    "text": "s is a root.",
    "source": "arithmetic",
    "check": "By hand.",
}


def _text(*entries: dict[str, object]) -> str:
    blocks = []
    for entry in entries:
        values = "\n".join(f"{key} = {value!r}" for key, value in entry.items())
        blocks.append(f"[[clause]]\n{values}\n")
    return "\n".join(blocks)


def test_entry_becomes_a_clause() -> None:
    assert parse(_text(ENTRY)) == {"scale.formula": Clause(**ENTRY)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"level": "SHALL"}, "level 'SHALL'"),
        ({"claim": "scales"}, "the id is not 'scales.a-slug'"),
        ({"id": "formula"}, "the id is not 'scale.a-slug'"),
        ({"id": "scale.Formula_1"}, "the id is not 'scale.a-slug'"),
        ({"id": "speed.fast", "claim": "speed"}, "claim 'speed' is none of"),
        ({"text": ""}, "text must be text"),
        ({"source": 7}, "source must be text"),
        ({"excluded": "later"}, "either check or excluded"),
        ({"note": "x"}, "missing or unknown note"),
        ({"torch": "2.2 or so"}, "torch is no version range"),
    ],
)
def test_entry_that_breaks_a_rule(change: dict[str, object], message: str) -> None:
    with pytest.raises(RegistryError, match=message):
        parse(_text({**ENTRY, **change}))


@pytest.mark.parametrize(
    ("versions", "torch", "judged"),
    [
        (">=2.2", "2.1.2+cu121", False),
        (">=2.2", "2.2.0+cpu", True),
        (">=2.2", "2.15.0a0+git12ab", True),
        (None, "2.1.2", True),
    ],
)
def test_a_clause_may_be_about_some_versions(
    versions: str | None, torch: str, judged: bool
) -> None:
    (clause,) = parse(_text({**ENTRY, **({"torch": versions} if versions else {})})).values()
    assert clause.is_judged_with(torch) is judged


@pytest.mark.parametrize("key", ["id", "level", "claim", "text", "source", "check"])
def test_entry_that_lacks_something(key: str) -> None:
    with pytest.raises(RegistryError):
        parse(_text({name: value for name, value in ENTRY.items() if name != key}))


def test_an_id_is_unique() -> None:
    with pytest.raises(RegistryError, match="is entered twice"):
        parse(_text(ENTRY, ENTRY))


def test_claims_stand_in_order() -> None:
    earlier = {**ENTRY, "id": "observe.range", "claim": "observe"}
    with pytest.raises(RegistryError, match="order"):
        parse(_text(ENTRY, earlier))


def test_not_toml() -> None:
    with pytest.raises(RegistryError, match=r"clauses\.toml"):
        parse("[[clause")


@pytest.mark.parametrize(
    ("checked", "message"),
    [
        ([], "no check names 'scale.formula'"),
        (["scale.formula"] * 2, "two checks name 'scale.formula'"),
        (["scale.formula", "scale.typo"], "'scale.typo', which is unknown"),
        (["scale.formula", "scale.later"], "'scale.later', which is excluded"),
    ],
)
def test_checks_and_clauses_match(checked: list[str], message: str) -> None:
    later = {**ENTRY, "id": "scale.later", "excluded": "next year"}
    del later["check"]
    with pytest.raises(RegistryError, match=message):
        match_checks(checked, parse(_text(ENTRY, later)))


def test_the_registry_is_sound() -> None:
    """Every clause has a check or an exclusion, every check names one clause."""
    match_checks([check.clause for check in all_checks()], clauses())
    assert {clause.claim for clause in clauses().values()} == set(CLAIMS)


def test_every_clause_is_judged_at_the_quick_budget() -> None:
    """None waits for the full budget: quick runs would be silent about it."""
    assert [check.clause for check in all_checks() if not list(check.cases("quick"))] == []


@pytest.mark.parametrize("budget", ["quick", "full"])
def test_case_ids_are_unique_and_plain(budget: str) -> None:
    ids = [case.id for check in all_checks() for case in check.cases(budget)]
    assert len(ids) == len(set(ids))
    odd = [name for name in ids if not (name.isascii() and name.isprintable()) or "::" in name]
    assert odd == [], "pytest and `reproduce IMPL::CASE` need plain ids"
