"""Runs as Markdown, for the comment on a pull request.

The verdicts first; then, folded, every clause that does not hold, with its first cases and the
commands that run them again. What stands in a result file is shown and can do nothing: it may hold
Markdown, HTML and names of people. Bounded, for a comment is.
"""

import re
from collections.abc import Iterator, Sequence

from eqconform.registry import LEVELS
from eqconform.report.matrix import BROKEN, KNOWN, NOT_SHOWN, Column, Row, columns, rows
from eqconform.report.summary import share, verdict
from eqconform.report.words import number, one_line, plain, plural
from eqconform.results import CaseResult, Run
from eqconform.verdict import BROKEN as BROKEN_STATUSES
from eqconform.verdict import held_by_level, known_by_level

_LONGEST = 60_000  # characters; GitHub takes 65,536 in a comment
_CASES = 5  # of a clause that are shown
_VALUE = 200  # characters of a value that is shown


def markdown(runs: Sequence[Run], *, longest: int = _LONGEST) -> str:
    """The Markdown of the runs.

    Args:
        runs: in the order of the columns.
        longest: characters; clauses for which there is no room are counted.
    """
    found = columns(runs)
    text = _verdicts(found)
    details = list(_details(found))
    shown = 0
    for each in details:
        if len(text) + len(each) > longest - _VALUE:
            break
        text += each
        shown += 1
    if shown < len(details):
        rest = plural(len(details) - shown, "more clause")
        text += f"\nThere was no room for {rest}; `eqconform report --html` shows all.\n"
    return text


def _verdicts(found: Sequence[Column]) -> str:
    """The table of verdicts: a row per run, a column per level."""
    held = [held_by_level(column.run) for column in found]
    levels = [level for level in LEVELS if any(level in each for each in held)]
    lines = [
        "### Conformance of input-weight equalization",
        "",
        f"| implementation | verdict | {' | '.join(levels)} |" if levels else "| | verdict |",
        "|---" * (2 + len(levels)) + "|",
    ]
    for column, each in zip(found, held, strict=True):
        known = known_by_level(column.run)
        cells = [share(each[level], known[level]) if level in each else "-" for level in levels]
        words = verdict(column.run) if column.run.cases else "nothing was checked"
        lines.append("| " + " | ".join([_code(column.title), f"**{words}**", *cells]) + " |")
    return "\n".join(lines) + "\n"


def _details(found: Sequence[Column]) -> Iterator[str]:
    """What does not hold, clause by clause: what is not known first, MUST first."""
    states = (BROKEN, NOT_SHOWN, KNOWN)
    chosen = [
        (states.index(cell.state), LEVELS.index(row.level), place, row, column)
        for place, row in enumerate(rows(found))
        for column, cell in zip(found, row.cells, strict=True)
        if cell.state in states
    ]
    for *_, row, column in sorted(chosen, key=lambda each: each[:3]):
        yield _clause(row, column)


def _clause(row: Row, column: Column) -> str:
    cell = row.cells[column.number - 1]
    summary = f"{row.level} <code>{_escaped(row.id)}</code>, {_code(column.name)}"
    lines = [f"<details><summary>{cell.state}: {summary}: {cell.counts}</summary>", ""]
    if row.clause is not None:
        lines += [f"> {_escaped(row.clause.text)}", ""]
    amiss = [case for case in cell.cases if case.status != "pass"]
    amiss.sort(key=lambda case: case.status not in BROKEN_STATUSES)
    reasons = dict.fromkeys(_reasons(column.run, amiss))
    lines += [f"Known: {_escaped(one_line(reason, 2 * _VALUE))}\n" for reason in reasons]
    lines += ["| case | | expected | observed | error | tolerance |", "|---" * 6 + "|"]
    lines += [_case(case) for case in amiss[:_CASES]]
    if len(amiss) > _CASES:
        lines += ["", f"and {len(amiss) - _CASES} more."]
    command = plain(amiss[0].reproduce)
    fence = "`" * (3 + max(map(len, re.findall("`+", command)), default=0))
    return "\n".join([*lines, "", f"{fence}console", command, fence, "</details>", ""])


def _reasons(run: Run, cases: Sequence[CaseResult]) -> Iterator[str]:
    for case in cases:
        if run.header.deviations is not None and case.deviation is not None:
            yield run.header.deviations.entries[case.deviation].reason


def _case(case: CaseResult) -> str:
    expected = case.message if case.expected is None else case.expected
    cells = [
        _code(case.id.partition("/")[2]),
        case.status,
        _code(expected or ""),
        _code(case.observed or ""),
        "" if case.error is None else number(case.error),
        "" if case.error is None else number(case.tolerance),
    ]
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    """A value as code: in HTML, where names of people call nobody."""
    return f"<code>{_escaped(one_line(text, _VALUE))}</code>" if text else ""


def _escaped(text: str) -> str:
    """The text without a meaning to Markdown or HTML, every mark of either as its number."""
    return re.sub(r"[^\w\s.,:;=()+/-]", lambda found: f"&#{ord(found[0])};", plain(text)).replace(
        "_", "&#95;"
    )
