"""What a case leaves running: threads and child processes.

They go on while other cases are judged, and may print, draw random numbers or change what the
process shares. They cannot be stopped from outside; the process can be replaced.
"""

import os
import sys
import time

_GRACE_SECONDS = 0.2  # for what was told to end, and is about to


class Leftovers:
    """What was running when this was made, to tell what came since."""

    def __init__(self) -> None:
        self._threads = _threads()
        self._children = _has_children()

    def found(self) -> bool:
        """Whether something has come since, and stays."""
        end = time.monotonic() + _GRACE_SECONDS
        while self._is_more():
            if time.monotonic() > end:
                return True
            time.sleep(0.01)
        return False

    def _is_more(self) -> bool:
        return bool(_threads() - self._threads) or (_has_children() and not self._children)


def _threads() -> set[int]:
    """The threads that run Python, however they were started."""
    return set(sys._current_frames())  # noqa: SLF001  its documented name


def _has_children() -> bool:
    """Whether this process has a child that runs; one that has ended does nothing any more."""
    if not hasattr(os, "waitid"):
        return False
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False
