"""Drives pytest and pytest-benchmark for `eqconform bench`; the checks have an engine alike."""

import io
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from eqconform.engine.planning import SuiteFault
from eqconform.engine.running import Interrupted
from eqconform_benchmarks.clocks import NAMES
from eqconform_benchmarks.session import Session

_HERE = Path(__file__).parent
_ENVIRONMENT: Mapping[str, str] = {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTEST_ADDOPTS": "",
    "PYTEST_PLUGINS": "",
    "PYTEST_XDIST_WORKER": "",  # inherited from tests in parallel, it switches benchmarks off
}


def run(session: Session, store: Path) -> None:
    """Measure everything, and save it with pytest-benchmark's own storage.

    Args:
        session: what to measure.
        store: folder of the saved runs.

    Raises:
        Interrupted: it was stopped; nothing is saved.
        SuiteFault: a measurement failed; the message holds what pytest said.
    """
    said = io.StringIO()
    with _environment(), redirect_stdout(said), redirect_stderr(said), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs; what they raise is reported
        code = pytest.main(_arguments(session.device, store), plugins=[session])
    if session.interrupted:
        raise Interrupted("interrupted: the run is not saved")
    if code != pytest.ExitCode.OK:
        raise SuiteFault(f"the benchmark session ended with {code!r}:\n{said.getvalue()}")


def _arguments(device: str, store: Path) -> list[str]:
    arguments = [str(_HERE / "bench_workloads.py"), "-c", str(_HERE / "bench.ini")]
    arguments += [f"--rootdir={_HERE}", "--noconftest", "-p", "no:cacheprovider"]
    arguments += ["-p", "pytest_benchmark.plugin", "--benchmark-quiet"]
    arguments += [f"--benchmark-timer={NAMES[device]}", f"--benchmark-storage=file://{store}"]
    return [*arguments, "--benchmark-save=bench", "--benchmark-save-data"]


@contextmanager
def _environment() -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(_ENVIRONMENT)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
