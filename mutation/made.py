"""The mutants: what each changes, in words, and at which lines.

mutmut makes them all in one copy of the sources, where a function stands once as it was and once
for each of its mutants, and a variable of the environment says which one is at work. Here the two
are held side by side as syntax trees.
"""

import ast
import os
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from mutmut.__main__ import create_mutants
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.utils.file_utils import copy_src_dir, setup_source_paths

PACKAGE = "eqconform_reference."
SOURCES = Path("mutants/src/eqconform_reference")

_Function = ast.FunctionDef | ast.AsyncFunctionDef

_SPOKEN = (ast.expr, ast.keyword, ast.comprehension)
_ENOUGH = 45  # characters


class Mutant(NamedTuple):
    """One change of one function.

    Attributes:
        name: as mutmut has it, from the module on.
        module: of the function.
        function: its name, after that of its class.
        change: what stood there, and what stands there now.
        lines: of the module's mutated copy; a case that runs none of them cannot catch it.
        digest: of the function before and after. Numbers and lines move when a function changes
            that stands before it; the digest does not.
        left_out: why it is not judged, or "".
    """

    name: str
    module: str
    function: str
    change: str
    lines: frozenset[int]
    digest: str
    left_out: str


def made() -> list[Mutant]:
    """All mutants, which are made anew where the sources are newer."""
    set_mutant_under_test("mutant_generation")
    Path("mutants").mkdir(exist_ok=True)
    copy_src_dir()
    setup_source_paths()
    # For the processes that a case starts.
    paths = [str(Path("mutants/src").absolute()), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    create_mutants(1)
    return [mutant for file in sorted(SOURCES.glob("*.py")) for mutant in _of_file(file)]


def _of_file(file: Path) -> Iterator[Mutant]:
    tree = ast.parse(file.read_text())
    functions = {n.name: n for n in ast.walk(tree) if isinstance(n, _Function)}
    for name, node in functions.items():
        stem, mutmut, number = name.rpartition("__mutmut_")
        if mutmut and number != "orig":
            yield _mutant(file.stem, name, functions[f"{stem}__mutmut_orig"], node)


def _mutant(module: str, name: str, before: _Function, after: _Function) -> Mutant:
    stem = name.rpartition("__mutmut_")[0]
    place = _first_difference(before, after)
    nested = "ǁ" in stem  # xǁClassǁmethod
    texts = [_dump(each.args) + "".join(map(_dump, each.body)) for each in (before, after)]
    return Mutant(
        name=f"{module}.{name}",
        module=module,
        function=".".join(stem.split("ǁ")[1:]) if nested else stem.removeprefix("x_"),
        change=_change(place),
        lines=_lines(place) or frozenset(range(before.lineno, (before.end_lineno or 0) + 1)),
        digest=sha256("\n".join(texts).encode()).hexdigest()[:8],
        left_out=_left_out(place),
    )


_Pair = tuple[ast.AST, ast.AST]


def _first_difference(before: ast.AST, after: ast.AST) -> list[_Pair]:
    """Pairs of nodes from the functions down to the smallest that holds all that differs."""
    place = [(before, after)]
    while inner := _only_difference(*place[-1]):
        place.append(inner)
    return place


def _only_difference(before: ast.AST, after: ast.AST) -> _Pair | None:
    """The one pair of children that differ; None where that is no pair, or more than one."""
    if type(before) is not type(after):
        return None
    found = []
    for field in before._fields:
        if field == "name" and isinstance(before, _Function):
            continue
        old, new = (_as_list(getattr(each, field, None)) for each in (before, after))
        found += [pair for pair in zip_longest(old, new) if _dump(pair[0]) != _dump(pair[1])]
    (pair,) = found if len(found) == 1 else [(None, None)]
    signs = (ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context)
    nodes = isinstance(pair[0], ast.AST) and isinstance(pair[1], ast.AST)
    # A sign means nothing without what it stands between.
    return pair if nodes and not isinstance(pair[0], signs) else None


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _dump(value: object) -> str:
    return ast.dump(value) if isinstance(value, ast.AST) else repr(value)


def _lines(place: list[_Pair]) -> frozenset[int]:
    """Of the statement around the difference, without the statements inside of it."""
    statements = [old for old, _ in place[1:] if isinstance(old, ast.stmt)]
    if not statements:
        return frozenset()
    last = statements[-1]
    if not hasattr(last, "body"):
        return frozenset(range(last.lineno, (last.end_lineno or last.lineno) + 1))
    inside = ("body", "orelse", "finalbody", "handlers", "cases")
    own = [
        part
        for name, value in ast.iter_fields(last)
        if name not in inside
        for node in _as_list(value)
        if isinstance(node, ast.AST)
        for part in ast.walk(node)
    ]
    spans = [(n.lineno, n.end_lineno or n.lineno) for n in own if hasattr(n, "lineno")]
    return frozenset(line for first, last in spans for line in range(first, last + 1))


def _change(place: list[_Pair]) -> str:
    """In words, with enough around it to be told from others."""
    *around, (old, new) = place
    if isinstance(old, ast.Call) and isinstance(new, ast.Call):
        gone = _gone(old.args, new.args) + _gone(old.keywords, new.keywords)
        if len(gone) == 1 and len(old.args + old.keywords) > len(new.args + new.keywords):
            return f"{ast.unparse(old.func)}(…) without {gone[0]}"
    while around and isinstance(around[-1][0], _SPOKEN):
        outer, other = around.pop()
        if len(ast.unparse(outer)) > _ENOUGH:
            break
        old, new = outer, other
    return f"{ast.unparse(old)} → {ast.unparse(new)}"


def _gone(old: Sequence[ast.AST], new: Sequence[ast.AST]) -> list[str]:
    kept = {_dump(each) for each in new}
    return [ast.unparse(each) for each in old if _dump(each) not in kept]


def _left_out(place: list[_Pair]) -> str:
    """How an error or a reason is worded is no clause; nor is a check that lengths are equal."""
    old, new = place[-1]
    if isinstance(old, ast.Constant) and isinstance(old.value, str) and " " in old.value:
        return "words"
    named = [each for each, _ in place if isinstance(each, ast.keyword)]
    if named and named[-1].arg == "strict":
        return "strict"
    if isinstance(old, ast.Call) and isinstance(new, ast.Call):
        gone = _gone(old.keywords, new.keywords)
        return "strict" if gone == ["strict=True"] and len(old.args) == len(new.args) else ""
    return ""
