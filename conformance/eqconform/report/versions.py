"""docs/versions.md's tables: what each clause came to with each version of torch.

`tox run -m versions` judges with one version after the other. Its result files are kept in short,
one for each implementation and version, with how every case ended and no more:

    python -m eqconform.report.versions CHECKOUT [RESULT…]

keeps the result files that are named, and writes the tables anew from all that are kept. Only whole
runs that asked the same of every version are kept; where one is none, nothing is written. A test
holds document and records equal.
"""

import json
import sys
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from eqconform.files import write_whole
from eqconform.reading import read
from eqconform.report.marked import rewritten, table
from eqconform.report.matrix import HOLDS, NOT_JUDGED, Cell, asked, columns, rows
from eqconform.report.summary import claims_of, must_by_claim, verdict
from eqconform.results import CaseResult, Header, ResultError, Run, file_name
from eqconform.selection import UsageError
from eqconform.verdict import clause_verdicts, of_selection

_DOCUMENT = Path("docs", "versions.md")
_RECORDS = Path("records", "versions")
_ALIKE = {
    "clauses": "by other clauses",
    "budget": "at another budget",
    "seed": "with another seed",
    "device": "on another device",
}
"""In what the headers of an implementation's runs agree, and what is said of one that does not."""


def shortened(run: Run) -> str:
    """A run in short: JSON, with a line for each clause, so that a change is a change of a line."""
    header = json.dumps({**asdict(run.header), "deviations": None}, indent=1)
    clauses = [
        f"{json.dumps(each.clause)}: {json.dumps(_in_short(each.claim, each.level, each.cases))}"
        for each in clause_verdicts(run.cases)
    ]
    return f'{{"header": {header},\n"clauses": {{\n' + ",\n".join(clauses) + "\n}}\n"


def _in_short(claim: str, level: str, cases: Iterable[CaseResult]) -> dict[str, Any]:
    subjects: dict[str, list[str]] = {}
    for case in cases:
        subjects.setdefault(case.status, []).append(case.id.partition("/")[2])
    return {"claim": claim, "level": level, "cases": subjects}


def lengthened(text: str) -> Run:
    """The run that `shortened` made the text of: its verdicts, and of each case how it ended."""
    value = json.loads(text)
    cases = (each for item in value["clauses"].items() for each in _cases(*item))
    return Run(Header(**value["header"]), tuple(cases))


def _cases(clause: str, about: Mapping[str, Any]) -> Iterator[CaseResult]:
    for status, subjects in about["cases"].items():
        for subject in subjects:
            yield CaseResult(
                id=f"{clause}/{subject}",
                clause=clause,
                claim=about["claim"],
                level=about["level"],
                status=status,
                seconds=0.0,
                network=None,
                expected=None,
                observed=None,
                error=None,
                tolerance=None,
                message=None,
                reproduce="",
            )


def recorded(folder: Path, implementation: str) -> list[Run]:
    """What is kept of an implementation, from the oldest torch to the newest.

    Raises:
        UsageError: nothing is, or not every version was asked the same.
    """
    kept = _kept(folder).values()
    runs = sorted((run for run in kept if _implementation(run) == implementation), key=_torch)
    if not runs:
        raise UsageError(f"{folder} has no record of {implementation}")
    _require_alike(runs)
    return runs


def _kept(folder: Path, *, but: Container[str] = ()) -> dict[str, Run]:
    """The records of a folder by the names of their files, but those that are to be replaced.

    Raises:
        UsageError: a file is none.
    """
    return {
        path.name: _kept_in(path) for path in sorted(folder.glob("*.json")) if path.name not in but
    }


def _kept_in(path: Path) -> Run:
    try:
        return lengthened(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise UsageError(
            f"cannot read the record {path}: {error}; record that version anew"
        ) from error


def _require_alike(runs: Sequence[Run]) -> None:
    """Every run was asked the same, or the difference would not be of torch.

    Raises:
        UsageError: not so; the message names the runs that differ from the most.
    """
    for field, otherwise in _ALIKE.items():
        judged = [getattr(run.header, field) for run in runs]
        usual, _ = Counter(judged).most_common(1)[0]
        odd = [_name(run) for run, found in zip(runs, judged, strict=True) if found != usual]
        if odd:
            raise UsageError(f"{', '.join(odd)}: judged {otherwise} than the rest; record all anew")


def summary_rows(runs: Sequence[Run]) -> str:
    """How many MUST clauses hold, claim by claim: a Markdown table with a column per version."""
    held = [must_by_claim(run) for run in runs]
    claims = [claim for claim in claims_of(runs[-1].cases) if any(claim in each for each in held)]
    counts = [
        [claim, *("{} of {}".format(*each[claim]) if claim in each else "" for each in held)]
        for claim in claims
    ]
    head = _head(runs, "MUST clauses that hold")
    return table([head, *counts, ["**verdict**", *(verdict(run) for run in runs)]])


def changed_rows(runs: Sequence[Run]) -> str:
    """The cases that did not end alike with every version: a Markdown table."""
    ends = [{case.id: case.status for case in run.cases} for run in runs]
    ids = dict.fromkeys(case for each in reversed(ends) for case in each)
    found = [[f"`{case}`", *(each.get(case, NOT_JUDGED) for each in ends)] for case in ids]
    return table([_head(runs, "case"), *(row for row in found if len(set(row[1:])) > 1)])


def matrix_rows(runs: Sequence[Run]) -> str:
    """What every clause came to: a Markdown table with a column per version."""
    found = [[row.level, f"`{row.id}`", *map(_in_words, row.cells)] for row in rows(columns(runs))]
    return table([["level", *_head(runs, "clause")], *found])


def _in_words(cell: Cell) -> str:
    """That it holds; or how many cases passed, of those that there were."""
    if cell.state == HOLDS or not cell.cases:
        return cell.state
    return f"{cell.passed}/{len(cell.cases)}"


def _head(runs: Sequence[Run], first: str) -> list[str]:
    return [first, *(str(_torch(run)) for run in runs)]


def _torch(run: Run) -> Version:
    """The release of torch, whatever it was built for."""
    return Version(Version(run.header.versions["torch"]).public)


def _implementation(run: Run) -> str:
    name: str = run.header.implementation["name"]
    return name


def _name(run: Run) -> str:
    """Of the file that a run is kept in: there is one for each minor release."""
    torch = _torch(run)
    return f"{_implementation(run)}-{torch.major}.{torch.minor}.json"


def generated(checkout: Path) -> str:
    """What docs/versions.md of a checkout should hold."""
    torch_ao = recorded(checkout / _RECORDS, "torch_ao")
    parts = {
        "reference": summary_rows(recorded(checkout / _RECORDS, "reference")),
        "summary": summary_rows(torch_ao),
        "changed": changed_rows(torch_ao),
        "matrix": matrix_rows(torch_ao),
    }
    text = (checkout / _DOCUMENT).read_text(encoding="utf-8")
    for name, part in parts.items():
        text = rewritten(text, name, part, where=str(_DOCUMENT))
    return text


def record(checkout: Path, results: Iterable[Path]) -> None:
    """Keep result files in short, in place of what was kept of the same versions.

    All are looked at before one is written.

    Raises:
        UsageError: this is no checkout, or a result file is none that can be kept beside the
            others: a part of a run, of a version that another is of, or asked something else.
        ResultError: a result file is incomplete.
    """
    folder = checkout / _RECORDS
    if not folder.is_dir():
        raise UsageError(f"{checkout.resolve()} is no checkout of eqconform: it has no {_RECORDS}")
    added = _by_name(results)
    together = {**_kept(folder, but=added), **added}.values()
    for implementation in dict.fromkeys(map(_implementation, added.values())):
        _require_alike([run for run in together if _implementation(run) == implementation])
    for name, run in added.items():
        write_whole(folder / name, shortened(run))


def _by_name(results: Iterable[Path]) -> dict[str, Run]:
    """The runs of result files, by the names that they are to be kept under.

    Raises:
        UsageError: one cannot be kept, or two would be kept under one name.
        ResultError: a result file is incomplete.
    """
    found: dict[str, tuple[Path, Run]] = {}
    for path in results:
        run = read(path)
        if reason := _not_to_be_kept(run):
            raise UsageError(f"{path} cannot be recorded: {reason}; nothing was written")
        if (name := _name(run)) in found:
            raise UsageError(
                f"{found[name][0]} and {path} would both be kept as {name}: give one for each "
                "minor release; nothing was written"
            )
        found[name] = (path, run)
    return {name: run for name, (_, run) in found.items()}


def _not_to_be_kept(run: Run) -> str:
    """Why a run is not one of a version of torch, in words; empty where it is."""
    if of_selection(run):
        return f"it is of a selection ({asked(run.header)}), not of all clauses"
    if run.header.shard is not None:
        return f"it is shard {run.header.shard}; put the shards together with `eqconform merge`"
    name = _implementation(run)
    if file_name(name) != f"{name}.jsonl":
        return f"{name!r}, as its implementation is called, is no name of a file"
    try:
        _torch(run)
    except InvalidVersion:
        return f"torch {run.header.versions['torch']!r} is no version"
    return ""


def write(checkout: Path, results: Iterable[Path]) -> None:
    """Keep result files, and write the tables of a checkout.

    Raises:
        UsageError: this is no checkout, or not every version was asked the same.
        ResultError: a result file is incomplete.
    """
    record(checkout, results)
    write_whole(checkout / _DOCUMENT, generated(checkout))


if __name__ == "__main__":
    try:
        write(Path(sys.argv[1] if len(sys.argv) > 1 else "."), map(Path, sys.argv[2:]))
    except (UsageError, ResultError) as error:
        sys.exit(f"eqconform: {error}")
