"""A benchmark session: the pytest plugin under `eqconform bench`.

It makes one test per implementation and workload, stores with each result what it depends on, and
prints the table. Sessions are driven by `eqconform_benchmarks.running`, never autoloaded.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import pytest
import torch

from eqconform import Implementation
from eqconform.judge.outcome import said
from eqconform_benchmarks.clocks import clock_of, one_thread
from eqconform_benchmarks.conditions import conditions
from eqconform_benchmarks.fixture import measured
from eqconform_benchmarks.pairing import Pairs, Work, quiet, repeats_for, sample
from eqconform_benchmarks.qualify import Gate
from eqconform_benchmarks.ruling import PAIRS, Estimate, estimate
from eqconform_benchmarks.workloads import Timed, Weighed, Workload

_FEWEST, _MOST = 7, PAIRS  # pairs; six are the fewest that bound a median at 95 %


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        seconds: of one repetition; None where bytes were counted.
        ratio: to the workload's limit; None where the implementation was not timed.
        objection: why it was not.
    """

    workload: Workload
    implementation: str
    ratio: Estimate | None
    seconds: float | None = None
    objection: str = ""


@dataclass
class Session:
    """What is measured in one pytest session.

    Args:
        implementations: by the name that the table gives them.
        workloads: which.
        device: "cpu" or "cuda".
        seconds: for each measurement, about.
        on_row: called with every row, as it comes.
        on_step: called with what is being done, where that takes long.

    Attributes:
        rows: those that came.
        interrupted: whether it was stopped, by Ctrl-C, say.
    """

    implementations: dict[str, Implementation]
    workloads: list[Workload]
    device: str
    seconds: float
    on_row: Callable[[Row], None]
    on_step: Callable[[str], None]
    rows: list[Row] = field(default_factory=list)
    interrupted: bool = False
    _gates: dict[str, Gate] = field(default_factory=dict)
    _capture: Any = None

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test per workload and implementation."""
        if "workload" in metafunc.fixturenames:
            both = [(each, name) for each in self.workloads for name in self.implementations]
            ids = [f"{each.id}-{self.device}-{name}" for each, name in both]
            metafunc.parametrize(("workload", "implementation"), both, ids=ids)

    def pytest_benchmark_update_machine_info(self, machine_info: dict[str, Any]) -> None:
        """What the numbers of the session depend on, and what has none."""
        machine_info["eqconform"] = conditions(self.device)
        machine_info["eqconform_not_timed"] = [
            {
                "workload": row.workload.id,
                "implementation": row.implementation,
                "why": row.objection,
            }
            for row in self.rows
            if row.objection
        ]

    def pytest_configure(self, config: pytest.Config) -> None:
        """Rows are shown as they come, past the capture of what implementations print."""
        self._capture = config.pluginmanager.getplugin("capturemanager")

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Told from what pytest stops for on its own account, such as an error of collection."""
        self.interrupted = not isinstance(excinfo.value, pytest.Session.Interrupted)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Iterator[None]:
        """A part of a run is not saved: `history` would take it for a whole one."""
        if exitstatus != pytest.ExitCode.OK:
            storing: Any = session.config
            storing._benchmarksession.save = None  # noqa: SLF001  it has no switch in public
        yield

    @pytest.fixture
    def measure(self, benchmark: Any) -> Callable[[Workload, str], None]:
        """Measures one workload, or skips with the reason."""
        return lambda workload, name: self._measure(benchmark, workload, name)

    def _measure(self, benchmark: Any, workload: Workload, name: str) -> None:
        implementation = self.implementations[name]
        gate = self._gates.setdefault(name, Gate(implementation, self.device, self._tell))
        benchmark.group = workload.id
        if objection := gate.objection(workload):
            self._leave_out(benchmark, workload, name, objection)
        benchmark.extra_info |= {
            "workload": workload.id,
            "implementation": name,
            "version": implementation.version,
            "limit": workload.limit,
            "conformance": {"passed": list(workload.relies_on)},
            "goal": workload.goal,
        }
        try:
            with one_thread():
                made = workload.make(implementation, torch.device(self.device))
                wrong = made.objection() if isinstance(made, Timed) else ""
                row = None if wrong else self._row(benchmark, workload, name, made)
                wrong = wrong or gate.restored()
                if row is not None and isinstance(made, Timed):
                    wrong = wrong or made.objection_after()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  theirs, whatever it is; SystemExit, too
            reason = f"{type(error).__name__}: {said(error)}".split("\n")[0]
            self._leave_out(benchmark, workload, name, reason)
        if row is None or wrong:
            self._leave_out(benchmark, workload, name, wrong)
        self._add(row)

    def _leave_out(self, benchmark: Any, workload: Workload, name: str, why: str) -> NoReturn:
        self._add(Row(workload, name, None, objection=why))
        benchmark.skipped = True  # or it would complain that it was not used
        benchmark.has_error = True  # or what was timed of it would be saved
        pytest.skip(f"{name} is not timed: {why}")

    def _row(self, benchmark: Any, workload: Workload, name: str, made: Timed | Weighed) -> Row:
        if isinstance(made, Weighed):
            weighed = made.candidate / made.limit
            benchmark.pedantic(lambda: None)  # so that the bytes are stored with the others
            benchmark.extra_info |= {"bytes": made.candidate, "limit_bytes": made.limit}
            ratio, seconds = Estimate(weighed, weighed, weighed), None
        else:
            pairs = self._paired(benchmark, made)
            ratio, seconds = estimate(pairs.ratios), estimate(pairs.candidate).median
        benchmark.extra_info["ratio"] = [ratio.median, ratio.low, ratio.high]
        return Row(workload, name, ratio, seconds)

    def _paired(self, benchmark: Any, made: Timed) -> Pairs:
        clock = clock_of(self.device)

        def cost(each: Work, repeats: int) -> float:
            return repeats * sample(each, repeats, clock)

        repeats = (repeats_for(made.candidate, clock), repeats_for(made.limit, clock))
        with quiet():
            one = cost(made.candidate, repeats[0]) + cost(made.limit, repeats[1])
        pairs = max(_FEWEST, min(_MOST, int(self.seconds / one)))
        return measured(
            benchmark, made.candidate, made.limit, pairs=pairs, clock=clock, repeats=repeats
        )

    def _tell(self, step: str) -> None:
        with self._capture.global_and_fixture_disabled():
            self.on_step(step)

    def _add(self, row: Row) -> None:
        self.rows.append(row)
        with self._capture.global_and_fixture_disabled():
            self.on_row(row)
