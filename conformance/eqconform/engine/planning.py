"""What a run will judge, found out in a process of its own.

The adapter is imported there for the first time: one that exits, crashes or hangs when it is
imported takes nothing else down. This side knows nothing of torch; `eqconform.engine.describe` is
the other.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

from eqconform.deviations.entries import Listed
from eqconform.registry import digest
from eqconform.results import Header
from eqconform.selection import Selection, UsageError

GROUP = "eqconform.implementations"
SEED = 0

LOAD_SECONDS = 180.0  # for an adapter to be imported: torch alone takes 2 to 10 s


class NotStarted(Exception):  # noqa: N818  an outcome: the adapter could not start
    """The adapter cannot be used; the message says which and why."""


class SuiteFault(Exception):  # noqa: N818  an outcome: the suite failed
    """The suite itself failed; the message is for its maintainers."""


@dataclass(frozen=True)
class PlannedCase:
    """A case that will be run; `deviation` is the place of the entry that lists it, or None."""

    id: str
    clause: str
    network: str | None
    summary: str | None
    deviation: int | None = None


@dataclass(frozen=True)
class Plan:
    """Who is judged, with what, on which cases.

    Attributes:
        implementation: spec, name, version, homepage, formula, claims.
        versions: of Python, torch and what else numbers depend on.
        cases: in the order of the registry.
        not_claimed: ids of the selected clauses that the implementation does not claim.
        catalogue: the subjects of every clause of the suite, at any budget, claimed or not.
        deviations: the entries that list some of the cases, where a file is gone by.
    """

    implementation: Mapping[str, Any]
    versions: Mapping[str, str]
    cases: tuple[PlannedCase, ...]
    not_claimed: tuple[str, ...]
    catalogue: Mapping[str, Sequence[str]] = field(default_factory=dict)
    deviations: Listed | None = None

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Plan":
        """The plan that `asdict` made `value` of, before any deviations were read."""
        cases = tuple(PlannedCase(**case) for case in value["cases"])
        not_claimed = tuple(value["not_claimed"])
        return cls(
            value["implementation"], value["versions"], cases, not_claimed, value["catalogue"]
        )


def registered() -> list[str]:
    """The names under which installed packages register implementations."""
    return sorted(point.name for point in entry_points(group=GROUP))


def make_plan(spec: str, selection: Selection) -> Plan:
    """The plan for an implementation, made in another process.

    Raises:
        NotStarted: the adapter could not be loaded.
        UsageError: the selected device or case does not exist.
        SuiteFault: the checks could not be listed.
    """
    with tempfile.TemporaryDirectory(prefix="eqconform-") as folder:
        answer = Path(folder, "plan.json")
        process = _ask(spec, selection, answer)
        if not answer.is_file():
            raise NotStarted(f"cannot load {spec!r}: {_last_words(process)}")
        return _understood(json.loads(answer.read_text(encoding="utf-8")))


def header(plan: Plan, selection: Selection) -> Header:
    """The first line of the result file."""
    return Header(
        suite=version("eqconform"),
        clauses=digest(),
        implementation=plan.implementation,
        versions=plan.versions,
        device=selection.device,
        seed=SEED,
        budget=selection.budget,
        selection={
            "claims": list(selection.claims),
            "clauses": list(selection.globs),
            "case": selection.case,
        },
        case_timeout=selection.timeout,
        memory=selection.memory,
        planned=len(plan.cases),
        not_claimed=plan.not_claimed,
        deviations=plan.deviations,
        started=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def _ask(spec: str, selection: Selection, answer: Path) -> "subprocess.CompletedProcess[str]":
    question = [spec, json.dumps(asdict(selection)), str(answer)]
    # With the path of this process, as xdist's workers have it: not the working folder first.
    path = f"import sys; sys.path[:] = {sys.path!r}"
    program = f"{path}; from eqconform.engine.describe import main; main()"
    try:
        return subprocess.run(  # noqa: S603  our own module, by our own interpreter
            [sys.executable, "-c", program, *question],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LOAD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotStarted(
            f"cannot load {spec!r}: importing it took more than {LOAD_SECONDS:g} s"
        ) from error


def _last_words(process: "subprocess.CompletedProcess[str]") -> str:
    """How the process ended that should have answered."""
    code = process.returncode
    end = f"was killed by signal {-code}" if code < 0 else f"ended with exit status {code}"
    lines = process.stderr.strip().splitlines()
    return f"the process that imported it {end}" + (f" ({lines[-1]})" if lines else "")


def _understood(answer: Mapping[str, Any]) -> Plan:
    if "plan" in answer:
        return Plan.from_json(answer["plan"])
    for key, error in (("not_started", NotStarted), ("usage", UsageError)):
        if key in answer:
            raise error(answer[key])
    raise SuiteFault(answer["suite_fault"])
