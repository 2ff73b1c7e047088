"""Runs one case and says what came of it, whatever the implementation does.

What leaves here is a plain dictionary: it has to travel from a worker to the process that
writes results.
"""

import re
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from eqconform.contract import Implementation, Unsupported
from eqconform.engine.planning import SEED
from eqconform.engine.sandbox import isolated, seed_of
from eqconform.judge.cases import Case
from eqconform.judge.outcome import Evidence, Raised, Vacuous, Violation, said

_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")  # where an object lies differs from run to run
_LONGEST_TEXT = 2000  # characters of a message: some implementations print tensors into theirs


@dataclass(frozen=True)
class Outcome:
    """What came of a case; the fields are those of `results.CaseResult`."""

    status: str
    seconds: float = 0.0
    expected: str | None = None
    observed: str | None = None
    error: float | None = None
    tolerance: float | None = None
    message: str | None = None
    suite_fault: bool = False
    traceback: str | None = None


def execute(
    case: Case, implementation: Implementation, device: str = "cpu", *, owns_process: bool
) -> Outcome:
    """Judge a case, in a sandbox.

    Args:
        case: what to judge.
        implementation: whom.
        device: where the implementation works.
        owns_process: nobody is at the keyboard of this process, so that a KeyboardInterrupt
            is the implementation's own.
    """
    started = time.perf_counter()
    try:
        with isolated(seed_of(case.id, SEED)):
            outcome = outcome_of(lambda: case.judge(implementation, device))
    except KeyboardInterrupt as error:
        if not owns_process:
            raise
        outcome = _theirs(error)
    except BaseException as error:  # noqa: BLE001  a case must not end the run
        outcome = _theirs(error)
    return replace(outcome, seconds=time.perf_counter() - started)


def outcome_of(judge: Callable[[], Evidence]) -> Outcome:
    """What comes of a judgement, whatever it raises."""
    try:
        return _evidence("pass", judge())
    except Violation as violation:
        return _evidence("fail", violation.evidence)
    except Vacuous as vacuous:
        return Outcome("vacuous", message=_short(vacuous.reason))
    except Unsupported as unsupported:
        return Outcome("unsupported", message=_short(str(unsupported) or "no reason given"))
    except Raised as raised:
        return Outcome("error", message=_short(str(raised)), traceback=_trace(raised.cause))
    except Exception as error:  # noqa: BLE001  what the guard let through is the suite's own
        return Outcome(
            "error",
            message=_short(f"the check raised {type(error).__name__}: {error}"),
            suite_fault=True,
            traceback=_trace(error),
        )


def _evidence(status: str, evidence: Evidence) -> Outcome:
    return Outcome(
        status,
        expected=_short(evidence.expected),
        observed=_short(evidence.observed),
        error=None if evidence.error is None else float(evidence.error),
        tolerance=None if evidence.tolerance is None else float(evidence.tolerance),
    )


def _theirs(error: BaseException) -> Outcome:
    """An exception that ordinary code does not catch: no check raises one."""
    message = f"the implementation raised {type(error).__name__}: {said(error)}"
    return Outcome("error", message=_short(message), traceback=_trace(error))


def _trace(error: BaseException) -> str:
    return _clean("".join(traceback.format_exception(type(error), error, error.__traceback__)))


def _clean(text: str) -> str:
    """The text without what no channel can carry: halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _short(text: Any) -> str:
    whole = _ADDRESS.sub("0x…", _clean(str(text)))
    return whole if len(whole) <= _LONGEST_TEXT else whole[:_LONGEST_TEXT] + " …"
