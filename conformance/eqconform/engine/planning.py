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
from threading import Thread
from typing import IO, Any

from eqconform.deviations.entries import Listed
from eqconform.engine.watching import Excerpt
from eqconform.registry import digest
from eqconform.results import Header, Shard
from eqconform.selection import Selection, UsageError

GROUP = "eqconform.implementations"
SEED = 0

_LAST_WORDS_SECONDS = 2.0  # for what the process printed to arrive, once it has ended
_CHUNK = 1 << 16  # bytes


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
        code, said = _ask(spec, selection, answer)
        if not answer.is_file():
            raise NotStarted(f"cannot load {spec!r}: {_last_words(code, said)}")
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


def _ask(spec: str, selection: Selection, answer: Path) -> tuple[int, str]:
    """The exit code of the process that answers, and what it printed to standard error.

    Of that only both ends are kept: an adapter may print without end.
    """
    question = [spec, json.dumps(asdict(selection)), str(answer)]
    # With the path of this process, as xdist's workers have it: not the working folder first.
    path = f"import sys; sys.path[:] = {sys.path!r}"
    program = f"{path}; from eqconform.engine.describe import main; main()"
    process = subprocess.Popen(  # noqa: S603  our own module, by our own interpreter
        [sys.executable, "-c", program, *question],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        bufsize=0,  # what there is, at once
    )
    said = Excerpt()
    # Its end is not waited for long: a child process may hold the pipe open.
    reader = Thread(target=_read, args=(process.stderr, said), daemon=True)
    reader.start()
    try:
        code = process.wait(selection.load_timeout)
    except subprocess.TimeoutExpired as error:
        raise NotStarted(
            f"cannot load {spec!r}: importing it took more than {selection.load_timeout:g} s; "
            "where the machine is busy, a larger --case-timeout gives it as long as a case"
        ) from error
    finally:
        process.kill()
        reader.join(_LAST_WORDS_SECONDS)
    return code, str(said)


def _read(stream: IO[bytes], said: Excerpt) -> None:
    with stream:
        while data := stream.read(_CHUNK):
            said.add(data)


def _last_words(code: int, said: str) -> str:
    """How the process ended that should have answered."""
    end = f"was killed by signal {-code}" if code < 0 else f"ended with exit status {code}"
    lines = said.strip().splitlines()
    return f"the process that imported it {end}" + (f" ({lines[-1]})" if lines else "")


def _understood(answer: Mapping[str, Any]) -> Plan:
    if "plan" in answer:
        return Plan.from_json(answer["plan"])
    for key, error in (("not_started", NotStarted), ("usage", UsageError)):
        if key in answer:
            raise error(answer[key])
    raise SuiteFault(answer["suite_fault"])
