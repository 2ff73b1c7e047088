"""`eqconform merge`: the shards of a run, put together again, or refused by name."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from eqconform.cli import app
from eqconform.deviations.entries import Deviation, Listed
from eqconform.reading import read
from eqconform.results import CaseResult, Run, Shard

Runs = Callable[..., Run]

_ENTRIES = (Deviation("scale.formula", "No root.", ("a",)), Deviation("scale.formula", "x", ("c",)))


@pytest.fixture
def shards(make_run: Runs, case: CaseResult) -> list[Run]:
    """Three shards of five cases; each lists only the deviations of its own cases."""
    ended = {"fail": case, "pass": replace(case, status="pass", error=0.0)}
    of = {
        name: replace(ended["fail" if name in "ac" else "pass"], id=f"scale.formula/{name}")
        for name in "abcde"
    }
    listed = [(_ENTRIES[:1], {"a": 0}), (_ENTRIES[1:], {"c": 0}), ((), {})]
    found = []
    for index, names in enumerate(("ab", "cd", "e"), start=1):
        entries, places = listed[index - 1]
        cases = [replace(of[name], deviation=places.get(name)) for name in names]
        shard, started = Shard(index, 3, 5), f"2026-01-0{4 - index}"
        deviations = Listed("f.toml", entries)
        found.append(make_run(cases, shard=shard, deviations=deviations, started=started))
    return found


def merged(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["merge", *map(str, arguments)])
    return result.exit_code, result.output


def files(runs: list[Run], written: Callable[..., Path]) -> list[Path]:
    return [written(run, f"{number}.jsonl") for number, run in enumerate(runs)]


def test_one_run_of_its_shards(shards: list[Run], written: Callable[..., Path]) -> None:
    """Every case once, the entries once and found again, and the verdict of the whole."""
    platform = {**shards[0].header.versions, "platform": "Linux-6"}
    shards[1] = replace(shards[1], header=replace(shards[1].header, versions=platform))
    paths = files(shards, written)
    output = paths[0].with_name("whole.jsonl")
    code, said = merged(output, *reversed(paths))
    assert code == 0  # nothing but what is known
    assert "x 1: not conformant - MUST 0/1 (1 known)" in said
    run = read(output)
    assert [case.id[-1] for case in run.cases] == list("abcde")
    assert run.header.shard is None
    assert run.header.planned == 5
    assert run.header.started == "2026-01-01"
    assert run.header.versions["platform"] == "Linux, Linux-6"
    assert run.seconds == 3.0
    assert run.header.deviations is not None
    reasons = {
        case.id[-1]: run.header.deviations.entries[case.deviation].reason
        for case in run.cases
        if case.deviation is not None
    }
    assert reasons == {"a": "No root.", "c": "x"}


def test_a_shard_to_which_no_case_fell(shards: list[Run], written: Callable[..., Path]) -> None:
    """It is one of them all the same; and the folder of the whole is made."""
    empty = replace(shards[2], cases=(), header=replace(shards[2].header, planned=0))
    of_four = [(3, shards[2]), (4, empty), *enumerate(shards[:2], start=1)]
    runs = [replace(r, header=replace(r.header, shard=Shard(n, 4, 5))) for n, r in of_four]
    paths = files(runs, written)
    output = paths[0].with_name("folder") / "below" / "whole.jsonl"
    assert merged(output, *paths)[0] == 0
    assert len(read(output).cases) == 5


def test_a_folder_that_cannot_be_made(shards: list[Run], written: Callable[..., Path]) -> None:
    paths = files(shards, written)
    code, said = merged(paths[0] / "whole.jsonl", *paths)
    assert code == 2
    assert said.startswith("eqconform: cannot write ")
    assert "Traceback" not in said


def test_a_file_is_not_written_over(shards: list[Run], written: Callable[..., Path]) -> None:
    paths = files(shards, written)
    code, said = merged(paths[0], *paths)
    assert code == 2
    assert "is there already; nothing was written" in said
    assert read(paths[0]).header.shard is not None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clauses": "sha256:" + 64 * "1"}, "of different runs: clauses sha256:000"),
        ({"versions": {"python": "3.12", "torch": "2.14"}}, "version of torch 2.15 and 2.14"),
        ({"seed": 7}, "seed 0 and 7"),
        ({"device": "cuda"}, "device cpu and cuda"),
        ({"budget": "full"}, "budget quick and full"),
        ({"deviations": Listed("g.toml", ())}, "file of deviations f.toml and g.toml"),
        ({"shard": Shard(3, 4, 5)}, "number of shards 3 and 4"),
        ({"shard": Shard(3, 3, 6)}, "cases of all shards 5 and 6"),
        ({"shard": Shard(2, 3, 5)}, "are both shard 2/3"),
        ({"shard": None}, "is no shard: it is a whole run already"),
    ],
)
def test_of_another_run(
    shards: list[Run], written: Callable[..., Path], change: dict[str, Any], message: str
) -> None:
    """What differs is named, with both values, and nothing is written."""
    if "versions" in change:
        change = {"versions": {**change["versions"], "platform": "Linux"}}
    shards[2] = replace(shards[2], header=replace(shards[2].header, **change))
    paths = files(shards, written)
    output = paths[0].with_name("whole.jsonl")
    code, said = merged(output, *paths)
    assert code == 2
    assert message in said
    assert not output.exists()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (Deviation("scale.formula", "Other.", ("a",)), "has the entry 'scale.formula (a)' (No"),
        (
            Deviation("scale.formula", "Other.", ("[ez]",)),
            "has no entry for case 'scale.formula/e'",
        ),
    ],
)
def test_a_list_that_was_edited_between_shards(
    shards: list[Run], written: Callable[..., Path], entry: Deviation, said: str
) -> None:
    """What two lists say of one case is refused, and not both kept."""
    listed = Listed("f.toml", (*_ENTRIES[1:], entry))
    shards[1] = replace(shards[1], header=replace(shards[1].header, deviations=listed))
    paths = files(shards, written)
    output = paths[0].with_name("whole.jsonl")
    code, output_text = merged(output, *paths)
    assert code == 2
    assert "the list of deviations was edited between the shards" in output_text
    assert said in output_text
    assert not output.exists()


def test_what_is_missing_or_there_twice(shards: list[Run], written: Callable[..., Path]) -> None:
    paths = files(shards, written)
    output = paths[0].with_name("whole.jsonl")
    assert "missing of 3 shards: 2/3" in merged(output, paths[0], paths[2])[1]
    assert "missing of 3 shards: 1/3, 2/3" in merged(output, paths[2])[1]
    of_many = replace(shards[0], header=replace(shards[0].header, shard=Shard(1, 9999, 5)))
    said = merged(output, written(of_many, "many.jsonl"))[1]
    assert "missing of 9999 shards: 2/9999" in said
    assert "and 9990 more; give every one" in said
    (paths[2]).write_text("".join(paths[2].read_text().splitlines(keepends=True)[:-1]))
    assert "2.jsonl is incomplete" in merged(output, *paths)[1]
    stray = replace(shards[2], cases=shards[0].cases[1:])
    written(stray, "2.jsonl")
    assert "both hold case 'scale.formula/b'" in merged(output, *paths)[1]
    fewer = [
        replace(run, header=replace(run.header, shard=Shard(n, 3, 6)))
        for n, run in enumerate(shards, start=1)
    ]
    code, said = merged(output, *files(fewer, written))
    assert code == 2
    assert "hold 5 cases, and 6 were planned" in said
    assert not output.exists()
