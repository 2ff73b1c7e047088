"""Files that are whole or not there: written under another name, and moved into place."""

import os
import tempfile
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
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(name).chmod(0o666 & ~_umask())  # mkstemp's files are for their owner alone
        Path(name).replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
