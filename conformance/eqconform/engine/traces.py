"""The traceback of an exception, as far as it is of use to whoever wrote what raised it."""

import traceback
from pathlib import Path

from eqconform.engine import alarm

_SUITE = Path(__file__).parent.parent
_ADAPTERS = _SUITE / "adapters"  # of the suite by place, and an implementation by trade


def trace(error: BaseException, *, whole: bool = False) -> str:
    """The traceback, without the frames through which the suite called and interrupted.

    Args:
        error: with what it came from.
        whole: leave every frame, where the suite itself may be wrong.
    """
    found = traceback.TracebackException.from_exception(error)
    if not whole:
        _strip(found)
    return clean("".join(found.format()))


def clean(text: str) -> str:
    """The text without what no channel can carry: halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _strip(found: traceback.TracebackException | None) -> None:
    """Take out the suite's frames, of the exception and of what it came from."""
    if found is None:
        return
    theirs = [frame for frame in _until_the_alarm(found.stack) if not _is_ours(frame)]
    if theirs:
        found.stack = traceback.StackSummary.from_list(theirs)
    _strip(found.__cause__)
    _strip(found.__context__)


def _until_the_alarm(stack: traceback.StackSummary) -> list[traceback.FrameSummary]:
    """The frames up to where a time limit interrupted them."""
    rang = [place for place, frame in enumerate(stack) if frame.filename == alarm.__file__]
    return stack[: rang[0]] if rang else list(stack)


def _is_ours(frame: traceback.FrameSummary) -> bool:
    parents = Path(frame.filename).parents
    return _SUITE in parents and _ADAPTERS not in parents
