"""docs/versions.md says what came of each version of torch."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eqconform.reading import read
from eqconform.report.versions import (
    changed_rows,
    generated,
    lengthened,
    matrix_rows,
    record,
    recorded,
    shortened,
    summary_rows,
)
from eqconform.results import CaseResult, Header, Run, Shard
from eqconform.selection import UsageError
from eqconform.verdict import clause_verdicts, conformant

CHECKOUT = Path(__file__).parents[2]

in_a_checkout = pytest.mark.skipif(
    not (CHECKOUT / "records").is_dir(), reason="away from the checkout"
)


def judged(torch: str, ends: Mapping[str, str], *, clauses: str = "sha256:1") -> Run:
    """A run of an implementation called mine; how each case ended, by id."""
    header = Header(
        suite="0",
        clauses=clauses,
        implementation={"name": "mine", "version": "1"},
        versions={"torch": torch, "python": "3.11"},
        device="cpu",
        seed=0,
        budget="quick",
        selection={"claims": [], "clauses": [], "case": None},
        case_timeout=60.0,
        memory=None,
        planned=len(ends),
        not_claimed=(),
        started="",
    )
    return Run(header, tuple(case(*item) for item in ends.items()))


def case(name: str, status: str) -> CaseResult:
    clause = name.partition("/")[0]
    claim = clause.partition(".")[0]
    nothing = dict.fromkeys(("network", "expected", "observed", "error", "tolerance", "message"))
    return CaseResult(name, clause, claim, "MUST", status, 0.0, **nothing, reproduce="")


OLD = judged(
    "2.4.1+cu121",
    {
        "scale.formula/range": "pass",
        "chain.bias/relu": "error",
        "chain.bias/pool": "pass",
        "chain.bias/norm": "pass",
    },
)
NEW = judged(
    "2.15.0",
    {
        "scale.formula/range": "pass",
        "chain.bias/relu": "pass",
        "chain.bias/pool": "pass",
        "chain.bias/norm": "unsupported",
    },
)


def kept(folder: Path, *runs: Run) -> Path:
    """A folder that holds the runs, in the given order."""
    for place, run in enumerate(runs):
        (folder / f"mine-{place}.json").write_text(shortened(run), encoding="utf-8")
    return folder


@in_a_checkout
def test_the_document_says_what_was_recorded() -> None:
    """`python -m eqconform.report.versions` would change nothing."""
    document = CHECKOUT / "docs" / "versions.md"
    assert document.read_text(encoding="utf-8") == generated(CHECKOUT)


@in_a_checkout
@pytest.mark.parametrize("name", ["reference.jsonl", "torch_ao.jsonl"])
def test_a_run_in_short_says_what_the_run_says(name: str) -> None:
    """Every case ends as it did, and every clause and the run itself come to the same verdict."""
    run = read(CHECKOUT / "records" / name)
    again = lengthened(shortened(run))
    assert ends(again) == ends(run)
    assert verdicts(again) == verdicts(run)
    assert conformant(again) == conformant(run)
    assert again.header.versions == run.header.versions


def ends(run: Run) -> set[tuple[str, str, str, str]]:
    return {(case.id, case.claim, case.level, case.status) for case in run.cases}


def verdicts(run: Run) -> dict[str, bool]:
    return {each.clause: each.holds for each in clause_verdicts(run.cases)}


def test_a_clause_has_a_line_of_its_own() -> None:
    """A change of one clause is a change of one line."""
    lines = shortened(OLD).splitlines()
    assert [line.split('"')[1] for line in lines if "level" in line] == [
        "scale.formula",
        "chain.bias",
    ]


def test_versions_stand_in_their_order(tmp_path: Path) -> None:
    """2.15 comes after 2.4, whatever the order of files or letters."""
    runs = recorded(kept(tmp_path, NEW, OLD), "mine")
    assert [run.header.versions["torch"] for run in runs] == ["2.4.1+cu121", "2.15.0"]


def test_a_clause_that_does_not_hold_is_told_by_its_cases() -> None:
    assert matrix_rows([OLD, NEW]).splitlines() == [
        "| level | clause | 2.4.1 | 2.15.0 |",
        "|---|---|---|---|",
        "| MUST | `scale.formula` | holds | holds |",
        "| MUST | `chain.bias` | 2/3 | holds |",
    ]


def test_what_changed_is_told_case_by_case() -> None:
    fewer = judged("2.1.2", {"scale.formula/range": "pass"})
    assert changed_rows([fewer, OLD, NEW]).splitlines()[2:] == [
        "| `chain.bias/relu` | not judged | error | pass |",
        "| `chain.bias/pool` | not judged | pass | pass |",
        "| `chain.bias/norm` | not judged | pass | unsupported |",
    ]


def test_clauses_that_hold_are_counted_by_claim() -> None:
    assert summary_rows([OLD, NEW]).splitlines() == [
        "| MUST clauses that hold | 2.4.1 | 2.15.0 |",
        "|---|---|---|",
        "| scale | 1 of 1 | 1 of 1 |",
        "| chain | 0 of 1 | 1 of 1 |",
        "| **verdict** | not conformant | conformant |",
    ]


def test_records_of_two_suites_make_no_table(tmp_path: Path) -> None:
    """What was judged otherwise is named: the difference would be of the suite, not of torch."""
    other = judged("2.6.0", {"scale.formula/range": "fail"}, clauses="sha256:2")
    with pytest.raises(UsageError, match=r"^mine-2\.6\.json: judged by other clauses"):
        recorded(kept(tmp_path, OLD, NEW, other), "mine")
    full = replace(other, header=replace(OLD.header, budget="full"))
    with pytest.raises(UsageError, match=r"^mine-2\.4\.json: judged at another budget"):
        recorded(kept(tmp_path, NEW, NEW, full), "mine")


def test_no_record_makes_no_table(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no record of mine"):
        recorded(tmp_path, "mine")


def test_a_record_is_of_the_implementation_that_it_names(tmp_path: Path) -> None:
    """`mine-fork` is another one, though its files begin alike."""
    fork = replace(NEW.header, implementation={"name": "mine-fork", "version": "1"})
    kept(tmp_path, OLD, replace(NEW, header=fork))
    assert recorded(tmp_path, "mine") == [lengthened(shortened(OLD))]


def test_a_broken_record_is_named(tmp_path: Path) -> None:
    (kept(tmp_path, OLD) / "mine-2.15.json").write_text("{")
    with pytest.raises(UsageError, match=r"cannot read the record .*mine-2\.15\.json: "):
        recorded(tmp_path, "mine")


ALL = {"claims": (), "clauses": (), "case": None}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"selection": {**ALL, "claims": ("scale",)}}, r"of a selection \(scale\), not of all"),
        ({"shard": Shard(1, 3, 9)}, "it is shard 1/3; put the shards together"),
        ({"name": "../up"}, r"'\.\./up', as its implementation is called, is no name of a file"),
        ({"torch": "unknown"}, "torch 'unknown' is no version"),
        ({"torch": "2.14.1"}, r"0\.jsonl and .*1\.jsonl would both be kept as x-2\.14\.json"),
        ({"seed": 7}, r"x-2\.15\.json: judged with another seed"),
        ({"device": "cuda"}, r"x-2\.15\.json: judged on another device"),
        ({"budget": "full"}, r"x-2\.15\.json: judged at another budget"),
        ({"clauses": "sha256:" + 64 * "1"}, r"x-2\.15\.json: judged by other clauses"),
    ],
)
def test_what_is_no_whole_run_of_a_version_is_not_recorded(
    mixed: Run, written: Callable[..., Path], tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    """Neither is what was given with it: nothing is written."""
    folder = tmp_path / "records" / "versions"
    folder.mkdir(parents=True)

    def of(torch: str, **more: Any) -> Run:
        about = {**mixed.header.implementation, "name": more.pop("name", "x")}
        versions = {**mixed.header.versions, "torch": torch}
        header = replace(mixed.header, versions=versions, implementation=about, **more)
        return replace(mixed, header=header)

    record(tmp_path, [written(of("2.8.0"))])
    before = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    runs = [of("2.14.0"), of(**{"torch": "2.15.0", **change})]
    paths = [written(run, f"{number}.jsonl") for number, run in enumerate(runs)]
    with pytest.raises(UsageError, match=message):
        record(tmp_path, paths)
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == before


@in_a_checkout
def test_a_version_has_one_record(tmp_path: Path) -> None:
    """A later run of the same minor release takes the place of the earlier one."""
    folder = tmp_path / "records" / "versions"
    folder.mkdir(parents=True)
    for _ in range(2):
        record(tmp_path, [CHECKOUT / "records" / "torch_ao.jsonl"])
        (file,) = folder.iterdir()
        name, text = file.name, file.read_text(encoding="utf-8")
        file.write_text(text[:99], encoding="utf-8")  # broken, it is written anew all the same
    release = read(CHECKOUT / "records" / "torch_ao.jsonl").header.versions["torch"].split(".")
    assert name == f"torch_ao-{release[0]}.{release[1]}.json"


def test_elsewhere_nothing_is_recorded(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no checkout of eqconform"):
        record(tmp_path, [])
