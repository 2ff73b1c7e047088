"""Entries as TOML for people: a case a line, a reason in lines, and a shared reason once."""

import re
import textwrap
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

import tomlkit
from tomlkit.items import Array, String

from eqconform.deviations.entries import Deviation
from eqconform.report.reasons import masked

_WIDTH = 100
_WORDS = 6  # of a reason in the name of a cause
_OBSERVED = re.compile(r"Observed on \S+: ")


def is_observed(reason: str) -> bool:
    """Whether a reason is what a run saw, which nobody has put into words yet."""
    return _OBSERVED.match(reason) is not None


def as_toml(entries: Sequence[Deviation], causes: Iterable[str] = ()) -> str:
    """The entries, and before them the reasons of these causes; empty for none."""
    if not entries:
        return ""
    reasons = {entry.cause: entry.reason for entry in entries}
    content: dict[str, Any] = {
        "cause": {name: {"reason": _text(reasons[name])} for name in causes},
        "deviation": [_table(entry) for entry in entries],
    }
    text: str = tomlkit.dumps({key: value for key, value in content.items() if value})
    # What is meant to begin on a line of its own, tomlkit keeps an empty line before.
    return text.replace('reason = """\n\n', 'reason = """\n')


def with_causes(
    entries: Sequence[Deviation], taken: Collection[str]
) -> tuple[list[str], list[Deviation]]:
    """The entries, where those of several clauses that say the same share a cause.

    Args:
        entries: with reasons that were observed.
        taken: names that are causes already.

    Returns:
        The names of the causes that are new, and the entries in the order in which they were.
    """
    alike: dict[str, list[Deviation]] = {}
    for entry in entries:
        if entry.cause is None and is_observed(entry.reason):
            # An example at the end takes the full stop with it.
            said = masked(_OBSERVED.sub("", entry.reason)).removesuffix(".")
            alike.setdefault(said, []).append(entry)
    named: dict[Deviation, Deviation] = {}
    causes: list[str] = []
    for reason, group in alike.items():
        if len({entry.clause for entry in group}) > 1:
            causes.append(_name(reason, {*taken, *causes}))
            first = group[0].reason.replace("Observed on ", f"Observed on {group[0].clause}/")
            named |= {each: replace(each, cause=causes[-1], reason=first) for each in group}
    return causes, [named.get(entry, entry) for entry in entries]


def _name(reason: str, taken: Collection[str]) -> str:
    """A slug of the first words; with a number where they are taken."""
    slug = "-".join(re.findall(r"[a-z]+", reason.lower())[:_WORDS]) or "cause"
    names = [slug, *(f"{slug}-{number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)


def _table(entry: Deviation) -> dict[str, Any]:
    values = {
        "clause": entry.clause,
        "case": _cases(entry.cases),
        "reason": None if entry.cause else _text(entry.reason),
        "cause": entry.cause,
        "issue": None if entry.cause else entry.issue,
        "torch": entry.torch,
        "version": entry.version,
    }
    return {key: value for key, value in values.items() if value is not None}


def _cases(cases: Sequence[str]) -> str | Array | None:
    if len(cases) <= 1:
        return cases[0] if cases else None
    array = tomlkit.array()
    array.extend(cases)
    return array.multiline(multiline=True)


def _text(reason: str) -> str | String:
    """A reason over several lines where one is too short; reading joins them with blanks."""
    if len(reason) + len('reason = ""') <= _WIDTH:
        return reason
    lines = textwrap.wrap(
        reason, _WIDTH - len('"""'), break_long_words=False, break_on_hyphens=False
    )
    return tomlkit.string("\n" + "\n".join(lines), multiline=True)
