"""Where wrong implementations are registered: each with the clause that must find it out."""

from eqconform import Implementation

FAULTS: list[tuple[type[Implementation], str, str]] = []
"""(class, clause, glob of the subjects): every matching case at the quick budget must fail."""


def caught_by(clause, subject="*"):  # noqa: ANN001, ANN201  a decorator
    """Register a wrong implementation, and the clause that finds it out."""

    def register(implementation):  # noqa: ANN001, ANN202  as above
        FAULTS.append((implementation, clause, subject))
        return implementation

    return register
