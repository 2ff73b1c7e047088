"""How far a run has come, and what it is at, for whoever shows it meanwhile."""

import time

from eqconform.results import CaseResult
from eqconform.verdict import BROKEN


class Course:
    """The cases of a run that have ended, and those that are running.

    One thread tells of cases, and another may ask at any moment.

    Args:
        total: number of cases.

    Attributes:
        done: how many have ended.
        broken: how many of them broke their clauses.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = self.broken = 0
        self._running: dict[str, float] = {}  # since when, by case id

    def begins(self, case: str) -> None:
        """A worker has begun with the case."""
        self._running[case] = time.monotonic()

    def ends(self, result: CaseResult) -> None:
        """The case has ended, and this came of it."""
        self._running.pop(result.id, None)
        self.done += 1
        self.broken += result.status in BROKEN

    def now(self) -> str:
        """What the run is at: the case that has been running for longest, or else the phase."""
        running = list(self._running.items())  # in one step, whatever the other thread does
        if not running:
            return "starting workers" if self.done < self.total else "closing"
        case, since = min(running, key=lambda each: each[1])
        others = f" and {len(running) - 1} more" if len(running) > 1 else ""
        return f"{case} ({time.monotonic() - since:.0f} s){others}"
