"""The one test of the suite, made once per case; `eqconform.plugin` supplies both arguments."""

from collections.abc import Callable

from eqconform.judge.cases import Case


def test_clause(eqconform_case: Case, eqconform_judge: Callable[[Case], None]) -> None:
    """The implementation does what the clause says of this subject."""
    eqconform_judge(eqconform_case)
