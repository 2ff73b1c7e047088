"""Opens a result file for one run alone: two that write into one file would leave neither's result.

The lock lies on the file itself and ends with the process, however that ends; no lock file stays
behind. Reading is not hindered. Where the platform has no `flock` (Windows), nothing is locked.
"""

import sys
from pathlib import Path
from typing import TextIO

from eqconform.selection import UsageError

if sys.platform != "win32":
    import fcntl


def open_alone(path: Path) -> TextIO:
    """The file, emptied, for this process alone until it is closed.

    Raises:
        UsageError: another run is writing it; it is left as it is.
        OSError: it cannot be written.
    """
    stream = path.open("a", encoding="utf-8")  # what is there is not ours to empty before the lock
    try:
        _lock(stream)
    except BlockingIOError:
        stream.close()
        raise UsageError(
            f"another run of the same implementation is writing {path}; "
            "wait for it, or give another folder (--output)"
        ) from None
    stream.truncate(0)
    return stream


def _lock(stream: TextIO) -> None:
    if sys.platform != "win32":
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
