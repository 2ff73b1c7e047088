"""Answers, in a process of its own, what an implementation is and which cases await it.

The command line is SPEC SELECTION ANSWER, or ANSWER SPEC… for what several implementations are;
JSON is written to the file ANSWER, for standard output is left to the adapter, which may print what
it likes. `eqconform.engine.planning` and `eqconform.engine.listing` ask.
"""

import json
import platform
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from eqconform.contract import Implementation
from eqconform.engine.integrity import load_intact
from eqconform.engine.planning import Plan, PlannedCase
from eqconform.engine.portrait import portrait
from eqconform.files import why_unread
from eqconform.judge.cases import Case, Check, all_checks
from eqconform.loading import LoadError
from eqconform.registry import RegistryError, clauses, match_checks
from eqconform.report.words import some
from eqconform.selection import DEVICES, Selection, UsageError, near
from eqconform_models.drawn.pinning import pinned


def selected_cases(implementation: Implementation, selection: Selection) -> list[Case]:
    """The selected cases that the implementation claims, those of the shard where there is one.

    In the order of the registry, without the clauses that this torch cannot be asked about.

    Raises:
        RegistryError: registry and checks do not match, or two cases share an id.
        UsageError: the selected case does not exist.
    """
    found = _cases_of_all_shards(implementation, selection)
    return [case for case in found if selection.takes(case.id)]


def _cases_of_all_shards(implementation: Implementation, selection: Selection) -> list[Case]:
    checked = _matched_checks()
    _require_pinned(selection.pinned)
    chosen = [
        name
        for name, clause in clauses().items()
        if selection.includes(clause) and clause.is_judged_with(torch.__version__)
    ]
    found = [
        case
        for name in chosen
        if name in checked and checked[name].claimed_by(implementation)
        for case in (
            *checked[name].cases(selection.budget),
            *_pinned_cases(checked[name], selection.pinned),
        )
    ]
    _require_unique(found)
    return found if selection.case is None else [_only(found, selection.case)]


def plan(spec: str, implementation: Implementation, selection: Selection) -> Plan:
    """What a run of the selection will judge.

    Raises:
        RegistryError: registry and checks do not match.
        UsageError: the selected device or case does not exist.
    """
    require_device(selection.device)
    selected = _cases_of_all_shards(implementation, selection)
    found = [case for case in selected if selection.takes(case.id)]
    planned = [_planned(case, alone=selection.case is not None) for case in found]
    return Plan(
        _about(spec, implementation),
        _versions(selection.device),
        tuple(planned),
        tuple(_not_claimed(implementation, selection)),
        {name: [*check.subjects, *check.more] for name, check in _matched_checks().items()},
        selected=len(selected),
    )


def require_device(device: str) -> None:
    """Refuse a device that is not there.

    Raises:
        UsageError: there is no such device, or torch sees none here.
    """
    if device not in DEVICES:
        raise UsageError(f"no device is called {device!r}; there are {' and '.join(DEVICES)}")
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            f"the device is cuda, but torch {torch.__version__} sees no CUDA device here; "
            "leave --device out to judge on the CPU"
        )


def _planned(case: Case, *, alone: bool) -> PlannedCase:
    shown = portrait(case) if alone else ""
    return PlannedCase(case.id, case.check.clause, case.network, _summary(case), shown)


def _matched_checks() -> dict[str, Check]:
    checks = all_checks()
    match_checks([check.clause for check in checks], clauses())
    return {check.clause: check for check in checks}


def _require_pinned(file: str | None) -> None:
    """Refuse a file of pinned networks that is none, whether or not a clause would read it.

    Raises:
        UsageError: it cannot be read, or does not hold what it should.
    """
    if file is None:
        return
    try:
        pinned(Path(file))
    except OSError as error:
        raise UsageError(f"cannot read the pinned networks {file}: {why_unread(error)}") from error
    except ValueError as error:
        raise UsageError(f"cannot judge pinned networks: {error}") from error


def _pinned_cases(check: Check, file: str | None) -> list[Case]:
    """A case for each network of the user's own file, of the checks that such a file speaks to.

    Raises:
        UsageError: it pins one under a clause that judges none.
    """
    if file is None or check.from_file is None:
        return []
    try:
        subjects = check.from_file(Path(file))
    except ValueError as error:
        raise UsageError(f"cannot judge pinned networks: {error}") from error
    return [
        Case(check, name, each) for name, each in subjects.items() if name not in check.subjects
    ]


def _require_unique(found: list[Case]) -> None:
    ids = [case.id for case in found]
    if len(set(ids)) < len(ids):
        twice = sorted({name for name in ids if ids.count(name) > 1})
        raise RegistryError(f"two cases are called {', '.join(twice)}")


def _only(found: list[Case], wanted: str) -> Case:
    by_id = {case.id: case for case in found}
    if wanted in by_id:
        return by_id[wanted]
    name = wanted.partition("/")[0]
    clause = clauses().get(name)
    if clause is not None and not clause.is_judged_with(torch.__version__):
        raise UsageError(
            f"{name} can be judged with torch {clause.torch}, and this is {torch.__version__}"
        )
    if not found:
        raise UsageError(f"the implementation does not claim {name!r}")
    if wanted.rstrip("/") == name:
        raise UsageError(f"{name!r} is a clause; give one of its cases: {some(list(by_id))}")
    raise UsageError(f"no case is called {wanted!r}.{near(wanted, by_id)}")


def _not_claimed(implementation: Implementation, selection: Selection) -> list[str]:
    return [
        name
        for name, check in _matched_checks().items()
        if selection.includes(clauses()[name]) and not check.claimed_by(implementation)
    ]


def _about(spec: str, implementation: Implementation) -> dict[str, Any]:
    registry = clauses()
    claimed = {
        registry[name].claim
        for name, check in _matched_checks().items()
        if check.claimed_by(implementation)
    }
    return {
        "spec": spec,
        "name": implementation.name,
        "version": implementation.version,
        "homepage": implementation.homepage,
        "formula": implementation.formula,
        "claims": [
            claim for claim in dict.fromkeys(c.claim for c in registry.values()) if claim in claimed
        ],
    }


def _versions(device: str) -> dict[str, str]:
    found = {"python": platform.python_version(), "torch": str(torch.__version__)}
    found |= {name: version(name) for name in ("torchvision", "numpy", "hypothesis")}
    found["platform"] = platform.platform()
    if device == "cuda":
        found["device"] = torch.cuda.get_device_name()
    return found


def _summary(case: Case) -> str | None:
    summary = getattr(case.subject, "summary", None)
    return summary if isinstance(summary, str) else None


def _answer(answer: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """The answer, or what stood in its way, each under a key of its own."""
    try:
        return answer()
    except LoadError as error:
        return {"not_started": str(error)}
    except UsageError as error:
        return {"usage": str(error)}
    except RegistryError as error:
        return {"suite_fault": str(error)}
    except Exception:  # noqa: BLE001  whatever is left is the suite's own fault
        return {"suite_fault": traceback.format_exc()}


def _planned_for(spec: str, selection: Selection) -> Mapping[str, Any]:
    implementation, _ = load_intact(spec)
    return {"plan": asdict(plan(spec, implementation, selection))}


def _told(spec: str) -> Mapping[str, Any]:
    implementation, _ = load_intact(spec)
    return {"about": _about(spec, implementation)}


def main() -> None:
    """Answer the command line: what a run would judge."""
    spec, selection, answer = sys.argv[1:]
    found = _answer(lambda: _planned_for(spec, Selection.from_json(selection)))
    Path(answer).write_text(json.dumps(found), encoding="utf-8")


def tell_each() -> None:
    """Answer the command line: what implementations are, a line for each as soon as it is known."""
    answer, *specs = sys.argv[1:]
    with Path(answer).open("w", encoding="utf-8") as stream:
        for spec in specs:
            stream.write(json.dumps(_answer(partial(_told, spec))) + "\n")
            stream.flush()
