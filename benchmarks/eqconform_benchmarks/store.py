"""The store: a folder of saved runs, and of records of how often a machine errs.

Whether it can be written and read is found out before anything is measured: that takes minutes.
"""

import tempfile
from pathlib import Path

from filelock import BaseFileLock, FileLock
from pytest_benchmark.utils import get_machine_id

from eqconform.selection import UsageError


def folder_of_runs(store: Path) -> Path:
    """Where pytest-benchmark saves the runs of this system and Python."""
    machine: str = get_machine_id()  # type: ignore[no-untyped-call]
    return store / machine


def require_writable(folder: Path) -> None:
    """Make a folder, and see that a file can be written there.

    Raises:
        UsageError: it cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(
            f"cannot write in {folder}: {error.strerror or error}; give another folder"
        ) from error


def alone_with(path: Path) -> BaseFileLock:
    """A context in which nobody else reads a file of the store and writes it anew."""
    return FileLock(path.with_name(f".{path.name}.lock"))


def broken(path: Path, error: Exception) -> UsageError:
    """To be raised for a file of the store that does not hold what is written there."""
    return UsageError(
        f"{path} is broken ({type(error).__name__}: {error}); move it out of the store"
    )
