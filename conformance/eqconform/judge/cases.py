"""Checks and the cases that they make: which clause, on which subject, at which budget.

A check is a plain function `(implementation, subject) -> Evidence`; a case is a check with one
subject. Case ids are `clause/subject`, and stay the same from run to run.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from eqconform.contract import Implementation
from eqconform.judge.devices import HOME, placed
from eqconform.judge.guard import Guarded
from eqconform.judge.outcome import Broken, Evidence
from eqconform.judge.sketching import sketch_of
from eqconform.selection import Budget
from eqconform_models import Network

CheckFunction = Callable[[Guarded, Any], Evidence]

_CHECK_MODULES = (
    "observe",
    "observers",
    "columns",
    "scale",
    "invariance",
    "qparams",
    "configure",
    "choice",
    "equalize",
    "equalize_precision",
    "equalize_caller",
    "equalize_result",
    "equalize_buffers",
    "equalize_use",
    "equalize_modes",
    "equalize_ways",
    "equalize_parts",
    "equalize_refusals",
    "equalize_untraceable",
    "chain",
    "names",
    "quantize_levels",
    "quantize_layers",
    "quantize",
    "quantize_calibration",
    "quantize_networks",
    "quantize_wirings",
    "quantize_choice",
    "quantize_result",
    "quantize_use",
    "select_sqnr",
    "select_folded",
    "select_quantized",
    "select_layers",
    "distributed",
    "random_networks",
)


@dataclass(frozen=True)
class Check:
    """The test of one clause.

    Attributes:
        clause: its id in the registry.
        function: judges one subject.
        needs: the contract methods that it calls; an adapter without them does not claim it.
        subjects: name of each subject to the subject itself, at every budget.
        more: further subjects, at the full budget only.
        needs_formula: the check holds the implementation to its `formula`.
        from_file: further subjects that a file of the user's holds, or None.
    """

    clause: str
    function: CheckFunction
    needs: tuple[str, ...]
    subjects: Mapping[str, Any]
    more: Mapping[str, Any] = field(default_factory=dict)
    needs_formula: bool = False
    from_file: Callable[[Path], Mapping[str, Any]] | None = None

    def claimed_by(self, implementation: Implementation) -> bool:
        """Whether the implementation claims everything that the check calls."""
        if self.needs_formula and implementation.formula == "none":
            return False
        return all(implementation.claims(method) for method in self.needs)

    def cases(self, budget: Budget) -> Iterator["Case"]:
        """One case per subject of the budget."""
        subjects = {**self.subjects, **(self.more if budget == "full" else {})}
        for name, subject in subjects.items():
            yield Case(self, name, subject)


@dataclass(frozen=True)
class Case:
    """One check on one subject."""

    check: Check
    subject_name: str
    subject: Any

    @property
    def id(self) -> str:
        """`clause/subject`."""
        return f"{self.check.clause}/{self.subject_name}"

    @property
    def network(self) -> str | None:
        """Name of the network that is judged, where there is one."""
        name = getattr(self.subject, "name", None)
        return name if isinstance(name, str) else None

    def judge(self, implementation: Implementation, device: str = "cpu") -> Evidence:
        """What the check says of the implementation at work on a device.

        Raises:
            Violation, Vacuous, Raised, Unsupported: see `eqconform.judge.outcome`.
        """
        where = torch.device(device)
        subject = self.subject if where == HOME else placed(self.subject, where)
        guarded = Guarded(implementation, where)
        try:
            return self.check.function(guarded, subject)
        except Broken as verdict:
            verdict.sketch = sketch_of(guarded, network_of(subject))
            raise


def network_of(subject: object) -> Network | None:
    """The network that a check is given, alone or with something else; None where there is none."""
    parts = subject if isinstance(subject, tuple) else (subject,)
    return next((each for each in parts if isinstance(each, Network)), None)


_CHECKS: list[Check] = []


def check(  # noqa: PLR0913  each says one thing of the check
    clause: str,
    *,
    needs: tuple[str, ...],
    over: Mapping[str, Any] | None = None,
    full: Mapping[str, Any] | None = None,
    needs_formula: bool = False,
    from_file: Callable[[Path], Mapping[str, Any]] | None = None,
) -> Callable[[CheckFunction], CheckFunction]:
    """Register a function as the check of a clause.

    Args:
        clause: id in the registry; one check per clause.
        needs: the contract methods that it calls.
        over: subjects by name; a check with a single subject leaves it out and is given None.
        full: further subjects for the full budget.
        needs_formula: the check holds the implementation to its `formula`.
        from_file: see `Check`.
    """

    def register(function: CheckFunction) -> CheckFunction:
        subjects = {"only": None} if over is None else over
        known = Check(clause, function, needs, subjects, full or {}, needs_formula, from_file)
        _CHECKS.append(known)
        return function

    return register


def all_checks() -> list[Check]:
    """Every check of the suite, in the order of the claims."""
    for module in _CHECK_MODULES:
        import_module(f"eqconform.checks.{module}")
    return list(_CHECKS)


def cases(budget: Budget = "quick", clause_glob: str = "*") -> Iterator[Case]:
    """The cases of a budget whose clause matches the glob, in a fixed order."""
    for each in all_checks():
        if fnmatchcase(each.clause, clause_glob):
            yield from each.cases(budget)
