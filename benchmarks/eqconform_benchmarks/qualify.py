"""Who may be timed: only an implementation that does what a benchmark relies on.

PyTorch's conversion of ResNet-18 is fast and wrong; a table that shows the first alone misleads.
The cases are judged by the suite's own engine, once per session.
"""

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import cache

from eqconform import Implementation
from eqconform.engine.execution import execute
from eqconform.engine.integrity import Integrity, in_words
from eqconform.judge.cases import Case, all_checks
from eqconform.judge.cases import cases as cases_of
from eqconform_benchmarks.workloads import Workload
from eqconform_models.vision import vision_network

_VISION = "equalize.vision"


def _nothing(_: str) -> None:
    """Who is told nothing."""


class Gate:
    """Judges an implementation on what benchmarks rely on.

    Args:
        implementation: whom.
        device: "cpu" or "cuda".
        tell: called with what is being judged.
    """

    def __init__(
        self,
        implementation: Implementation,
        device: str = "cpu",
        tell: Callable[[str], None] = _nothing,
    ) -> None:
        self._implementation = implementation
        self._device = device
        self._tell = tell
        self._integrity = Integrity()
        self._objections = cache(self._objection)

    def objection(self, workload: Workload) -> str:
        """Why the implementation is not timed: the method or the case that it lacks; or ""."""
        for method in workload.needs:
            if not self._implementation.claims(method):
                return f"does not claim {method}"
        found = (self._objections(pattern) for pattern in workload.relies_on)
        return next((objection for objection in found if objection), "")

    def restored(self) -> str:
        """What the implementation replaced since it was judged, now put back, in words; or ""."""
        replaced = self._integrity.restore()
        return f"timing it changed {in_words(replaced)}" if replaced else ""

    def _objection(self, pattern: str) -> str:
        self._tell(f"judging {self._implementation.name} on {pattern}")
        judged = list(_cases(pattern))
        for case in judged:
            if not case.check.claimed_by(self._implementation):
                return f"does not claim {case.check.clause}"
            outcome = execute(
                case,
                self._implementation,
                self._device,
                integrity=self._integrity,
                owns_process=False,
            )
            if outcome.status != "pass":
                return f"{outcome.status} {case.id}"
        if not judged:
            raise ValueError(
                f"no conformance case matches {pattern!r}; see the workload's relies_on"
            )
        return ""


def _cases(pattern: str) -> Iterator[Case]:
    clause, _, subject = pattern.partition("/")
    if clause == _VISION:
        # The catalogue has ten of torchvision's networks; the check judges any.
        check = next(each for each in all_checks() if each.clause == _VISION)
        yield Case(check, subject, vision_network(subject))
        return
    for case in cases_of("quick", clause):
        if fnmatchcase(case.subject_name, subject):
            yield case
