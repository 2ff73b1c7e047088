"""Where wrong implementations are registered: each with the clause that must find it out."""

import re
from collections import defaultdict
from typing import TypeAlias

from eqconform import Implementation

Fault: TypeAlias = type[Implementation]

FAULTS: list[tuple[Fault, str, str]] = []
"""(class, clause, glob of the subjects): every matching case at the quick budget must fail."""


def caught_by(clause, subject="*"):  # noqa: ANN001, ANN201  a decorator
    """Register a wrong implementation, and the clause that finds it out."""

    def register(implementation):  # noqa: ANN001, ANN202  as above
        FAULTS.append((implementation, clause, subject))
        return implementation

    return register


def named_catchers() -> dict[Fault, tuple[str, ...]]:
    """The clauses that must catch each fault, in the order of the register."""
    found: dict[Fault, dict[str, None]] = defaultdict(dict)
    for fault, clause, _ in FAULTS:
        found[fault][clause] = None
    return {fault: tuple(sorted(clauses)) for fault, clauses in found.items()}


def described(fault: Fault) -> str:
    """What a fault does: the first line of its own docstring, or its name in words."""
    own = vars(fault).get("__doc__")
    if own:
        return str(own).split("\n")[0].rstrip(".")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", fault.__name__).capitalize()
