"""A comparison on the terminal: what is worse first, clause by clause, with the cases of each."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

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
    words = [
        f"{plural(clauses[kind], 'clause')} and {plural(cases[kind], 'case')} {kind}"
        for kind in _ORDER
        if clauses[kind] or cases[kind]
    ]
    both = plural(comparison.compared, "case")
    return f"{both} compared: {', '.join(words) or 'no difference'}"


def _print_kind(console: Console, comparison: Comparison, kind: str, *, verbose: bool) -> None:
    clauses = {each.id: each for each in comparison.clauses if each.kind == kind}
    cases: dict[str, list[Change]] = {name: [] for name in clauses}
    for case in comparison.cases:
        if case.kind == kind:
            cases.setdefault(case.id.partition("/")[0], []).append(case)
    if not cases:
        return
    console.print()
    console.print(Text(kind.capitalize(), style=f"bold {_STYLES.get(kind, '')}".strip()))
    for name, changes in cases.items():
        level = clauses[name].level if name in clauses else changes[0].level
        said = f": {clauses[name].before} -> {clauses[name].after}" if name in clauses else ""
        indented(console, f"{level} {name}{said}", 2)
        for line in _lines(changes, verbose=verbose):
            indented(console, line, 4)


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
