"""From the result of a run to a deviations file, new or brought up to date.

An entry that still says what is so stays as it was written, with the comments around it; one
that does not goes, and what of it is left becomes a new entry with the old reason. What no
entry lists gets one whose reason is what was observed, for a person to put into words; entries of
several clauses for which that is the same name a cause, which says it once.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import tomlkit

from eqconform.deviations.entries import Deviation, Listed
from eqconform.deviations.reading import parse
from eqconform.deviations.rendering import as_toml, with_causes
from eqconform.report.reasons import masked
from eqconform.results import CaseResult, Run
from eqconform.verdict import AMISS, ClauseVerdict, clause_verdicts

_TABLE = re.compile(r"^\[", re.MULTILINE)
# Where a bracket at the beginning of a line heads no table: in strings, over lines or not, and in
# comments, in which a quotation mark opens no string.
_TEXT = re.compile(
    r'"""(?:\\.|[^\\])*?"""+|' + r"'''.*?'''+|" + r'"(?:\\.|[^"\\\n])*"|' + r"'[^'\n]*'|#[^\n]*",
    re.DOTALL,
)
_ENTRY = re.compile(r"\[\[\s*deviation\s*\]\]")
_TRAILING = re.compile(r"(?:^[ \t]*(?:#.*)?\n)*\Z", re.MULTILINE)
_LONGEST = 240  # characters of an observation in a reason


@dataclass(frozen=True)
class Written:
    """A file's new text, and what became of its entries."""

    text: str
    kept: tuple[Deviation, ...]
    gone: tuple[Deviation, ...]
    new: tuple[Deviation, ...]


def written(run: Run, text: str, source: str) -> Written:
    """A deviations file that fits the run.

    Args:
        run: of the implementation; a part of the suite is enough for a part of the entries.
        text: of the file as it is; empty for a new one.
        source: its name, for messages.

    Raises:
        UsageError: the text breaks a rule.
    """
    before = parse(text, source)
    here = {
        "torch": run.header.versions["torch"],
        "version": run.header.implementation["version"],
    }
    gone = tuple(e for e in before.entries if e.applies(**here) and _is_stale(e, run))
    kept = tuple(entry for entry in before.entries if entry not in gone)
    listing = [entry for entry in kept if entry.applies(**here)]
    found = [
        entry
        for verdict in clause_verdicts(run.cases)
        for entry in _entries(verdict, listing, gone, split=_splits_clauses(run))
    ]
    causes, new = with_causes(found, tomlkit.parse(text).get("cause", {}).keys())
    left = _without(text, before, gone)
    if left is None:  # TOML in another spelling: written whole, each reason in its entry
        kept, added = _in_full(kept, ()), _in_full(new, causes)
        return Written(as_toml([*kept, *added], causes), kept, gone, added)
    more = as_toml(new, causes)
    between = "\n" if left and more else ""
    return Written(left + between + more, kept, gone, tuple(new))


def _is_stale(entry: Deviation, run: Run) -> bool:
    """Whether the run shows that the entry says what is not so."""
    listed = {case.id: case for case in run.cases if entry.lists(case.id)}
    amiss = {case.id for each in clause_verdicts(run.cases) for case in each.amiss}
    passed = any(case.status == "pass" for case in listed.values())
    idle = not _splits_clauses(run) and not amiss & listed.keys()
    return bool(listed) and (passed or idle)


def _splits_clauses(run: Run) -> bool:
    """Whether cases of the same clauses were left to other runs, in which they may pass."""
    return run.header.shard is not None or bool(run.header.selection["case"])


def _entries(
    verdict: ClauseVerdict, listing: Iterable[Deviation], gone: Iterable[Deviation], *, split: bool
) -> list[Deviation]:
    """Entries for what keeps the clause from holding and is not listed.

    One entry where no case of the clause passed; else one for those that an entry listed
    that is gone, and one for each kind of observation.

    Args:
        verdict: on the cases of a clause.
        listing: the entries that stay.
        gone: the entries that go.
        split: there are other cases of the clause, of which nothing is known.
    """
    amiss = [case for case in verdict.amiss if case.status in AMISS or not split]
    new = [case for case in amiss if not any(e.lists(case.id) for e in listing)]
    grouped: dict[Deviation, list[CaseResult]] = {}
    for case in new:
        former = next((entry for entry in gone if entry.lists(case.id)), None)
        found = former or Deviation(case.clause, _kind(case))
        grouped.setdefault(found, []).append(case)
    whole = not split and not verdict.counts["pass"] and len(new) == len(verdict.amiss)
    if new and whole and not any(found in gone for found in grouped):
        return [Deviation(verdict.clause, _observed(new))]
    return [
        replace(found, cases=_subjects(cases), reason=_reason(found, cases, gone))
        for found, cases in grouped.items()
    ]


def _reason(found: Deviation, cases: list[CaseResult], gone: Iterable[Deviation]) -> str:
    return found.reason if found in gone else _observed(cases)


def _subjects(cases: Iterable[CaseResult]) -> tuple[str, ...]:
    return tuple(sorted(case.id.partition("/")[2] for case in cases))


def _kind(case: CaseResult) -> str:
    """What cases have in common that end alike; numbers and examples of a message differ."""
    return f"{case.status} {masked(case.message or '')}"


def _observed(cases: list[CaseResult]) -> str:
    """A reason: what was seen on each kind of case, with an example of each."""
    examples: dict[str, CaseResult] = {}
    for case in sorted(cases, key=lambda case: case.id):
        examples.setdefault(_kind(case), case)
    return " ".join(_seen(case) for case in examples.values())


def _seen(case: CaseResult) -> str:
    what = case.message or f"expected {case.expected}; observed {case.observed}"
    printable = "".join(c if c.isprintable() else " " for c in what)
    short = printable if len(printable) <= _LONGEST else f"{printable[:_LONGEST]} …"
    return f"Observed on {case.id.partition('/')[2]}: {case.status}, {' '.join(short.split())}."


def _in_full(entries: Iterable[Deviation], causes: Collection[str]) -> tuple[Deviation, ...]:
    """The entries, each with its reason in place of a cause, but for these causes."""
    return tuple(e if e.cause in causes else replace(e, cause=None) for e in entries)


def _without(text: str, before: Listed, gone: Collection[Deviation]) -> str | None:
    """The text without some entries; comments between entries stay.

    None where the entries are not written as tables under `[[deviation]]`, which is to be cut.
    """
    tables = _tables(text)
    places = [place for place, table in enumerate(tables) if _ENTRY.match(table)]
    if len(places) != len(before.entries):
        return None
    for place, entry in zip(places, before.entries, strict=True):
        if entry in gone:
            tables[place] = _trailing(tables[place])
    return "".join(tables)


def _tables(text: str) -> list[str]:
    """The text, cut before every line that heads a table."""
    masked_text = _TEXT.sub(lambda found: "." * len(found[0]), text)
    starts = [found.start() for found in _TABLE.finditer(masked_text)]
    return [text[start:end] for start, end in pairwise([0, *starts, len(text)])]


def _trailing(table: str) -> str:
    """The comments and empty lines behind an entry: they are about the next one."""
    found = _TRAILING.search(table)
    return found[0].removeprefix("\n") if found else ""
