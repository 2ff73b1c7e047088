"""Result files: what is written follows the schema, what is read is complete or refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from math import inf, isnan, nan
from pathlib import Path

import jsonschema
import pytest

from eqconform.reading import read
from eqconform.results import CaseResult, Header, ResultError, Shard, Writer, file_name
from eqconform.selection import UsageError
from eqconform.sketches import (
    MOST_CHANNELS,
    MOST_LAYERS,
    MOST_STEPS,
    LayerSketch,
    Sketch,
    Step,
)


@pytest.fixture
def complete(tmp_path: Path, header: Header, case: CaseResult) -> Path:
    """A file with two cases and a footer."""
    path = tmp_path / "x.jsonl"
    writer = Writer(path, header)
    writer.case(case)
    other = {"id": "scale.formula/two", "status": "pass", "error": nan, "tolerance": inf}
    writer.case(replace(case, **other))
    writer.footer(seconds=1.5, conformant=False)
    writer.close()
    return path


def edited(path: Path, change: Callable[[list[str]], list[str]]) -> Path:
    lines = change(path.read_text().splitlines(keepends=True))
    path.write_text("".join(lines))
    return path


def test_what_is_written_can_be_read(complete: Path, header: Header, case: CaseResult) -> None:
    run = read(complete)
    assert run.header == header
    assert run.cases[0] == case
    assert run.counts == {**dict.fromkeys(run.counts, 0), "fail": 1, "pass": 1}
    assert run.seconds == 1.5


def test_numbers_beyond_json(complete: Path) -> None:
    """NaN and infinity are valid JSON strings in the file and numbers again when read."""
    line = json.loads(complete.read_text().splitlines()[2])
    assert (line["error"], line["tolerance"]) == ("nan", "inf")
    other = read(complete).cases[1]
    assert other.error is not None
    assert isnan(other.error)
    assert other.tolerance == inf


def test_every_line_follows_the_schema(complete: Path) -> None:
    schema = json.loads((files("eqconform") / "results.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    for line in complete.read_text().splitlines():
        jsonschema.validate(json.loads(line), schema)


@pytest.mark.parametrize(
    "change",
    [
        {"status": "ok"},
        {"level": "must"},
        {"error": "big"},
        {"extra": 1},
        {"kind": "cases"},
        {"seconds": -1},
    ],
)
def test_the_schema_can_fail(complete: Path, change: dict[str, object]) -> None:
    schema = json.loads((files("eqconform") / "results.schema.json").read_text())
    line = {**json.loads(complete.read_text().splitlines()[1]), **change}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(line, schema)


def test_lines_are_on_disk_at_once(tmp_path: Path, header: Header, case: CaseResult) -> None:
    """A run that is killed loses no case that had ended."""
    writer = Writer(tmp_path / "x.jsonl", header)
    writer.case(case)
    with pytest.raises(ResultError, match="incomplete: 1 of 2 cases and no footer"):
        read(tmp_path / "x.jsonl")
    writer.close()


def test_a_line_broken_off_is_an_incomplete_file(complete: Path) -> None:
    edited(complete, lambda lines: [*lines[:2], lines[2][:40]])
    with pytest.raises(ResultError, match="incomplete: 1 of 2 cases"):
        read(complete)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: [], "is empty"),
        (lambda lines: lines[1:], "does not begin with a header"),
        (lambda lines: ["not json\n", *lines], "not JSON at line 1"),
        (lambda lines: [*lines[:2], "{\n", *lines[2:]], "not JSON at line 3"),
        (lambda lines: [*lines[:2], "[]\n", *lines[2:]], "line 3: no header, case or footer"),
        (lambda lines: [lines[0].replace('"schema": 3', '"schema": 9'), *lines[1:]], "version 9"),
        (lambda lines: [*lines[:2], lines[1], lines[3]], "'scale.formula/one' is there twice"),
        (lambda lines: [*lines[:2], lines[3]], "the counts of the footer"),
        (lambda lines: [*lines, lines[2].replace("/two", "/three")], "no footer"),
        (
            lambda lines: [lines[0], lines[1].replace('"clause"', '"claus"')],
            "line 2: clause missing",
        ),
        (lambda lines: [lines[0], lines[1].replace('"fail"', '"ok"')], "unknown status 'ok'"),
        (lambda _: [" \n"], "is empty"),
        (lambda lines: [lines[0][:40]], "is incomplete: its first line is unfinished"),
        (lambda lines: [lines[0], 10**5 * "[" + "\n"], "not JSON at line 2"),
        (lambda lines: [lines[0], 5000 * "1" + "\n"], "line 2"),
        (lambda lines: [lines[0], 400 * "1" + "\n"], "line 2: a whole number of 400 digits"),
        (lambda lines: [lines[0], "1e400\n"], "line 2: 1e400 is beyond every number"),
        (
            lambda lines: [lines[0].replace('"planned": 2', '"planned": 9'), *lines[1:]],
            "holds 2 cases, and its header says that 9 were planned",
        ),
        (
            lambda lines: [lines[0], lines[1].replace('"deviation": null', '"deviation": 0')],
            "no deviation 0 among the header's 0",
        ),
        (
            lambda lines: [*lines[:3], lines[3].replace("false", "true")],
            "footer says 'conformant', and by its cases it is 'not conformant'",
        ),
        (lambda lines: [lines[0], lines[1].replace('"MUST"', '"WILL"')], "unknown level 'WILL'"),
        (
            lambda lines: [lines[0], lines[1].replace('"claim": "scale"', '"claim": "scales"')],
            "clause 'scale.formula' is not of claim 'scales'",
        ),
        (
            lambda lines: [lines[0], lines[1].replace("scale.formula/one", "../../x")],
            "case '../../x' is none of clause 'scale.formula'",
        ),
        (
            lambda lines: [lines[0], lines[1].replace("{", '{"extra": 1, ', 1)],
            "line 2: extra: no such field in a case",
        ),
        (
            lambda lines: [lines[0].replace("{", '{"extra": 1, ', 1), *lines[1:]],
            "line 1: extra: no such field in a header",
        ),
        (
            lambda lines: [*lines[:3], lines[3].replace("{", '{"extra": 1, ', 1)],
            "line 4: extra: no such field in a footer",
        ),
        (
            lambda lines: [lines[0], lines[1].replace('"seconds": 0.5', '"seconds": NaN')],
            "not JSON at line 2: JSON has no NaN",
        ),
        (
            lambda lines: [lines[0], lines[1].replace('"fail"', '"pass"')],
            "line 2: 'scale.formula/one' passed, with error 1 above its tolerance 1e-06",
        ),
        (
            lambda lines: [lines[0], lines[1].replace("{", '{"status": "pass", ', 1)],
            "not JSON at line 2: key 'status' is there 2 times",
        ),
    ],
)
def test_refused(complete: Path, change: Callable[[list[str]], list[str]], message: str) -> None:
    """Each message names the file and what is wrong with it."""
    edited(complete, change)
    with pytest.raises(ResultError, match=message) as refused:
        read(complete)
    assert complete.name in str(refused.value)


@pytest.mark.parametrize(
    ("line", "change"),
    [
        (0, {"implementation": {}}),
        (0, {"implementation": "x"}),
        (0, {"versions": []}),
        (0, {"versions": {"torch": 2}}),
        (0, {"selection": None}),
        (0, {"not_claimed": None}),
        (0, {"not_claimed": "observe.merge"}),
        (0, {"planned": True}),
        (0, {"deviations": {"source": "x.toml"}}),
        (1, {"clause": 5}),
        (1, {"status": ["pass"]}),
        (1, {"error": "x"}),
        (1, {"tolerance": []}),
        (1, {"seconds": "x"}),
        (1, {"suite_fault": 1}),
        (3, {"seconds": "x"}),
    ],
)
def test_a_value_of_another_type_is_refused(
    complete: Path, line: int, change: dict[str, object]
) -> None:
    """The message names the file, the line and the field."""

    def put(lines: list[str]) -> list[str]:
        lines[line] = json.dumps({**json.loads(lines[line]), **change}) + "\n"
        return lines

    edited(complete, put)
    with pytest.raises(ResultError, match=rf"x\.jsonl, line {line + 1}: {next(iter(change))} is "):
        read(complete)


def test_the_schema_before_is_read(complete: Path, case: CaseResult) -> None:
    """Version 2 knew neither sketches nor scripts nor shards."""

    def older(lines: list[str]) -> list[str]:
        values = [json.loads(line) for line in lines]
        values[0]["schema"] = 2
        added = ("shard", "sketch", "script")
        kept = [{k: v for k, v in value.items() if k not in added} for value in values]
        return [json.dumps(value) + "\n" for value in kept]

    edited(complete, older)
    run = read(complete)
    assert run.header.shard is None
    assert run.cases[0] == case


def test_a_field_of_the_new_schema_is_due(complete: Path) -> None:
    edited(complete, lambda lines: [line.replace('"script": null', '"x": 1') for line in lines])
    with pytest.raises(ResultError, match="line 2: script missing"):
        read(complete)


def test_an_interrupted_run_on_request(complete: Path, case: CaseResult) -> None:
    """What there is, marked as incomplete; what is wrong besides is refused all the same."""
    edited(complete, lambda lines: [*lines[:2], lines[2][:40]])
    run = read(complete, partial=True)
    assert run.cases == (case,)
    assert not run.complete
    edited(complete, lambda lines: [lines[0], lines[1].replace('"fail"', '"ok"')])
    with pytest.raises(ResultError, match="unknown status"):
        read(complete, partial=True)


def test_sketches_travel(tmp_path: Path, header: Header, case: CaseResult) -> None:
    """A sketch is read as it was written, and follows the schema."""
    layer = LayerSketch("fold", 0, (1.0, None), (2.0, 0.5), (), (), 31.5)
    steps = (Step("input", (), None), Step("linear", (0,), 0))
    sketched = replace(case, sketch=Sketch(steps, (), (layer,), cut=True), script="import torch")
    path = tmp_path / "x.jsonl"
    writer = Writer(path, replace(header, planned=1, shard=Shard(1, 2, 3)))
    writer.case(sketched)
    writer.footer(seconds=1.0, conformant=False)
    writer.close()
    test_every_line_follows_the_schema(path)
    run = read(path)
    assert run.cases == (sketched,)
    assert run.header.shard == Shard(1, 2, 3)


def test_the_schema_bounds_a_sketch_as_it_is_bounded() -> None:
    defined = json.loads((files("eqconform") / "results.schema.json").read_text())["$defs"]
    assert defined["steps"]["maxItems"] == MOST_STEPS
    assert defined["widths"]["maxItems"] == MOST_CHANNELS
    assert defined["sketch"]["properties"]["layers"]["maxItems"] == MOST_LAYERS


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="cannot read"):
        read(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("torch_ao", "torch_ao.jsonl"),
        ("a/b: c", "a_b_c.jsonl"),
        ("../up", "_up.jsonl"),
        ("...", "_.jsonl"),
    ],
)
def test_file_names_stay_in_the_folder(name: str, file: str) -> None:
    assert file_name(name) == file


def test_shards_have_files_of_their_own() -> None:
    assert file_name("x", "1/3") == "x.shard-1-of-3.jsonl"


@pytest.mark.parametrize("letter", ["x", "ü", "字"])
def test_long_names_are_cut_and_told_apart(tmp_path: Path, letter: str) -> None:
    """However many bytes a letter takes, the file can be made."""
    one, other = file_name(300 * letter), file_name(301 * letter)
    assert one != other
    (tmp_path / one).touch()


def test_a_file_belongs_to_one_run(tmp_path: Path, header: Header, case: CaseResult) -> None:
    """A second run is refused, and what the first has written stays."""
    path = tmp_path / "x.jsonl"
    first = Writer(path, header)
    first.case(case)
    with pytest.raises(UsageError, match=r"another run .* is writing .*x\.jsonl"):
        Writer(path, header)
    assert path.read_text().count("\n") == 2
    first.close()
    Writer(path, header).close()
    assert path.read_text().count("\n") == 1
