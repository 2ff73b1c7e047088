"""What the plugin does in each process of a pytest session that was given `--impl`.

An xdist worker judges; the process that the workers report to records; without xdist one
process does both. Under `eqconform run` the recorder is there already.
"""

import tempfile
from pathlib import Path
from typing import Any

import pytest

from eqconform.deviations.matching import with_deviations
from eqconform.deviations.reading import listed_for
from eqconform.engine.planning import NotStarted, Plan, SuiteFault, header, make_plan
from eqconform.engine.recording import Recorder
from eqconform.engine.watching import Workplace, end_groups
from eqconform.registry import RegistryError
from eqconform.report.table import closing_line
from eqconform.results import Run, Writer, file_name
from eqconform.selection import Selection
from eqconform.verdict import exit_code


class ConfigurationError(Exception):
    """The session cannot judge; the message says why."""


def activate(config: pytest.Config, spec: str, selection: Selection) -> None:
    """Register the plugins that this process needs.

    Raises:
        ConfigurationError: adapter, registry or output folder cannot be used.
        UsageError: the selected device or case does not exist, the deviations file is wrong, or
            another run is writing the file.
    """
    try:
        _activate(config, spec, selection)
    except (NotStarted, RegistryError, SuiteFault, OSError) as error:
        raise ConfigurationError(str(error)) from error


def _activate(config: pytest.Config, spec: str, selection: Selection) -> None:
    if any(isinstance(plugin, Recorder) for plugin in config.pluginmanager.get_plugins()):
        return
    listed = listed_for(spec, config.getoption("--eqconform-deviations"))
    worker: dict[str, str] | None = getattr(config, "workerinput", None)
    if worker is None and config.getoption("dist", "no") != "no" and config.getoption("tx", None):
        _record(config, with_deviations(make_plan(spec, selection), listed), selection)
        return
    # Imports torch, which the process that only records has no use for.
    from eqconform.engine.alarm import Alarm  # noqa: PLC0415
    from eqconform.engine.describe import plan as describe  # noqa: PLC0415
    from eqconform.engine.judging import make_judge, make_worker  # noqa: PLC0415

    if worker is not None:
        judge = make_judge(spec, selection, make_worker(worker))
    else:
        judge = make_judge(spec, selection)
    plan = with_deviations(describe(spec, judge.implementation, selection), listed)
    judge.know(plan)
    if worker is None:
        _record(config, plan, selection)
    config.pluginmanager.register(judge, "eqconform-judge")
    config.pluginmanager.register(Alarm(), "eqconform-alarm")


def _record(config: pytest.Config, plan: Plan, selection: Selection) -> None:
    session = DirectSession(plan, selection, config.getoption("--eqconform-output"))
    config.pluginmanager.register(session, "eqconform-session")
    config.pluginmanager.register(session.recorder, "eqconform-recorder")


class DirectSession:
    """Adds the verdict to an ordinary pytest session.

    Args:
        plan: what is going to be judged.
        selection: what was asked for.
        output: folder for the result file, or None for none.
    """

    def __init__(self, plan: Plan, selection: Selection, output: str | None) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="eqconform-")
        folder = Path(output or self._scratch.name)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / file_name(plan.implementation["name"], selection.shard)
        self._plan = plan
        self._writer = Writer(path, header(plan, selection))
        self._run: Run | None = None
        workplace = Workplace(Path(self._scratch.name))
        self.recorder = Recorder(plan, selection, self._writer, workplace)

    def pytest_report_header(self) -> list[str]:
        """Who is judged, and what it does not claim."""
        about = self._plan.implementation
        lines = [f"eqconform: {about['name']} {about['version']}, {len(self._plan.cases)} cases"]
        if self._plan.not_claimed:
            lines.append(f"eqconform: not claimed: {', '.join(self._plan.not_claimed)}")
        return lines

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Complete the result file; a session that found no conformance does not succeed."""
        if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            return
        self._run = self.recorder.finish()
        if exitstatus == pytest.ExitCode.OK and exit_code(self._run):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The verdict, as `eqconform run` closes with it."""
        if self._run is not None:
            terminalreporter.write_sep("=", "conformance")
            terminalreporter.write_line(closing_line(self._run))

    def pytest_unconfigure(self) -> None:
        """Leave nothing behind."""
        self._writer.close()
        end_groups(Path(self._scratch.name))
        self._scratch.cleanup()
