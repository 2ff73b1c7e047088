"""Drawn networks: they build, the same every time, and their scales are where they say."""

import json
import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import find, given, settings
from torch.fx import symbolic_trace

from eqconform.checks.random_networks import (
    FUNCTION,
    PLACES,
    NothingDue,
    judge_function_of,
    judge_places_of,
    pinned_rows,
)
from eqconform.judge.guard import Guarded
from eqconform.judge.outcome import Evidence, Vacuous
from eqconform.probe import outputs, record
from eqconform_models.drawn import (
    DTYPES,
    Description,
    Pin,
    description_of,
    descriptions,
    from_json,
    network_of,
    pin,
    pinned,
    script,
    shrunk,
    to_json,
)
from eqconform_models.drawn.operations import OPERATIONS

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))

from oracle import Oracle

SEEDS = range(10_000, 10_060)


# A volume without a batch, in a layout in which torch does not pool it: a search ended on it.
VOLUME = 785995793111


def arguments(batch: object) -> tuple[torch.Tensor, ...]:
    return batch if isinstance(batch, tuple) else (batch,)


@pytest.mark.parametrize("seed", [*SEEDS, VOLUME])
def test_a_network_builds_traces_and_says_where_its_scales_belong(seed: int) -> None:
    network = network_of(description_of(seed))
    model, fresh = network.build(), network.judgement()["fresh"]
    recording = record(model, fresh)
    traced = symbolic_trace(network.build())
    with torch.no_grad():
        again = outputs(traced(*arguments(fresh)))
    for place, value in outputs(recording.output).items():
        torch.testing.assert_close(value, again[place], rtol=0, atol=0, equal_nan=True)
        assert value.isfinite().all()
    placed = [*network.folds, *network.multiplied, *network.norm_folds]
    assert len(placed) == len(set(placed))
    assert set(placed) | set(network.folds.values()) <= set(range(len(recording.calls)))
    assert all(producer < consumer for consumer, producer in network.folds.items())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_batch_stays_as_it_was(seed: int) -> None:
    """No operation in place reaches an input."""
    network = network_of(description_of(seed))
    fresh = network.judgement()["fresh"]
    before = [each.clone() for each in arguments(fresh)]
    record(network.build(), fresh)
    assert all(torch.equal(a, b) for a, b in zip(before, arguments(fresh), strict=True))


@pytest.mark.parametrize("seed", SEEDS)
def test_every_scale_in_its_place_passes(seed: int) -> None:
    """What a description says of folds, done by numbers alone, keeps the function."""
    description = description_of(seed)
    oracle = Guarded(Oracle(network_of(description)))
    try:
        assert isinstance(judge_function_of(oracle, description), Evidence)
    except Vacuous:
        # Only layers on which the specification is silent, and these the oracle leaves alone.
        assert not network_of(description).folds
    try:
        assert isinstance(judge_places_of(oracle, description), Evidence)
    except NothingDue:
        assert not network_of(description).folds


def test_a_network_is_the_same_every_time() -> None:
    one, other = (network_of(description_of(3)) for _ in range(2))
    assert to_json(description_of(3)) == to_json(description_of(3))
    states = one.build().state_dict(), other.build().state_dict()
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    one.build()
    assert torch.equal(torch.rand(1), expected)


@given(descriptions())
@settings(max_examples=30, deadline=None)
def test_hypothesis_draws_what_can_be_built_and_written_down(description: Description) -> None:
    assert from_json(to_json(description)) == description
    network = network_of(description)
    model = network.build().to(DTYPES[description.dtype])
    assert isinstance(model, torch.nn.Module)


def test_hypothesis_shrinks_to_few_nodes() -> None:
    found = find(descriptions(), lambda each: any(node.op == "conv" for node in each.nodes))
    assert len(found.nodes) == 1


def test_a_find_is_shrunk_to_what_matters() -> None:
    """Here: a group norm anywhere."""

    def fails(description: Description) -> bool:
        return any(node.op == "group_norm" for node in description.nodes)

    large = next(d for d in map(description_of, range(1000)) if fails(d) and len(d.nodes) > 5)
    small = shrunk(large, fails)
    assert len(small.nodes) == 1
    assert fails(small)
    record(network_of(small).build(), network_of(small).judgement()["fresh"])


def test_what_is_shrunk_can_be_built() -> None:
    """Whatever is asked of it: every description that is tried builds and runs."""

    def fails(description: Description) -> bool:
        network = network_of(description)
        record(network.build(), network.judgement()["fresh"])
        return zlib.crc32(to_json(description).encode()) % 3 > 0

    for seed in SEEDS:
        shrunk(description_of(seed), fails, tries=30)


def test_every_operation_is_drawn_and_every_draw_comes_to_an_end() -> None:
    drawn = Counter(node.op for seed in range(5000) for node in description_of(seed).nodes)
    assert set(drawn) == set(OPERATIONS)


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_a_script_reproduces_the_outputs_with_torch_alone(tmp_path: Path, seed: int) -> None:
    """In an interpreter that cannot import this package."""
    description = description_of(seed)
    file = tmp_path / "find.py"
    file.write_text(script(description, "A find.", "expected this; observed that", file.name))
    hide = "import sys; sys.modules.update(eqconform=None, eqconform_models=None)"
    program = f"{hide}; import runpy; runpy.run_path({str(file)!r}, run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True
    )
    network, dtype = network_of(description), DTYPES[description.dtype]
    given = arguments(network.judgement()["fresh"])
    with torch.no_grad():
        output = network.build().to(dtype)(*(each.to(dtype) for each in given))
    first = next(iter(outputs(output).values()))
    values = [float(word) for word in done.stdout.split("\n")[0].partition(": ")[2].split()]
    assert values == pytest.approx(first.double().flatten()[:6].tolist(), rel=1e-5)
    assert "not to the last digit" not in done.stdout


def test_a_network_is_pinned_once(tmp_path: Path) -> None:
    file = tmp_path / "pinned.json"
    description = description_of(1)
    assert pin(description, "a.clause", "it came out wrong", file)
    assert not pin(description, "a.clause", "it came out wrong again", file)
    assert pinned(file) == [Pin(description, "a.clause")]


def test_a_network_is_pinned_for_each_clause_that_found_it(tmp_path: Path) -> None:
    """And one that was pinned without a clause is for every one."""
    file = tmp_path / "pinned.json"
    one, other = description_of(1), description_of(2)
    file.write_text(json.dumps([{"why": "", "network": json.loads(to_json(one))}]))
    assert not pin(one, FUNCTION, "", file)
    assert pin(other, PLACES, "", file)
    names = [each.name for each in pinned(file)]
    assert list(pinned_rows(FUNCTION, file)) == names[:1]
    assert list(pinned_rows(PLACES, file)) == names
    assert pin(other, FUNCTION, "", file)
    assert list(pinned_rows(FUNCTION, file)) == names


def test_a_pin_of_an_unknown_clause_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pinned.json"
    pin(description_of(1), "chain.random-netwroks", "", file)
    with pytest.raises(ValueError, match="judges no drawn networks"):
        pinned_rows(PLACES, file)


def test_a_file_that_pins_nothing_says_so(tmp_path: Path) -> None:
    file = tmp_path / "pinned.json"
    for text, complaint in (("no", "no JSON"), ("{}", "no list"), ('[{"why": 1}]', "which is no")):
        file.write_text(text)
        with pytest.raises(ValueError, match=complaint):
            pinned(file)
