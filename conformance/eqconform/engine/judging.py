"""The half of the pytest plugin that judges: in an xdist worker, or in a session without xdist.

Each case's outcome travels in `report.user_properties`, so that it reaches the recorder
wherever that is.
"""

import faulthandler
import os
import signal
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TextIO

import hypothesis
import pytest
import torch
from hypothesis.configuration import set_hypothesis_home_dir

from eqconform.contract import Implementation
from eqconform.engine.capture import Capture, captured
from eqconform.engine.describe import require_device, selected_cases
from eqconform.engine.execution import Outcome, diverged, execute
from eqconform.engine.integrity import Integrity, load_intact
from eqconform.engine.leftovers import Leftovers
from eqconform.engine.memory import MemoryLimit
from eqconform.engine.planning import Plan
from eqconform.engine.recording import PROPERTY, SCRATCH, given_up_marker
from eqconform.engine.watching import PIPE, SECRET, end_group, lead_group
from eqconform.judge.cases import Case
from eqconform.registry import clauses
from eqconform.selection import Selection

# Time limits of the plan's process, in which it was imported before; here the clock runs on while
# others have the processor.
_LOADS = 3.0
_GRACE_SECONDS = 3.0  # after the time limit, for Python to be interrupted


@dataclass(frozen=True)
class Worker:
    """What an xdist worker has, and a session without xdist has not: it may end.

    Attributes:
        scratch: folder shared with the recorder.
        name: the xdist id.
        faults: where the process leaves its last traceback, should it die.
        capture: of what cases print; None where pytest's own is at work.
    """

    scratch: Path
    name: str
    faults: TextIO
    capture: Capture | None


class Judge:
    """Makes one test per case and judges it.

    Args:
        implementation: whom to judge.
        selection: on what.
        integrity: what judging relies on, as it was before the implementation was imported.
        worker: what this process has as an xdist worker; None without xdist.
        memory: the limit that was set for this process, if any.
    """

    def __init__(
        self,
        implementation: Implementation,
        selection: Selection,
        integrity: Integrity,
        worker: Worker | None = None,
        memory: MemoryLimit | None = None,
    ) -> None:
        self.implementation = implementation
        self.selection = selection
        self.cases = selected_cases(implementation, selection)
        self._integrity = integrity
        self._worker = worker
        self._memory = memory
        self._started = 0.0
        self._is_spent = False
        self._known: dict[str, str] = {}

    def know(self, plan: Plan) -> None:
        """Take note of the cases that are known to fail, for what pytest says of them."""
        if plan.deviations is not None:
            entries = plan.deviations.entries
            self._known = {
                case.id: entries[case.deviation].reason
                for case in plan.cases
                if case.deviation is not None
            }

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test per case, with the case's id for its own."""
        if "eqconform_case" in metafunc.fixturenames:
            ids = [case.id for case in self.cases]
            metafunc.parametrize("eqconform_case", self.cases, ids=ids)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Give every case its time limit, for the method that the platform has."""
        method = "signal" if hasattr(signal, "SIGALRM") else "thread"
        for item in items:
            if "eqconform_case" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.timeout(self.selection.timeout, method=method))

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, None, None]:
        """Start the clock no later than pytest-timeout starts its own."""
        self._started = time.perf_counter()
        yield

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self) -> None:
        """End a worker that is not fit for another case; its answer has been sent by now.

        xdist starts another in its place.
        """
        if self._worker is not None and self._is_spent:
            end_group(self._worker.scratch, self._worker.name)
            os._exit(1)

    @pytest.fixture
    def eqconform_judge(self, request: pytest.FixtureRequest) -> Callable[[Case], None]:
        """Judges a case; what comes of it is left in the test's properties."""

        def judge(case: Case) -> None:
            outcome = self.given_up(case) or self._executed(case)
            request.node.user_properties.append((PROPERTY, asdict(outcome)))
            level = clauses()[case.check.clause].level
            _tell_pytest(level, outcome, self._known.get(case.id))

        return judge

    def _executed(self, case: Case) -> Outcome:
        running = Leftovers()
        with self._watched(case):
            outcome = execute(
                case,
                self.implementation,
                self.selection.device,
                integrity=self._integrity,
                owns_process=self._worker is not None,
            )
            if outcome.status == "fail" and self.selection.case is not None:
                divergence = diverged(case, self.implementation, self.selection.device)
                outcome = replace(outcome, divergence=divergence)
        if time.perf_counter() - self._started >= self.selection.timeout:
            # Whatever came back: the time limit interrupted it, or was swallowed on its way.
            message = f"no result within {self.selection.timeout:g} s"
            outcome = Outcome(
                "timeout", outcome.seconds, message=message, traceback=outcome.traceback
            )
        # Not fit for another case: changed, interrupted who knows where, with something left
        # running, or short of memory.
        self._is_spent = (
            outcome.status in ("crash", "timeout")
            or running.found()
            or (self._memory is not None and self._memory.is_half_gone())
        )
        return outcome

    @contextmanager
    def _watched(self, case: Case) -> Iterator[None]:
        """Catch what the case prints, and end the process with a case that cannot be interrupted.

        Only where a recorder survives it.
        """
        if self._worker is None:
            yield
            return
        limit = self.selection.timeout + _GRACE_SECONDS
        with _ended_after(limit, self._worker.faults), captured(self._worker.capture, case.id):
            yield

    def given_up(self, case: Case) -> Outcome | None:
        """The outcome of a case whose claim the recorder has lost patience with, else None."""
        claim = clauses()[case.check.clause].claim
        if self._worker is None or not given_up_marker(self._worker.scratch, claim).exists():
            return None
        return Outcome("not-run", message=f"too many cases of {claim} had crashed or timed out")


def make_judge(spec: str, selection: Selection, worker: Worker | None = None) -> Judge:
    """A judge, in a process that is set up for judging.

    Raises:
        LoadError: the adapter cannot be used.
        RegistryError: registry and checks do not match.
        UsageError: the selected device or case does not exist.
    """
    torch.set_num_threads(1)
    torch.backends.cudnn.allow_tf32 = False  # tolerances are those of float32
    _pin_hypothesis()
    if worker is not None:
        set_hypothesis_home_dir(worker.scratch / "hypothesis")
    require_device(selection.device)
    if worker is None:
        implementation, integrity = load_intact(spec)
        return Judge(implementation, selection, integrity)
    # Ctrl-C is for the controller, whose business it is to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lead_group(worker.scratch, worker.name)
    with _ended_after(_LOADS * selection.load_timeout, worker.faults):
        implementation, integrity = load_intact(spec)
    limit = MemoryLimit(selection.memory) if selection.memory is not None else None
    return Judge(implementation, selection, integrity, worker, limit)


def make_worker(given: Mapping[str, str]) -> Worker:
    """What this process has as an xdist worker.

    Args:
        given: the input of the worker, to which the recorder has added its own.
    """
    scratch, name = Path(given[SCRATCH]), given["workerid"]
    faults = (scratch / f"{name}.fault").open("w", encoding="utf-8")
    faulthandler.enable(faults)
    capture = Capture(Path(given[PIPE]), given[SECRET]) if PIPE in given else None
    return Worker(scratch, name, faults, capture)


def _pin_hypothesis() -> None:
    """The same examples every time, however slow the machine."""
    hypothesis.settings.register_profile(
        "eqconform",
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.settings.load_profile("eqconform")


@contextmanager
def _ended_after(seconds: float, faults: TextIO) -> Iterator[None]:
    """End the process when what is inside takes longer.

    A hang in C can not be interrupted from Python, and this needs no Python.
    """
    faulthandler.dump_traceback_later(seconds, exit=True, file=faults)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _tell_pytest(level: str, outcome: Outcome, known: str | None) -> None:
    """Pass, skip, or fail: pytest's words for the outcome.

    A failure below MUST, or one that is known, is an expected one: it is shown, and does not
    fail the session.
    """
    if outcome.status == "pass":
        return
    text = _in_words(outcome)
    if outcome.status in ("unsupported", "vacuous", "not-run"):
        pytest.skip(text)
    if (level != "MUST" or known) and not outcome.suite_fault:
        pytest.xfail(f"{known}\n\n{text}" if known else text)
    pytest.fail(text, pytrace=False)


def _in_words(outcome: Outcome) -> str:
    parts = [outcome.status]
    if outcome.expected is not None:
        parts.append(f"expected {outcome.expected}; observed {outcome.observed}")
    if outcome.error is not None:
        parts.append(f"error {outcome.error:.3g}, tolerance {outcome.tolerance}")
    text = ": ".join(filter(None, [*parts, outcome.message]))
    return f"{text}\n\n{outcome.traceback}" if outcome.traceback else text
