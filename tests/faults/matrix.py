"""Which clauses catch which fault: `python tests/faults/matrix.py [--write docs/faults.md]`.

With `--update docs/faults.md` those faults alone are measured that have no row there, or another
one: other clauses that must catch them, or another description. With `--list docs/faults.md` those
get their row in seconds, and are measured by the next `--update`.

Every fault meets the clauses of its claims that its base passes (`honest.Honest`,
`by_hooks.ByHooks`, `oracle.Oracle` and the like), on the first cases of each at the quick budget,
until one catches it. Its claims are those of the clauses that it names.
That a fault is caught by the clauses that it names is not asked again: `test_faults.py` asks.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

import torch
from hypothesis import Phase, settings
from oracle import Oracle
from registered import Fault, described, named_catchers

from eqconform import Implementation
from eqconform.checks import examples
from eqconform.engine.sandbox import isolated
from eqconform.judge.cases import Case, all_checks

CASES = 2
"""So many cases of a clause are tried on a fault that does not name it."""

EXAMPLES = 8
"""So many examples of a property."""

LEFT_OUT = (
    *("equalize.vision", "equalize.compiles", "equalize.exports", "equalize.jit-traces"),
    *("equalize.random-networks", "chain.random-networks", "distributed.reduced-ranges"),
)
"""Clauses that cost seconds a case: asked only of the faults that name them."""

_PROCESSES = 2


class Row(NamedTuple):
    """What is known of a fault."""

    name: str
    what: str
    named: tuple[str, ...]
    others: tuple[str, ...]

    def __str__(self) -> str:
        """A line of the table."""
        count = len(self.named) + len(self.others)
        return f"{self.beginning}{_codes(self.others)} | {count} |"

    @property
    def beginning(self) -> str:
        """The line as far as it is known from the register."""
        return f"| `{self.name}` | {self.what} | {_codes(self.named)} | "


def base_of(fault: Fault) -> Fault:
    """The implementation that a fault is not: the first of its ancestors that is none itself."""
    return next(each for each in fault.__mro__ if not each.__module__.startswith("faults_"))


def passed_by(base: Fault) -> dict[str, list[str]]:
    """The first cases of every clause that the base passes, by clause."""
    _prepare()
    found = {}
    for check in all_checks():
        if check.clause not in LEFT_OUT and check.claimed_by(_instance(base, None)):
            tried = islice(check.cases("quick"), CASES)
            found[check.clause] = [case.id for case in tried if _passes(base, case)]
    return {clause: ids for clause, ids in found.items() if ids}


def caught_by_others(fault: Fault, passed: dict[str, list[str]]) -> tuple[str, ...]:
    """The clauses that catch a fault though it does not name them."""
    _prepare()
    named = named_catchers()[fault]
    claims = {claim_of(clause) for clause in named}
    cases = {case.id: case for each in all_checks() for case in each.cases("quick")}
    return tuple(
        clause
        for clause, ids in passed.items()
        if clause not in named
        and claim_of(clause) in claims
        and not all(_passes(fault, cases[each]) for each in ids)
    )


def claim_of(clause: str) -> str:
    """The claim that a clause belongs to."""
    return clause.partition(".")[0]


def matrix(known: str = "", *, measure: bool = True) -> list[str]:
    """The document's lines, one for every fault, in the order of the register.

    Args:
        known: a document whose lines are to be taken over, where they are still true.
        measure: the faults that have no such line; else they are listed as they are.
    """
    rows = {fault: row_of(fault) for fault in named_catchers()}
    lines = {fault: _known_line(row, known) for fault, row in rows.items()}
    if not measure:
        return [lines[fault] or row.beginning + _NOT_MEASURED for fault, row in rows.items()]
    missing = [fault for fault, line in lines.items() if not line or line.endswith(_NOT_MEASURED)]
    for fault, others in measured(missing).items():
        lines[fault] = str(rows[fault]._replace(others=others))
    return [lines[fault] for fault in rows]


def measured(faults: list[Fault]) -> dict[Fault, tuple[str, ...]]:
    """The clauses that catch each fault though it does not name them."""
    bases = list(dict.fromkeys(map(base_of, faults)))
    with ProcessPoolExecutor(_PROCESSES, get_context("spawn")) as pool:
        passed = dict(zip(bases, pool.map(passed_by, bases), strict=True))
        others = pool.map(caught_by_others, faults, [passed[base_of(each)] for each in faults])
        return dict(zip(faults, others, strict=True))


def rendered(lines: Iterable[str]) -> str:
    """The document."""
    sections = defaultdict(list)
    for fault, line in zip(named_catchers(), lines, strict=True):
        sections[_section(fault)].append(line)
    parts = [_INTRODUCTION.format(cases=CASES, examples=EXAMPLES, left_out=_codes(LEFT_OUT))]
    for section, members in sections.items():
        parts += [f"## {section}\n", _HEAD, *members, ""]
    return "\n".join(parts)


_NOT_MEASURED = "not measured | - |"
_COLUMNS = ("fault", "what it does", "must be caught by", "is caught too by", "clauses")
_HEAD = f"| {' | '.join(_COLUMNS)} |\n{'|---' * len(_COLUMNS)}|"
_INTRODUCTION = """\
# Faults, and the clauses that catch them

Implementations that are wrong in one way each, from `tests/faults/`. A fault is registered with
the clauses that must catch it, which `tests/faults/test_faults.py` holds the suite to. What catches
it besides, of the clauses of the same claims, is measured here, by
`python tests/faults/matrix.py --write docs/faults.md`: the first {cases} cases of every clause, and
{examples} examples of a property, that are passed by the right implementation which the fault was
made from. Not asked, for they take seconds a case: {left_out}.
"""


def row_of(fault: Fault) -> Row:
    """What the register knows of a fault."""
    return Row(fault.__name__, described(fault), named_catchers()[fault], ())


def _known_line(row: Row, document: str) -> str:
    return next((line for line in document.splitlines() if line.startswith(row.beginning)), "")


def _section(fault: Fault) -> str:
    return (import_module(fault.__module__).__doc__ or "").split("\n")[0].rstrip(".")


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "-"


def _instance(implementation: Fault, subject: object) -> Implementation:
    if issubclass(implementation, Oracle):
        return implementation(subject) if subject else implementation.__new__(implementation)
    return implementation()


def _passes(implementation: Fault, case: Case) -> bool:
    try:
        made = _instance(implementation, case.subject)
    except AttributeError:  # the oracle knows networks, and no other subject
        return False
    try:
        with isolated(0):
            case.judge(made)
    except Exception:  # noqa: BLE001  whatever it is, it is no pass
        return False
    return True


def _prepare() -> None:
    """Once in a process: one thread, and no search for the smallest example."""
    torch.set_num_threads(1)
    examples.SEARCH = settings(examples.SEARCH, max_examples=EXAMPLES, phases=(Phase.generate,))
    for module in sorted(Path(__file__).parent.glob("faults_*.py")):
        import_module(module.stem)


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description="which clauses catch which fault")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--write", type=Path, metavar="FILE")
    way.add_argument("--update", type=Path, metavar="FILE")
    way.add_argument("--list", type=Path, metavar="FILE")
    given = parser.parse_args()
    _prepare()
    old = given.update or given.list
    known = old.read_text(encoding="utf-8") if old and old.exists() else ""
    text = rendered(matrix(known, measure=given.list is None))
    target = given.write or old
    if target is None:
        sys.stdout.write(text)
    else:
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
