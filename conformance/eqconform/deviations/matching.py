"""A plan and the deviations that are known of it: which case is listed by which entry.

Everything that can be found wrong with a file before anything is judged is found here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from eqconform.deviations.entries import Deviation, Listed, matches
from eqconform.deviations.reading import require_none
from eqconform.engine.planning import Plan
from eqconform.selection import near


def with_deviations(plan: Plan, listed: Listed | None) -> Plan:
    """The plan, with the entries that apply to it and the cases that they list.

    Entries for other versions, or for cases that the plan does not hold, take no part.

    Raises:
        UsageError: an entry names a case or claim that is not there, or two list one case.
    """
    if listed is None:
        return plan
    require_cases(listed, plan.catalogue)
    about = {"torch": plan.versions["torch"], "version": plan.implementation["version"]}
    entries = tuple(entry for entry in listed.entries if entry.applies(**about))
    problems = [*_not_claimed(entries, plan), *_overlaps(entries, plan.catalogue)]
    require_none(problems, listed.source)
    planned = [case.id for case in plan.cases]
    taking_part = tuple(e for e in entries if any(e.lists(case) for case in planned))
    cases = tuple(replace(case, deviation=_place(case.id, taking_part)) for case in plan.cases)
    return replace(plan, cases=cases, deviations=Listed(listed.source, taking_part))


def require_cases(listed: Listed, catalogue: Mapping[str, Sequence[str]]) -> None:
    """Refuse entries that name no case of the suite, at any budget.

    Args:
        listed: the entries.
        catalogue: the subjects of every clause.

    Raises:
        UsageError: there are some; the message names every one.
    """
    problems = [
        f"no case of {entry.clause} matches {pattern!r}.{near(pattern, catalogue[entry.clause])}"
        for entry in listed.entries
        for pattern in entry.cases
        if not any(matches(pattern, subject) for subject in catalogue[entry.clause])
    ]
    require_none(problems, listed.source)


def require_apart(listed: Listed, catalogue: Mapping[str, Sequence[str]]) -> None:
    """Refuse entries that list one case for the same versions, whichever they are.

    Args:
        listed: entries that name cases of the suite.
        catalogue: the subjects of every clause.

    Raises:
        UsageError: there are some; the message names every case.
    """
    pairs = combinations(listed.entries, 2)
    meeting = (
        pair for pair in pairs if pair[0].clause == pair[1].clause and pair[0].may_meet(pair[1])
    )
    problems = dict.fromkeys(each for pair in meeting for each in _overlaps(pair, catalogue))
    require_none([*problems], listed.source)


def _not_claimed(entries: Sequence[Deviation], plan: Plan) -> Iterator[str]:
    for entry in entries:
        if entry.clause in plan.not_claimed:
            name = plan.implementation["name"]
            yield f"{name} does not claim {entry.clause}, so it cannot deviate from it"


def _overlaps(
    entries: Sequence[Deviation], catalogue: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """Every case has one reason: which of two it fails for, nobody could tell."""
    for clause in dict.fromkeys(entry.clause for entry in entries):
        for subject in catalogue[clause]:
            case = f"{clause}/{subject}"
            listing = [entry.title for entry in entries if entry.lists(case)]
            if len(listing) > 1:
                yield f"{case} is listed more than once: {' and '.join(listing)}"


def _place(case: str, entries: Sequence[Deviation]) -> int | None:
    """The position of the entry that lists the case."""
    return next((place for place, entry in enumerate(entries) if entry.lists(case)), None)
