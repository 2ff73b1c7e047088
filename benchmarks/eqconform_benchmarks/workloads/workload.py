"""What a benchmark is: work of an implementation, and the limit that it is held against."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from eqconform import Implementation
from eqconform.judge.outcome import Violation
from eqconform_benchmarks.pairing import Work


def _nothing() -> None:
    """What verifies work whose conformance cases are as large as what is timed."""


@dataclass(frozen=True)
class Timed:
    """Two pieces of work, to be timed in turn.

    Attributes:
        verify: raises `Violation` where the candidate is wrong on the very tensors that are timed,
            or on what they become; quick.
        follow: the same, for a network: what was timed is given something else, and must follow.
    """

    candidate: Work
    limit: Work
    verify: Callable[[], None] = _nothing
    follow: Callable[[], object] = _nothing

    def objection(self) -> str:
        """Why the candidate is not to be timed, or ""."""
        return _said_of(self.verify)

    def objection_after(self) -> str:
        """Why what was timed does not count, or "": it answers from memory, say."""
        return _said_of(self.verify) or _said_of(self.follow)


def _said_of(check: Callable[[], object]) -> str:
    try:
        check()
    except Violation as wrong:
        return f"wrong on what is timed: {wrong}"
    return ""


@dataclass(frozen=True)
class Weighed:
    """Bytes at the peak: of the implementation's work, and of its limit."""

    candidate: int
    limit: int


@dataclass(frozen=True)
class Workload:
    """A benchmark of any implementation that claims and does what it relies on.

    Attributes:
        suite: one of `SUITES`.
        name: within the suite.
        limit: in words, what the ratio is a multiple of.
        needs: the contract methods that it calls.
        relies_on: patterns of the conformance cases, `clause/subject`, that an implementation must
            pass to be timed: how long a wrong answer takes is of no use to anybody. A case
            `equalize.vision/NAME` may name any of torchvision's networks.
        make: sets an implementation's work up on a device; not timed itself. What is weighed is
            weighed there and then.
        goal: ratio that the reference is to keep, or None.
        goal_seconds: time of one repetition that it is to keep, or None.
        quick: part of `eqconform bench --quick`.
        weighed: it counts bytes, and has no time that could be compared.
    """

    suite: str
    name: str
    limit: str
    needs: tuple[str, ...]
    relies_on: tuple[str, ...]
    make: Callable[[Implementation, torch.device], Timed | Weighed]
    goal: float | None = None
    goal_seconds: float | None = None
    quick: bool = False
    weighed: bool = False

    @property
    def id(self) -> str:
        """`suite/name`."""
        return f"{self.suite}/{self.name}"
