"""What a run will judge, found out in a process of its own.

The adapter is imported there for the first time, see `eqconform.engine.asking`. This side knows
nothing of torch; `eqconform.engine.describe` is the other.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from eqconform.deviations.entries import Listed
from eqconform.engine.asking import ask
from eqconform.registry import digest
from eqconform.results import Header, Shard
from eqconform.selection import LOADS_PER_CASE, Selection, UsageError
from eqconform.specs import why_unknown

SEED = 0


class NotStarted(Exception):  # noqa: N818  an outcome: the adapter could not start
    """The adapter cannot be used; the message says which and why."""


class SuiteFault(Exception):  # noqa: N818  an outcome: the suite failed
    """The suite itself failed; the message is for its maintainers."""


@dataclass(frozen=True)
class PlannedCase:
    """A case that will be run.

    `portrait` is what it is judged on in full, of a case that is run alone; `deviation` is the
    place of the entry that lists it, or None.
    """

    id: str
    clause: str
    network: str | None
    summary: str | None
    portrait: str = ""
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
        selected: number of cases of all shards; that of `cases` where there are none.
    """

    implementation: Mapping[str, Any]
    versions: Mapping[str, str]
    cases: tuple[PlannedCase, ...]
    not_claimed: tuple[str, ...]
    catalogue: Mapping[str, Sequence[str]] = field(default_factory=dict)
    deviations: Listed | None = None
    selected: int = 0

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Plan":
        """The plan that `asdict` made `value` of, before any deviations were read."""
        return cls(
            value["implementation"],
            value["versions"],
            tuple(PlannedCase(**case) for case in value["cases"]),
            tuple(value["not_claimed"]),
            value["catalogue"],
            selected=value["selected"],
        )


def make_plan(spec: str, selection: Selection) -> Plan:
    """The plan for an implementation, made in another process.

    Raises:
        NotStarted: the adapter could not be loaded.
        UsageError: the selected device or case does not exist.
        SuiteFault: the checks could not be listed.
    """
    if reason := why_unknown(spec):
        raise NotStarted(f"cannot load {spec!r}: {reason}")
    with tempfile.TemporaryDirectory(prefix="eqconform-") as folder:
        answer = Path(folder, "plan.json")
        question = [spec, json.dumps(asdict(selection)), str(answer)]
        ended = ask("main", question, selection.load_timeout)
        if not answer.is_file():
            raise NotStarted(f"cannot load {spec!r}: {ended or _took_too_long(selection)}")
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
        shard=_shard(plan, selection),
        started=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def _shard(plan: Plan, selection: Selection) -> Shard | None:
    numbers = selection.shard_numbers
    return None if numbers is None else Shard(*numbers, planned=plan.selected)


def _took_too_long(selection: Selection) -> str:
    """What to do about it: the machine may be to blame."""
    more = 2 * max(selection.timeout, selection.load_timeout / LOADS_PER_CASE)
    allowed = replace(selection, case_timeout=more).load_timeout
    return (
        f"importing it took more than {selection.load_timeout:g} s; "
        f"where the machine is busy, --case-timeout {more:g} allows for {allowed:g} s"
    )


def _understood(answer: Mapping[str, Any]) -> Plan:
    if "plan" in answer:
        return Plan.from_json(answer["plan"])
    for key, error in (("not_started", NotStarted), ("usage", UsageError)):
        if key in answer:
            raise error(answer[key])
    raise SuiteFault(answer["suite_fault"])
