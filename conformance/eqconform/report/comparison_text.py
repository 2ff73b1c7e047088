"""A comparison on the terminal: what is worse first, clause by clause, MUST first.

A kind of change that touches few clauses is told with the cases of each; of one that touches many,
the clauses are, and how many cases of each.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from eqconform.registry import LEVELS
from eqconform.report.comparison import (
    ADDED,
    CHANGED,
    IMPROVED,
    REGRESSED,
    REMOVED,
    Change,
    Comparison,
)
from eqconform.report.words import indented, plain, plural

_ORDER = (REGRESSED, REMOVED, CHANGED, ADDED, IMPROVED)
_STYLES = {REGRESSED: "red", IMPROVED: "green"}
_SHOWN = 8  # cases of a clause that are named unless all are asked for
_LINES = 20  # of a kind of change, likewise


@dataclass(frozen=True)
class _Changed:
    """A clause, and its cases that changed in one way; its own change, where it did likewise."""

    id: str
    clause: Change | None
    cases: tuple[Change, ...]

    @property
    def level(self) -> str:
        """Of the clause."""
        return (self.clause or self.cases[0]).level

    @property
    def headline(self) -> str:
        """What became of the clause itself."""
        said = f": {self.clause.before} -> {self.clause.after}" if self.clause else ""
        return f"{self.level} {self.id}{said}"

    @property
    def counted(self) -> str:
        """The headline, with the number of cases in place of their names."""
        number = f" ({plural(len(self.cases), 'case')})" if self.cases else ""
        return f"{self.headline}{number}"


def print_comparison(console: Console, comparison: Comparison, *, verbose: bool = False) -> None:
    """Everything that changed, and a closing line."""
    console.print()
    title = f"{comparison.before.title}\n  -> {comparison.after.title}"
    console.print(Text(plain(title), style="bold"), soft_wrap=True)
    for kind in _ORDER:
        _print_kind(console, comparison, kind, verbose=verbose)
    console.print()
    console.print(Text(closing(comparison), style="bold"), soft_wrap=True)


def closing(comparison: Comparison) -> str:
    """How many clauses and cases are worse, better, other, new and gone."""
    clauses = Counter(each.kind for each in comparison.clauses)
    cases = Counter(each.kind for each in comparison.cases)
    words = [_count(clauses[kind], cases[kind], kind) for kind in _ORDER]
    both = plural(comparison.compared, "case")
    return f"{both} compared: {', '.join(filter(None, words)) or 'no difference'}"


def _count(clauses: int, cases: int, kind: str) -> str:
    """How much changed in one way; empty for nothing."""
    both = [plural(n, noun) for n, noun in ((clauses, "clause"), (cases, "case")) if n]
    return f"{' and '.join(both)} {kind}" if both else ""


def _print_kind(console: Console, comparison: Comparison, kind: str, *, verbose: bool) -> None:
    changed = _changed(comparison, kind)
    if not changed:
        return
    console.print()
    console.print(Text(kind.capitalize(), style=f"bold {_STYLES.get(kind, '')}".strip()))
    details = [_lines(each.cases, verbose=verbose) for each in changed]
    if not verbose and len(changed) + sum(map(len, details)) > _LINES:
        _print_clauses(console, changed)
        return
    for each, lines in zip(changed, details, strict=True):
        indented(console, each.headline, 2)
        for line in lines:
            indented(console, line, 4)


def _print_clauses(console: Console, changed: Sequence[_Changed]) -> None:
    """The first of the clauses, a line for each, and how many more there are."""
    for each in changed[:_LINES]:
        indented(console, each.counted, 2)
    more = len(changed) - _LINES
    indented(console, f"… and {more} more (--verbose)" if more > 0 else "(cases: --verbose)", 2)


def _changed(comparison: Comparison, kind: str) -> list[_Changed]:
    """The clauses that changed in this way, or of which a case did, MUST first."""
    clauses = {each.id: each for each in comparison.clauses if each.kind == kind}
    cases: dict[str, list[Change]] = {name: [] for name in clauses}
    for case in comparison.cases:
        if case.kind == kind:
            cases.setdefault(case.id.partition("/")[0], []).append(case)
    found = [_Changed(name, clauses.get(name), tuple(of)) for name, of in cases.items()]
    return sorted(found, key=lambda each: LEVELS.index(each.level))


def _lines(changes: Sequence[Change], *, verbose: bool) -> list[str]:
    """The cases by what became of them: "pass -> fail: one, two and 3 more"."""
    by_change: dict[str, list[str]] = {}
    for each in changes:
        words = " -> ".join(filter(None, (each.before, each.after)))
        by_change.setdefault(words, []).append(each.id.partition("/")[2])
    return [f"{words}: {_named(names, verbose=verbose)}" for words, names in by_change.items()]


def _named(names: Sequence[str], *, verbose: bool) -> str:
    if verbose or len(names) <= _SHOWN:
        return ", ".join(names)
    return f"{', '.join(names[:_SHOWN])} and {len(names) - _SHOWN} more (--verbose)"
