"""Interrupts a case that takes too long.

pytest-timeout keeps the time. What it would do when time is up is replaced where the platform has
alarms, for it prints the stack of every thread: that would pass for something that the
implementation printed.
"""

import signal
import threading
from types import FrameType
from typing import Any

import pytest
from pytest_timeout import is_debugging


class Alarm:
    """A plugin for whoever judges."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_timeout_set_timer(self, item: pytest.Item, settings: Any) -> bool | None:
        """Let a case fail when its time is up; None leaves the item to pytest-timeout."""
        if settings.method != "signal" or not _can_be_interrupted(item):
            return None

        def ring(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  a handler's
            if not is_debugging():  # type: ignore[no-untyped-call]
                pytest.fail(f"no result within {settings.timeout:g} s", pytrace=False)

        def cancel() -> None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)

        item.cancel_timeout = cancel  # type: ignore[attr-defined]  # pytest-timeout calls it
        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, settings.timeout)
        return True


def _can_be_interrupted(item: pytest.Item) -> bool:
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and "eqconform_case" in getattr(item, "fixturenames", ())
