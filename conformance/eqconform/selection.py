"""What of the suite a run is about: claims, clauses, budget, device, patience.

Knows nothing of torch, so that a slip of the pen is answered at once.
"""

import difflib
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

from eqconform.registry import CLAIMS, Clause, clauses

Budget = Literal["quick", "full"]
BUDGETS: tuple[Budget, ...] = get_args(Budget)
DEVICES = ("cpu", "cuda")

# Seconds until a case counts as hung: some ten times what the slowest takes on two cores.
_CASE_TIMEOUT = {"quick": 60.0, "full": 120.0}
LOAD_SECONDS = 180.0  # for an adapter to be imported: torch alone takes 2 to 10 s
LOADS_PER_CASE = 3.0  # the same in time limits of a case, where that is longer than usual
_LONGEST_TIMEOUT = 1e6  # seconds, eleven days; the timers of the platform take not much more
_MOST_MEMORY = 1e6  # gigabytes; more is a slip
MOST_SHARDS = 9999  # more is a slip, too: no suite has as many cases for each to be one


class UsageError(Exception):
    """What was asked for does not exist; the message says what does."""


@dataclass(frozen=True)
class Selection:
    """The part of the suite that is to be run.

    Attributes:
        claims: the claims to judge; empty for all.
        globs: patterns of the clauses to judge; empty for all.
        case: the id of the one case to judge, or None for all.
        budget: "quick" or "full".
        device: "cpu" or "cuda".
        case_timeout: seconds that a case may take; None for the budget's default.
        pinned: file of networks that are judged besides those that ship, or None.
        memory: gigabytes that a worker may take beyond what it begins with; None for no limit.
        shard: "2/3" for the second of three parts of the cases, or None for all of them.
    """

    claims: tuple[str, ...] = ()
    globs: tuple[str, ...] = ()
    case: str | None = None
    budget: Budget = "quick"
    device: str = "cpu"
    case_timeout: float | None = None
    pinned: str | None = None
    memory: float | None = None
    shard: str | None = None

    @classmethod
    def from_json(cls, text: str) -> "Selection":
        """The selection that was written as JSON, tuples as lists."""
        values: dict[str, Any] = json.loads(text)
        values.update({key: tuple(values[key]) for key in ("claims", "globs")})
        return cls(**values)

    @property
    def timeout(self) -> float:
        """Seconds that a case may take."""
        return _CASE_TIMEOUT[self.budget] if self.case_timeout is None else self.case_timeout

    @property
    def load_timeout(self) -> float:
        """Seconds that importing the implementation may take.

        Who gives a case more time has a slow machine, on which imports are slow as well.
        """
        return max(LOAD_SECONDS, LOADS_PER_CASE * self.timeout)

    @property
    def partial(self) -> bool:
        """Whether clauses were left out by choice."""
        return bool(self.claims or self.globs or self.case)

    @property
    def shard_numbers(self) -> tuple[int, int] | None:
        """Which part of how many, or None for all of the cases."""
        if self.shard is None:
            return None
        index, _, count = self.shard.partition("/")
        return int(index), int(count)

    def takes(self, case_id: str) -> bool:
        """Whether the case is in the shard: by its id alone, so that every machine agrees."""
        if (numbers := self.shard_numbers) is None:
            return True
        index, count = numbers
        value = int.from_bytes(hashlib.sha256(case_id.encode()).digest()[:8], "big")
        return value % count == index - 1

    def includes(self, clause: Clause) -> bool:
        """Whether the clause is to be judged, for all that claims and patterns say."""
        if self.case is not None and self.case.partition("/")[0] != clause.id:
            return False
        if self.claims and clause.claim not in self.claims:
            return False
        return not self.globs or any(fnmatchcase(clause.id, glob) for glob in self.globs)


def validated(selection: Selection) -> Selection:
    """The selection, if everything that it names exists.

    Raises:
        UsageError: a claim, pattern, budget, device or limit that means nothing.
    """
    _require_known("claim", selection.claims, CLAIMS)
    _require_known("budget", [selection.budget], BUDGETS)
    _require_known("device", [selection.device], DEVICES)
    for glob in selection.globs:
        _require_match(glob)
    if selection.case is not None:
        _require_known("clause", [selection.case.partition("/")[0]], list(clauses()))
    if not 0 < selection.timeout <= _LONGEST_TIMEOUT:
        raise UsageError(
            f"a case timeout of {selection.timeout:g} s is no time limit; "
            f"give more than 0 and at most {_LONGEST_TIMEOUT:g} s"
        )
    if selection.memory is not None:
        _require_limitable(selection.memory)
    if selection.shard is not None:
        _require_shard(selection.shard)
    _require_judged(selection)
    return selection


def near(name: str, known: Iterable[str]) -> str:
    """A hint at what may have been meant; empty where nothing is close."""
    found = difflib.get_close_matches(name, list(known), n=3)
    return f" Did you mean {' or '.join(found)}?" if found else ""


def _require_known(kind: str, names: Iterable[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            among = f" Known are {', '.join(known)}." if len(known) <= len(CLAIMS) else ""
            raise UsageError(f"no {kind} is called {name!r}.{near(name, known) or among}")


def _require_match(glob: str) -> None:
    if not any(fnmatchcase(clause, glob) for clause in clauses()):
        if glob in CLAIMS:
            hint = f" It is a claim: --claim {glob}, or --clause '{glob}.*'."
        else:
            hint = near(glob, clauses()) or " `eqconform spec` lists them."
        raise UsageError(f"no clause matches {glob!r}.{hint}")


def _require_limitable(gigabytes: float) -> None:
    if sys.platform != "linux":
        raise UsageError(f"memory cannot be limited on {sys.platform}; leave --memory out")
    if not 0 < gigabytes <= _MOST_MEMORY:
        raise UsageError(
            f"a memory limit of {gigabytes:g} GB is none; "
            f"give more than 0 and at most {_MOST_MEMORY:g} GB"
        )


def _require_shard(shard: str) -> None:
    found = re.fullmatch(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,8})", shard)
    if found is None or not int(found[1]) <= int(found[2]) <= MOST_SHARDS:
        raise UsageError(f"{shard!r} is no shard; give I/N, as in 2/3 for the second of three")


def _require_judged(selection: Selection) -> None:
    """Something selected must have a check: nothing checked is no verdict."""
    chosen = [clause for clause in clauses().values() if selection.includes(clause)]
    if not chosen:
        raise UsageError("no clause is in both the claims and the clauses that were given.")
    if all(clause.excluded for clause in chosen):
        reasons = "; ".join(f"{clause.id} ({clause.excluded})" for clause in chosen[:3])
        raise UsageError(f"only clauses that are not judged yet were selected: {reasons}")
