"""Reads a deviations file: TOML, held to its own rules.

    [[deviation]]
    clause = "equalize.grouped"               # an id of the registry
    case = ["depthwise-*", "grouped-conv2d"]  # subjects, or patterns of them; left out: all
    reason = "What the implementation does, and where."
    issue = "https://…"                       # optional: where it is reported
    torch = ">=2.1,<2.16"                     # optional: only with these versions of torch
    version = ">=1.0"                         # optional: only with these of the implementation

What is behind deviations from several clauses can be said once, and named by each of them with
`cause = "axis-one"` in place of a reason:

    [cause.axis-one]
    reason = "What the implementation does, and where."
    issue = "https://…"                       # optional

A mistake is an error and never a warning: an entry that says nothing would hide what it means
to show.
"""

import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from eqconform.deviations.entries import Deviation, Listed
from eqconform.deviations.ranges import range_problem
from eqconform.files import why_unread
from eqconform.registry import clauses
from eqconform.selection import UsageError, near

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NONE = "none"  # what the command line calls no file at all

_RANGES = ("torch", "version")
_TEXTS = ("clause", "reason", "cause", "issue", *_RANGES)


def listed_for(spec: str, option: str | None) -> Listed | None:
    """The entries that a run of an implementation goes by.

    Args:
        spec: the implementation, as on the command line.
        option: the file that was asked for, "none", or None for what ships.

    Raises:
        UsageError: the file cannot be read, or breaks a rule.
    """
    if option == NONE:
        return None
    return shipped(spec) if option is None else read(Path(option))


def shipped(spec: str) -> Listed | None:
    """The entries that ship for a registered implementation, if any do."""
    text = shipped_text(spec)
    return None if text is None else parse(text, f"{spec}.toml of eqconform")


def shipped_text(spec: str) -> str | None:
    """The text of the file that ships for a registered implementation, if one does."""
    file = files("eqconform.deviations") / f"{spec}.toml"
    return file.read_text(encoding="utf-8") if spec.isidentifier() and file.is_file() else None


def read(path: Path) -> Listed:
    """The entries of a file.

    Raises:
        UsageError: it cannot be read, or breaks a rule.
    """
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        what = f"cannot read the deviations file {path}: {why_unread(error)}"
        raise UsageError(what) from error


def parse(text: str, source: str) -> Listed:
    """The entries of a file's text.

    Raises:
        UsageError: it is not TOML, or entries break rules; the message names every one.
    """
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{source} is not TOML: {error}") from error
    tables, causes = content.pop("deviation", []), content.pop("cause", {})
    problems = [f"unknown key {key!r}; entries stand under [[deviation]]" for key in content]
    problems += _cause_problems(causes)
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        problems, tables = [*problems, "deviation is not a list of tables: [[deviation]]"], []
    for number, table in enumerate(tables, start=1):
        where = f"entry {number} ({table.get('clause', 'without clause')})"
        problems += [f"{where}: {problem}" for problem in _problems(table, causes)]
    require_none(problems, source)
    entries = tuple(_entry(table, causes) for table in tables)
    require_none(_duplicates(entries), source)
    return Listed(source, entries)


def require_none(problems: list[str], source: str) -> None:
    """Refuse a file that has problems.

    Raises:
        UsageError: there are some; the message holds all of them.
    """
    if len(problems) == 1:
        raise UsageError(f"{source}: {problems[0]}")
    if problems:
        raise UsageError("\n  ".join([f"{source}: {len(problems)} mistakes", *problems]))


def _cause_problems(causes: object) -> list[str]:
    if not isinstance(causes, dict):
        return ["cause is not a table of causes: [cause.name]"]
    found = []
    for name, cause in causes.items():
        if not isinstance(cause, dict) or not {"reason"} <= cause.keys() <= {"reason", "issue"}:
            found.append(f"cause {name}: it has a reason, and maybe an issue, and nothing else")
        elif empty := [key for key, value in cause.items() if not _is_text(value)]:
            found.append(f"cause {name}: its {', '.join(empty)} is not text, or empty")
    return found


def _problems(table: Mapping[str, Any], causes: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with one table."""
    found = [
        f"unknown key {key!r}.{near(key, (*_TEXTS, 'case'))}"
        for key in table
        if key not in (*_TEXTS, "case")
    ]
    found += [
        f"its {key} is not text, or empty: {table[key]!r}"
        for key in _TEXTS
        if key in table and not _is_text(table[key])
    ]
    found += [] if "clause" in table else ["it has no clause"]
    found += _reason_problems(table, causes)
    if "case" in table and not _are_cases(table["case"]):
        found.append(f"its case is neither a name or pattern nor a list of them: {table['case']!r}")
    if _is_text(table.get("clause")):
        found += _clause_problems(table["clause"])
    return found + [problem for key in _RANGES for problem in _range_problems(key, table.get(key))]


def _reason_problems(table: Mapping[str, Any], causes: Mapping[str, Any]) -> list[str]:
    """A reason stands in the entry, or is that of a cause that it names."""
    if "reason" in table and "cause" in table:
        return ["it has a reason and a cause, which has one too"]
    if "reason" not in table and "cause" not in table:
        return ["it has no reason"]
    name = table.get("cause")
    if _is_text(name) and isinstance(causes, dict) and name not in causes:
        return [f"no cause is called {name!r}.{near(str(name), causes)}"]
    return []


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _are_cases(value: object) -> bool:
    patterns = value if isinstance(value, list) else [value]
    return bool(patterns) and all(_is_text(pattern) for pattern in patterns)


def _clause_problems(name: str) -> list[str]:
    clause = clauses().get(name)
    if clause is None:
        return [f"no clause is called {name!r}.{near(name, clauses())}"]
    if clause.excluded is not None:
        return [f"the clause is not judged: {clause.excluded}"]
    return []


def _range_problems(key: str, value: object) -> list[str]:
    if not isinstance(value, str):
        return []
    problem = range_problem(value)
    return [f"its {key} {problem}: {value!r}"] if problem else []


def _entry(table: Mapping[str, Any], causes: Mapping[str, Any]) -> Deviation:
    case = table.get("case", [])
    cause = causes[table["cause"]] if "cause" in table else table
    return Deviation(
        clause=table["clause"],
        reason=" ".join(cause["reason"].split()),  # a reason may be written over several lines
        cases=tuple(case) if isinstance(case, list) else (case,),
        issue=table.get("issue", cause.get("issue")),
        cause=table.get("cause"),
        torch=table.get("torch"),
        version=table.get("version"),
    )


def _duplicates(entries: tuple[Deviation, ...]) -> list[str]:
    """Entries that say of a case what another one says of it, for the same versions."""
    seen: set[tuple[str, str, str | None, str | None]] = set()
    found = []
    for entry in entries:
        for case in entry.cases or ("*",):
            key = (entry.clause, case, entry.torch, entry.version)
            if key in seen:
                found.append(f"{entry.clause} ({case}) is entered twice")
            seen.add(key)
    return found
