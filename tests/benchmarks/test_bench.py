"""`eqconform bench`: what is timed, what is not and why, and what is stored."""

import json
import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from eqconform import ChannelRange, load
from eqconform.adapters.reference import Reference
from eqconform.selection import UsageError
from eqconform_benchmarks import noise_record
from eqconform_benchmarks.cli import app
from eqconform_benchmarks.conditions import conditions
from eqconform_benchmarks.noise import STUDIED, Try, study
from eqconform_benchmarks.qualify import Gate
from eqconform_benchmarks.ruling import Estimate
from eqconform_benchmarks.session import Row
from eqconform_benchmarks.table import duration, line
from eqconform_benchmarks.workloads import SUITES, Timed, workloads
from eqconform_benchmarks.workloads.memory import peak_bytes

_CPU = torch.device("cpu")

_PICKY = """
from eqconform.adapters.reference import Reference

def refuse(module, inputs):
    if inputs[0].numel() > 1_000_000:
        raise ValueError("too large for me")

class Picky(Reference):
    name = "picky"

    def input_observer(self, **options):
        observer = super().input_observer(**options)
        observer.register_forward_pre_hook(refuse)
        return observer
"""


def test_every_suite_has_a_quick_part() -> None:
    assert {each.suite for each in workloads().values() if each.quick} == set(SUITES)


def test_the_study_knows_its_benchmarks() -> None:
    assert set(STUDIED) <= set(workloads())


@pytest.mark.parametrize("name", ["observers/tiny-float32", "scale/64-channels"])
def test_an_implementation_that_does_it_right_is_timed(name: str) -> None:
    assert Gate(load("reference")).objection(workloads()[name]) == ""


def test_what_is_wrong_is_not_timed_and_the_case_is_named() -> None:
    """PyTorch's observer takes axis 1 for the channels of tokens."""
    objection = Gate(load("torch_ao")).objection(workloads()["observers/tokens-float32"])
    assert "observe.last-axis/" in objection


def test_what_is_not_claimed_is_not_timed() -> None:
    workload = workloads()["observers/tiny-float32"]
    assert Gate(load("identity")).objection(workload) == "does not claim input_observer"


@pytest.mark.parametrize(
    "name", ["weights/depthwise", "convert/chain-of-10", "observers/features-float16"]
)
def test_both_sides_of_a_workload_run(name: str) -> None:
    made = workloads()[name].make(load("reference"), _CPU)
    assert isinstance(made, Timed)
    for each in (made.candidate, made.limit):
        each.all(each.items(2))


class _Samples(Reference):
    """Right on what is small: of a large tensor it looks at a part."""

    def input_observer(self, **options: Any) -> nn.Module:
        observer = super().input_observer(**options)
        looks_at = observer.forward

        def forward(x: torch.Tensor) -> torch.Tensor:
            looks_at(x[:1] if x.numel() > 10_000 else x)
            return x

        observer.forward = forward
        return observer

    def observe_weight(self, weight: torch.Tensor, *, groups: int = 1) -> ChannelRange:
        part = weight.clamp(-1, 1) if weight.numel() > 1000 else weight
        return super().observe_weight(part, groups=groups)

    def equalization_scale(self, inputs: ChannelRange, weights: ChannelRange) -> torch.Tensor:
        scale = super().equalization_scale(inputs, weights)
        return scale[:1].expand_as(scale) if scale.numel() > 1000 else scale


_ANSWERS = [
    "observers/nchw-float32",
    "observers/channels-last-24-float32",
    "observers/tokens-float32",
    "observers/features-bfloat16",
    "weights/convolution",
    "weights/linear",
    "weights/depthwise",
    "scale/4096-channels",
]


@pytest.mark.parametrize("name", _ANSWERS)
def test_the_answer_on_what_is_timed_is_looked_at(name: str) -> None:
    """The conformance cases are small; a part of a large tensor is read in no time."""
    for implementation, expected in ((load("reference"), ""), (_Samples(), "wrong on what is")):
        made = workloads()[name].make(implementation, _CPU)
        assert isinstance(made, Timed)
        assert made.objection().startswith(expected)
        assert bool(made.objection()) == bool(expected)


def test_the_peak_is_what_was_held_at_once() -> None:
    """Two tensors one after the other need half of what they need together."""
    size = 4 * 1_000_000

    def one_by_one() -> None:
        for _ in range(2):
            torch.zeros(1_000_000)

    def together() -> None:
        _ = [torch.zeros(1_000_000) for _ in range(2)]

    assert size <= peak_bytes(one_by_one, _CPU) < 1.2 * size
    assert 2 * size <= peak_bytes(together, _CPU) < 2.2 * size


def test_a_row_tells_time_ratio_limit_and_goal() -> None:
    workload = workloads()["observers/nchw-float32"]
    text = line(Row(workload, "mine", Estimate(3.0, 2.9, 3.1), seconds=0.0015))
    for part in ("observers/nchw-float32", "mine", "1.50 ms", "3.00", "2.90 to 3.10", "missed"):
        assert part in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.0, "2.00 s"), (0.123, "123 ms"), (9.876e-6, "9.88 us"), (3e-9, "3.00 ns")],
)
def test_durations_have_three_digits(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_session_prints_and_stores(tmp_path: Path) -> None:
    """Both series, the limit, the conformance and the conditions are in pytest-benchmark's file."""
    command = [
        sys.executable,
        "-m",
        "eqconform",
        "bench",
        "--impl",
        "reference",
        "--impl",
        "torch_ao",
    ]
    command += ["--only", "observers/tiny-float32", "--only", "weights/depthwise", "--quick"]
    store, folder = tmp_path / "store", tmp_path / "here"
    folder.mkdir()
    done = subprocess.run(
        [*command, "--store", str(store)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []
    assert "not timed: fail observe.grouped-columns" in done.stdout
    assert "eqconform bench noise" in done.stdout
    (stored,) = store.glob("*/*.json")
    run = json.loads(stored.read_text(encoding="utf-8"))
    about = run["machine_info"]["eqconform"]
    assert (about["timer"], about["threads"], about["device"]) == ("time.process_time", 1, "cpu")
    assert about["versions"]["torch"] == torch.__version__
    first = run["benchmarks"][0]["extra_info"]
    assert first["workload"] == "observers/tiny-float32"
    assert len(first["seconds"]) == len(first["baseline_seconds"]) >= 7
    # One thread cannot take more of the processor than there was; clocks move in steps.
    assert len(first["wall_seconds"]) == len(first["seconds"])
    assert sum(first["wall_seconds"]) > 0.9 * sum(first["seconds"])
    assert first["conformance"]["passed"]


def test_what_raises_is_left_out_with_the_reason(tmp_path: Path) -> None:
    """An observer that takes what the conformance cases give it, and not what is timed."""
    adapter = tmp_path / "adapter.py"
    adapter.write_text(_PICKY, encoding="utf-8")
    command = [sys.executable, "-m", "eqconform", "bench", "--impl", str(adapter), "--quick"]
    command += ["--only", "observers/nchw-float32", "--only", "observers/tiny-float32"]
    done = subprocess.run(
        [*command, "--store", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "not timed: ValueError: too large for me" in done.stdout
    (stored,) = tmp_path.glob("*/*.json")
    run = json.loads(stored.read_text(encoding="utf-8"))
    (left_out,) = run["machine_info"]["eqconform_not_timed"]
    assert left_out["workload"] == "observers/nchw-float32"
    assert len(run["benchmarks"]) == 1


def test_unknown_names_are_refused() -> None:
    for option, name in (("--suite", "observer"), ("--only", "observers/tinny")):
        result = CliRunner().invoke(app, [option, name])
        assert result.exit_code == 2
        assert name in result.output


def test_the_study_holds_the_same_code_against_itself() -> None:
    """One try each, A/A and slowed by half: the second is seen."""
    same, slowed = (
        next(study(load("reference"), ["observers/tiny-float32"], tries=1, slowdown=share))
        for share in (0.0, 0.5)
    )
    assert not same.regression
    assert slowed.regression
    assert 1.3 < slowed.ratio < 1.7


def test_the_record_adds_up(tmp_path: Path) -> None:
    """What is read is what was written, and the interval holds the rate."""
    tries = [Try("a", 0.0, 1.0, 0.5, alarm=i < 2, regression=i < 1) for i in range(100)]
    path = noise_record.path_in(tmp_path, "cpu")
    for each in tries:
        noise_record.add(path, each, conditions("cpu"))
    assert noise_record.recorded(path, conditions("cpu")) == tries
    with pytest.raises(UsageError, match="threads"):
        noise_record.recorded(path, {**conditions("cpu"), "threads": 2})
    (summary,) = noise_record.summaries(tries)
    assert (summary.alarms.count, summary.regressions.count) == (2, 1)
    assert summary.regressions.low < 0.01 < summary.regressions.high < 0.06
    assert "1 of 100" in noise_record.closing_line(tmp_path, "cpu")


def test_two_studies_at_once_lose_no_try(tmp_path: Path) -> None:
    """Each wrote what it had read at its beginning and found itself, over what the other had."""
    path = noise_record.path_in(tmp_path, "cpu")
    tried = Try("a", 0.0, 1.0, 0.5, alarm=False, regression=False)

    def study_of_20() -> None:
        for _ in range(20):
            noise_record.add(path, tried, {"device": "cpu"})

    both = [Thread(target=study_of_20) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert len(noise_record.recorded(path, {"device": "cpu"})) == 40


@pytest.mark.parametrize("slowdown", [0.0, 0.1])
def test_nothing_is_known_without_tries_of_the_same_code_here(
    tmp_path: Path, slowdown: float
) -> None:
    """Another machine's rate was told as this one's, and no tries at all were a failure."""
    path = noise_record.path_in(tmp_path, "cpu")
    assert "is not known" in noise_record.closing_line(tmp_path, "cpu")
    tried = Try("a", slowdown, 1.0, 0.5, alarm=False, regression=False)
    noise_record.add(path, tried, {**conditions("cpu"), "device_name": "Z80"})
    assert "is not known" in noise_record.closing_line(tmp_path, "cpu")
    path.unlink()
    noise_record.add(path, tried, conditions("cpu"))
    assert ("is not known" in noise_record.closing_line(tmp_path, "cpu")) == (slowdown > 0)
