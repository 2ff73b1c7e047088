"""docs/versions.md's tables: what each clause came to with each version of torch.

`tox run -m versions` judges with one version after the other. Its result files are kept in short,
one for each implementation and version, with how every case ended and no more:

    python -m eqconform.report.versions CHECKOUT [RESULT…]

keeps the result files that are named, and writes the tables anew from all that are kept. A test
holds document and records equal.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from packaging.version import Version

from eqconform.files import write_whole
from eqconform.reading import read
from eqconform.report.marked import rewritten, table
from eqconform.report.matrix import HOLDS, NOT_JUDGED, Cell, columns, rows
from eqconform.report.summary import claims_of, must_by_claim, verdict
from eqconform.results import CaseResult, Header, Run
from eqconform.selection import UsageError
from eqconform.verdict import clause_verdicts

_DOCUMENT = Path("docs", "versions.md")
_RECORDS = Path("records", "versions")


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
        UsageError: nothing is, or it was not judged by the same clauses.
    """
    texts = (path.read_text(encoding="utf-8") for path in folder.glob(f"{implementation}-*.json"))
    runs = sorted(map(lengthened, texts), key=_torch)
    if not runs:
        raise UsageError(f"{folder} has no record of {implementation}")
    judged = [(run.header.clauses, run.header.budget) for run in runs]
    usual, _ = Counter(judged).most_common(1)[0]
    odd = [_name(run) for run, found in zip(runs, judged, strict=True) if found != usual]
    if odd:
        raise UsageError(f"{', '.join(odd)}: judged by other clauses than the rest; record anew")
    return runs


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


def _name(run: Run) -> str:
    """Of the file that a run is kept in: there is one for each minor release."""
    torch = _torch(run)
    return f"{run.header.implementation['name']}-{torch.major}.{torch.minor}.json"


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

    Raises:
        UsageError: this is no checkout.
        ResultError: a result file is incomplete.
    """
    folder = checkout / _RECORDS
    if not folder.is_dir():
        raise UsageError(f"{checkout.resolve()} is no checkout of eqconform: it has no {_RECORDS}")
    for path in results:
        run = read(path)
        write_whole(folder / _name(run), shortened(run))


def write(checkout: Path, results: Iterable[Path]) -> None:
    """Keep result files, and write the tables of a checkout.

    Raises:
        UsageError: this is no checkout, or what is kept was judged by different clauses.
        ResultError: a result file is incomplete.
    """
    record(checkout, results)
    write_whole(checkout / _DOCUMENT, generated(checkout))


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "."), map(Path, sys.argv[2:]))
