"""The store: a folder of saved runs, and of records of how often a machine errs.

Whether it can be written and read is found out before anything is measured: that takes minutes.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from pytest_benchmark.utils import get_machine_id

from eqconform.selection import UsageError


def folder_of_runs(store: Path) -> Path:
    """Where pytest-benchmark saves the runs of this system and Python."""
    machine: str = get_machine_id()  # type: ignore[no-untyped-call]
    return store / machine


def saved_runs(store: Path) -> set[Path]:
    """The runs that were saved on this system with this Python."""
    return set(folder_of_runs(store).glob("*.json"))


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
        raise _not_written(folder, error) from error


@contextmanager
def alone_with(path: Path) -> Iterator[None]:
    """A context in which nobody else reads a file of the store and writes it anew.

    Raises:
        UsageError: the lock beside it is another user's.
    """
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire()
    except OSError as error:
        raise _not_written(Path(lock.lock_file), error) from error
    try:
        yield
    finally:
        lock.release()


def require_addable(path: Path) -> None:
    """See that something can be added to a file of the store.

    Raises:
        UsageError: it cannot.
    """
    require_writable(path.parent)
    with alone_with(path):
        pass


def broken(path: Path, error: Exception) -> UsageError:
    """To be raised for a file of the store that does not hold what is written there."""
    return UsageError(
        f"{path} is broken ({type(error).__name__}: {error}); move it out of the store"
    )


def _not_written(place: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot write in {place}: {error.strerror or error}; give another folder")
