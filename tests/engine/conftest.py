"""A private copy of the suite, with a registry of six clauses, and a way to call its commands.

The commands run in processes of their own with the copy first on the path, so that the tests
of the engine depend on no real check and take seconds.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import eqconform

HERE = Path(__file__).parent
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def private_suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds the copy of the package."""
    folder = tmp_path_factory.mktemp("suite")
    package = folder / "eqconform"
    source = Path(eqconform.__file__).parent
    ignored = shutil.ignore_patterns("__pycache__", "checks", "torch_ao.toml")
    shutil.copytree(source, package, ignore=ignored)
    (package / "checks").mkdir()
    (package / "checks" / "__init__.py").touch()
    shutil.copy(HERE / "suite" / "tiny.py", package / "checks")
    shutil.copy(HERE / "suite" / "clauses.toml", package)
    cases = package / "judge" / "cases.py"
    listing = re.compile(r"_CHECK_MODULES = \(.*?\)", re.DOTALL)
    text = listing.sub('_CHECK_MODULES = ("tiny",)', cases.read_text())
    cases.write_text(text)
    return folder


@pytest.fixture(scope="session")
def run_command(private_suite: Path) -> Callable[[Path], Command]:
    """Of a folder, what runs `python -m MODULE ARGUMENTS` there against the copy.

    With one worker, unless told otherwise: most of what a run of so small a suite costs is that
    each of its workers imports torch.
    """

    def of(folder: Path) -> Command:
        def call(
            *arguments: str, module: str = "eqconform", timeout: float = 300, **environment: str
        ) -> "subprocess.CompletedProcess[str]":
            if arguments[:1] == ("run",) and "--jobs" not in arguments:
                arguments += ("--jobs", "1")
            return subprocess.run(
                [sys.executable, "-m", module, *arguments],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(private_suite), **environment},
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )

        return call

    return of


@pytest.fixture
def command(run_command: Callable[[Path], Command], tmp_path: Path) -> Command:
    """Runs `python -m MODULE ARGUMENTS` against the copy, in an empty folder."""
    return run_command(tmp_path)


@pytest.fixture
def adapter() -> Callable[[str], str]:
    """The spec of an adapter of this folder: `good:Good` to `/…/adapters/good.py:Good`."""

    def spec(name: str) -> str:
        file, separator, attribute = name.partition(":")
        return f"{HERE / 'adapters' / file}.py{separator}{attribute}"

    return spec
