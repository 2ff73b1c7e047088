"""Runs one case and says what came of it, whatever the implementation does.

What leaves here is a plain dictionary: it has to travel from a worker to the process that
writes results.
"""

import re
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch

from eqconform.contract import Implementation, Unsupported
from eqconform.engine.integrity import Integrity, in_words, modes
from eqconform.engine.planning import SEED
from eqconform.engine.sandbox import isolated, seed_of
from eqconform.engine.storage import storage_elsewhere
from eqconform.engine.traces import clean, trace
from eqconform.judge.cases import Case, network_of
from eqconform.judge.devices import HOME, placed
from eqconform.judge.divergence import first_divergence
from eqconform.judge.guard import Guarded
from eqconform.judge.outcome import Evidence, Raised, Vacuous, Violation, said
from eqconform.sketches import Sketch

_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")  # where an object lies differs from run to run
_LONGEST_TEXT = 2000  # characters of a message: some implementations print tensors into theirs


@dataclass(frozen=True)
class Outcome:
    """What came of a case; the fields are those of `results.CaseResult`.

    Beside them, for who runs one case alone: `traceback` of the implementation's error, and
    `divergence`, see `eqconform.judge.divergence`.
    """

    status: str
    seconds: float = 0.0
    expected: str | None = None
    observed: str | None = None
    error: float | None = None
    tolerance: float | None = None
    message: str | None = None
    suite_fault: bool = False
    sketch: Sketch | None = None
    script: str | None = None
    traceback: str | None = None
    divergence: str | None = None


def execute(
    case: Case,
    implementation: Implementation,
    device: str = "cpu",
    *,
    integrity: Integrity,
    owns_process: bool,
) -> Outcome:
    """Judge a case, in a sandbox.

    Args:
        case: what to judge.
        implementation: whom.
        device: where the implementation works.
        integrity: what judging relies on, as it was before the implementation was imported.
        owns_process: nobody is at the keyboard of this process, so that a KeyboardInterrupt
            is the implementation's own.
    """
    started = time.perf_counter()
    changed: list[str] = []
    before = modes()
    ended: Evidence | BaseException
    try:
        elsewhere = nullcontext() if owns_process else storage_elsewhere()
        with elsewhere, isolated(seed_of(case.id, SEED)):
            ended = _ended(case, implementation, device, integrity, changed)
    except Exception as error:  # noqa: BLE001  the sandbox's, which only a case can have upset
        ended = error
        changed.append(f"what cannot be put back ({type(error).__name__}: {said(error)})")
    except BaseException as error:  # noqa: BLE001  a case must not end the run
        ended = error
    if isinstance(ended, KeyboardInterrupt) and not owns_process:
        raise ended
    changed += [name for name, value in modes().items() if value != before[name]]
    outcome = _changed(changed) if changed else _outcome(ended)
    return replace(outcome, seconds=time.perf_counter() - started)


def diverged(case: Case, implementation: Implementation, device: str) -> str | None:
    """Where the equalized network of a case that failed leaves the untouched one, in words.

    None of a case that is about no equalized network.
    """
    network = network_of(case.subject)
    if network is None or "equalize" not in case.check.needs:
        return None
    where = torch.device(device)
    subject = network if where == HOME else placed(network, where)
    with isolated(seed_of(case.id, SEED)):
        return _short(first_divergence(Guarded(implementation, where), subject))


def outcome_of(judge: Callable[[], Evidence]) -> Outcome:
    """What comes of a judgement, whatever it raises."""
    try:
        return _outcome(judge())
    except Exception as error:  # noqa: BLE001  sorted out by `_outcome`
        return _outcome(error)


def _ended(
    case: Case,
    implementation: Implementation,
    device: str,
    integrity: Integrity,
    changed: list[str],
) -> Evidence | BaseException:
    """What the check returns or raises; to `changed` is added what the case replaced.

    That is put back before anything looks at what came of the case.
    """
    try:
        return case.judge(implementation, device)
    except BaseException as error:  # noqa: BLE001  sorted out by `_outcome`
        return error
    finally:
        changed += integrity.restore()


def _changed(what: list[str]) -> Outcome:
    """A case that has no verdict: whatever judged it was not the suite alone."""
    return Outcome("crash", message=_short(f"the implementation changed {in_words(what)}"))


def _outcome(ended: Evidence | BaseException) -> Outcome:
    match ended:
        case Evidence():
            return _evidence("pass", ended)
        case Violation():
            outcome = _evidence("fail", ended.evidence)
            return replace(outcome, sketch=ended.sketch, script=ended.script)
        case Vacuous():
            return Outcome("vacuous", message=_short(ended.reason))
        case Unsupported():
            return Outcome("unsupported", message=_short(said(ended) or "no reason given"))
        case _:
            return _raised(ended)


def _raised(error: BaseException) -> Outcome:
    match error:
        case Raised():
            return Outcome(
                "error",
                message=_short(str(error)),
                traceback=trace(error.cause),
                sketch=error.sketch,
                script=error.script,
            )
        case Exception():  # what the guard let through is the suite's own
            message = f"the check raised {type(error).__name__}: {error}"
            return Outcome(
                "error",
                message=_short(message),
                suite_fault=True,
                traceback=trace(error, whole=True),
            )
        case _:
            return _theirs(error)


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
    return Outcome("error", message=_short(message), traceback=trace(error))


def _short(text: Any) -> str:
    whole = _ADDRESS.sub("0x…", clean(str(text)))
    return whole if len(whole) <= _LONGEST_TEXT else whole[:_LONGEST_TEXT] + " …"
