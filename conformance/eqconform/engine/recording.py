"""The half of the pytest plugin that records: the process that survives the workers.

Turns pytest's reports into lines of the result file. Knows nothing of torch.
"""

import shlex
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from eqconform.engine.course import Course
from eqconform.engine.planning import Plan, PlannedCase
from eqconform.engine.watching import Workplace, end_group
from eqconform.registry import clauses
from eqconform.results import CaseResult, Run, Writer
from eqconform.selection import Selection
from eqconform.sketches import Sketch
from eqconform.verdict import is_conformant

PROPERTY = "eqconform"  # of a test: its outcome
SCRATCH = "eqconform-scratch"  # of a worker's input: the folder it shares with the recorder

# After so many timeouts in one claim its other cases are not run, for each costs a time limit;
# nor after so many crashes, where they are the greater part: each costs a new worker, which
# takes two to three seconds to import torch.
_MOST_TIMEOUTS = 5
_MOST_CRASHES = 50

_OUTPUT_KEPT = 1000  # characters at each end of what a case printed

_DIED = "???"  # what xdist calls the phase of a report on a case whose worker died
_STILLBORN = 3  # workers in a row that died before their first case


def given_up_marker(scratch: Path, claim: str) -> Path:
    """The file that tells workers to run no more cases of a claim."""
    return scratch / f"{claim}.given-up"


class Recorder:
    """Writes the outcome of every case, in the order in which they end.

    Args:
        plan: the cases to expect.
        selection: what was asked for.
        writer: of the result file.
        workplace: what is shared with the workers.
        course: is told when cases begin and end.

    Attributes:
        results: by case id.
        tracebacks: of the implementation's errors, by case id.
        divergences: where equalized networks leave the untouched ones, by case id.
        printed: what cases printed, by case id, where they did.
        failure: why the run cannot go on; empty while it can.
    """

    def __init__(
        self,
        plan: Plan,
        selection: Selection,
        writer: Writer,
        workplace: Workplace,
        course: Course | None = None,
    ) -> None:
        self.results: dict[str, CaseResult] = {}
        self.tracebacks: dict[str, str] = {}
        self.divergences: dict[str, str] = {}
        self.printed: dict[str, str] = {}
        self.failure = ""
        self._planned = {case.id: case for case in plan.cases}
        self._plan = plan
        self._selection = selection
        self._writer = writer
        self._scratch = workplace.scratch
        self._watch = workplace.watch
        self._course = course or Course(len(plan.cases))
        self._begun = time.monotonic()
        self._started: dict[str, float] = {}
        self._ended: Counter[tuple[str, str]] = Counter()  # (claim, status)
        self._stillborn = 0

    @property
    def progress(self) -> str:
        """How far the run has come, in words."""
        return f"{len(self.results)} of {len(self._planned)} cases"

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note when a case began, wherever it runs."""
        self._stillborn = 0
        case = _case_id(nodeid)
        self._started[case] = time.monotonic()
        self._course.begins(case)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the case that the report tells of, once."""
        self._stillborn -= str(report.when) == _DIED
        case = self._planned.get(_case_id(report.nodeid))
        if case is None or case.id in self.results:
            return
        outcome = dict(report.user_properties).get(PROPERTY)
        if not isinstance(outcome, dict) and not report.failed:
            return
        self._note_printed(case, report)
        if isinstance(outcome, dict):
            self._record(case, outcome)
        elif str(report.when) == _DIED:
            self._record(case, self._death(case, report))
        else:
            self._record(case, self._strayed(case, report))

    @pytest.hookimpl(optionalhook=True)  # xdist's
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a new worker where the scratch folder is.

        xdist may send cases to a worker before it learns that the worker has died, and ends the
        session when that fails. Those cases are handed to others as soon as it does learn.
        """
        node.workerinput[SCRATCH] = str(self._scratch)
        if self._watch is not None:
            node.workerinput.update(self._watch.admit(node.gateway.id))
        node.send_runtest_some = partial(_sent_if_alive, node.send_runtest_some)

    @pytest.hookimpl(optionalhook=True)  # xdist's
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Stop when workers die before they have run anything: the next one would as well.

        A worker that dies in a case is reported with that case right afterwards. What it leaves
        running ends with it.
        """
        if error is not None:
            end_group(self._scratch, node.gateway.id)
        if self._watch is not None:
            self._watch.dismiss(node.gateway.id)
        self._stillborn += error is not None
        if self._stillborn >= _STILLBORN:
            self.failure = f"worker processes end before their first case ({error})"
            pytest.exit(f"{node.gateway.id}: {self.failure}")

    def finish(self) -> Run:
        """Enter the cases that were never run, and complete the file."""
        for case in self._planned.values():
            if case.id not in self.results:
                self._record(case, {"status": "not-run", "message": "the run ended before it"})
        conformant = is_conformant(
            self.results.values(),
            partial=self._selection.partial,
            shard=self._selection.shard is not None and self._plan.selected > 0,
        )
        seconds = time.monotonic() - self._begun
        return self._writer.footer(seconds=seconds, conformant=conformant)

    def _record(self, case: PlannedCase, outcome: Mapping[str, Any]) -> None:
        clause = clauses()[case.clause]
        sketch = outcome.get("sketch")
        result = CaseResult(
            id=case.id,
            clause=clause.id,
            claim=clause.claim,
            level=clause.level,
            network=case.network,
            reproduce=self._reproduce(case),
            deviation=case.deviation,
            output=self._output(case, outcome["status"]),
            **{name: outcome.get(name) for name in _MEASURED},
            status=outcome["status"],
            seconds=outcome.get("seconds") or 0.0,
            suite_fault=bool(outcome.get("suite_fault")),
            sketch=None if sketch is None else Sketch.from_json(sketch),
            script=outcome.get("script"),
        )
        self.results[case.id] = result
        if outcome.get("traceback"):
            self.tracebacks[case.id] = outcome["traceback"]
        if outcome.get("divergence"):
            self.divergences[case.id] = outcome["divergence"]
        self._writer.case(result)
        self._ended[result.claim, result.status] += 1
        self._lose_patience(result.claim)
        self._course.ends(result)

    def _note_printed(self, case: PlannedCase, report: pytest.TestReport) -> None:
        node = getattr(report, "node", None)
        if self._watch is not None and node is not None:
            printed = self._watch.take(node.gateway.id, case.id)
            if printed.strip():
                self.printed[case.id] = printed

    def _output(self, case: PlannedCase, status: str) -> str | None:
        """What the result file keeps of what a case printed: both ends, unless it passed."""
        printed = self.printed.get(case.id)
        if printed is None or status == "pass":
            return None
        if len(printed) <= 2 * _OUTPUT_KEPT:
            return printed
        return f"{printed[:_OUTPUT_KEPT]}\n…\n{printed[-_OUTPUT_KEPT:]}"

    def _death(self, case: PlannedCase, report: pytest.TestReport) -> dict[str, Any]:
        """The outcome of a case whose worker died."""
        elapsed = time.monotonic() - self._started.get(case.id, time.monotonic())
        where = _last_traceback(self._scratch, report)
        if elapsed >= self._selection.timeout:
            message = (
                f"no result within {self._selection.timeout:g} s, and could not be interrupted"
            )
            return {"status": "timeout", "seconds": elapsed, "message": message, "traceback": where}
        last = where.partition("\n")[0]
        cause = last or "it ended without a word (os._exit, a kill, out of memory)"
        message = f"the process died: {cause}"
        return {"status": "crash", "seconds": elapsed, "message": message, "traceback": where}

    def _strayed(self, case: PlannedCase, report: pytest.TestReport) -> dict[str, Any]:
        """The outcome of a test that failed outside the judge: its time limit, or the suite."""
        elapsed = time.monotonic() - self._started.get(case.id, time.monotonic())
        if elapsed >= self._selection.timeout:
            message = f"no result within {self._selection.timeout:g} s"
            return {"status": "timeout", "seconds": elapsed, "message": message}
        message = f"the test failed in {report.when}: {report.longreprtext[-500:]}"
        return {"status": "error", "message": message, "suite_fault": True}

    def _lose_patience(self, claim: str) -> None:
        """Tell the workers to leave a claim alone that costs too much."""
        timeouts, crashes = self._ended[claim, "timeout"], self._ended[claim, "crash"]
        ended = sum(count for (of, _), count in self._ended.items() if of == claim)
        if timeouts >= _MOST_TIMEOUTS or (crashes >= _MOST_CRASHES and 2 * crashes > ended):
            given_up_marker(self._scratch, claim).touch()

    def _reproduce(self, case: PlannedCase) -> str:
        target = shlex.quote(f"{self._plan.implementation['spec']}::{case.id}")
        device = "" if self._selection.device == "cpu" else f" --device {self._selection.device}"
        file = self._selection.pinned
        pinned = f" --pinned {shlex.quote(file)}" if file and "/pinned-" in case.id else ""
        return f"eqconform reproduce {target}{device}{pinned}"


_MEASURED = ("expected", "observed", "error", "tolerance", "message")


def _sent_if_alive(send: Callable[[list[int]], None], indices: list[int]) -> None:
    with suppress(OSError):
        send(indices)


def _case_id(nodeid: str) -> str:
    """The case id between the brackets of a node id."""
    return nodeid.partition("[")[2].removesuffix("]")


def _last_traceback(scratch: Path, report: pytest.TestReport) -> str:
    """What faulthandler wrote in the worker that died, if anything."""
    node = getattr(report, "node", None)
    if node is None:
        return ""
    log = scratch / f"{node.gateway.id}.fault"
    return log.read_text(encoding="utf-8", errors="replace").strip() if log.is_file() else ""
