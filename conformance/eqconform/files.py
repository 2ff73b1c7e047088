"""Files that are whole or not there: written under another name, and moved into place."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eqconform.selection import UsageError


def write_whole(path: Path, text: str) -> None:
    """Write a text file in one step: a reader sees the old file or the new one.

    A link is followed; what is there and no file, a pipe or a device, is written to.

    Raises:
        UsageError: nothing can be written there.
    """
    path = path.resolve()
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
            return
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with _gone_unless_moved(Path(name)), os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            Path(name).chmod(0o666 & ~_umask())  # mkstemp's files are for their owner alone
            Path(name).replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


@contextmanager
def _gone_unless_moved(path: Path) -> Iterator[None]:
    """Half a file is of no use: on a full disk, it takes what is left of that."""
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def require_writable_file(path: Path) -> None:
    """See that `write_whole` will be able to write a file, before what it is to hold is measured.

    Raises:
        UsageError: it will not.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder; give a file")
    if path.exists() and not path.is_file():
        return
    try:
        with tempfile.TemporaryFile(dir=path.resolve().parent):
            pass
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


def why_unread(error: OSError | UnicodeDecodeError) -> str:
    """What is wrong with a file that cannot be read, for a message that has its name already."""
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
