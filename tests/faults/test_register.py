"""The register of faults is as broad as it claims to be."""

from collections import Counter

from test_faults import CHECKS, FAULTS


def test_there_are_many_ways_to_be_wrong() -> None:
    assert len({wrong for wrong, _, _ in FAULTS}) >= 60


def test_every_clause_with_a_check_is_named_to_catch_some_fault() -> None:
    assert {clause for _, clause, _ in FAULTS} == set(CHECKS)


def test_every_fault_has_a_name_of_its_own() -> None:
    modules = Counter((wrong.__module__, wrong.__name__) for wrong in {w for w, _, _ in FAULTS})
    assert max(modules.values()) == 1
