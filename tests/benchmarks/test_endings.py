"""How the commands of `eqconform bench` end where something is in the way."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from eqconform_benchmarks import cli, environments
from eqconform_benchmarks.between import Shift, Shifts
from eqconform_benchmarks.cli import app
from eqconform_benchmarks.conditions import conditions

_RAISES = """
import sys
from eqconform.adapters.reference import Reference

def timed():
    frame = sys._getframe()
    while frame and not frame.f_code.co_filename.endswith("pairing.py"):
        frame = frame.f_back
    return frame is not None

class Raises(Reference):
    name = "raises"

    def equalization_scale(self, inputs, weights):
        if inputs.min.numel() == 4096 and timed():
            raise {error}
        return super().equalization_scale(inputs, weights)
"""


_SAMPLES = """
from eqconform.adapters.reference import Reference

class Samples(Reference):
    name = "samples"

    def equalization_scale(self, inputs, weights):
        scale = super().equalization_scale(inputs, weights)
        return scale[:1].expand_as(scale) if scale.numel() > 1000 else scale
"""


_REMEMBERS = """
from eqconform.adapters.reference import Reference

class Remembers(Reference):
    name = "remembers"
    calls = 0
    scale = None

    def equalization_scale(self, inputs, weights):
        if inputs.min.numel() < 4096:
            return super().equalization_scale(inputs, weights)
        self.calls += 1
        if self.calls < 20 or self.scale is None:
            self.scale = super().equalization_scale(inputs, weights)
        return self.scale
"""


_PATCHES = """
import torch
from eqconform.adapters.reference import Reference

amax = torch.Tensor.amax

def slower(self, *args, **options):
    self.abs()
    return amax(self, *args, **options)

class Patches(Reference):
    name = "patches"

    def equalization_scale(self, inputs, weights):
        if inputs.min.numel() == 4096:
            torch.Tensor.amax = slower
        return super().equalization_scale(inputs, weights)
"""


def _bench(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Scales of 64 channels and of 4096, by the implementation of which this is the text."""
    adapter = folder / "adapter.py"
    adapter.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "eqconform", "bench", "--impl", str(adapter), "--quick"]
    command += ["--suite", "scale", "--store", str(folder / "store")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _saved(folder: Path) -> list[Path]:
    return [*(folder / "store").rglob("*.json")]


def test_an_interrupted_run_says_so_and_saves_no_part_of_itself(tmp_path: Path) -> None:
    """What was measured before Ctrl-C was saved, and `history` took it for a run."""
    done = _bench(tmp_path, _RAISES.format(error="KeyboardInterrupt"))
    assert done.returncode == 130, done.stderr
    assert "interrupted: the run is not saved" in done.stderr
    assert "Traceback" not in done.stderr
    assert "scale/64-channels" in done.stdout
    assert _saved(tmp_path) == []


def test_one_that_exits_is_left_out_and_the_others_are_timed(tmp_path: Path) -> None:
    done = _bench(tmp_path, _RAISES.format(error="SystemExit(0)"))
    assert done.returncode == 0, done.stderr
    assert "not timed: SystemExit: 0" in done.stdout
    assert len(_saved(tmp_path)) == 1


def test_one_that_is_wrong_on_large_tensors_alone_is_not_timed_on_them(tmp_path: Path) -> None:
    """It passes the conformance cases, which are small, and was shown as a fast one."""
    done = _bench(tmp_path, _SAMPLES)
    assert done.returncode == 0, done.stderr
    assert "not timed: wrong on what is timed: expected s[" in done.stdout
    assert len(_saved(tmp_path)) == 1


def test_one_that_begins_to_remember_while_it_is_timed_is_not_shown(tmp_path: Path) -> None:
    """It was right at first, and its time is that of a look-up: neither shown nor saved."""
    done = _bench(tmp_path, _REMEMBERS)
    assert done.returncode == 0, done.stderr
    assert "not timed: wrong on what is timed: expected s[" in done.stdout
    (saved,) = _saved(tmp_path)
    benchmarks = json.loads(saved.read_text(encoding="utf-8"))["benchmarks"]
    assert [each["extra_info"]["workload"] for each in benchmarks] == ["scale/64-channels"]


def test_one_that_changes_the_ruler_is_not_loaded(tmp_path: Path) -> None:
    """Whoever was timed beside it looked better by as much as its patch was slower."""
    done = _bench(tmp_path, _PATCHES + "\ntorch.Tensor.amax = slower\n")
    assert done.returncode == 3, done.stderr
    assert "importing it changed torch.Tensor.amax" in done.stderr


def test_one_that_changes_the_ruler_while_it_is_timed_is_not_shown(tmp_path: Path) -> None:
    done = _bench(tmp_path, _PATCHES)
    assert done.returncode == 0, done.stderr
    assert "not timed: timing it changed torch.Tensor.amax" in done.stdout
    assert "scale/64-channels" in done.stdout


def test_what_is_being_done_is_told_at_once_and_aside(tmp_path: Path) -> None:
    """Judging takes a while, in which nothing was to be seen."""
    done = _bench(tmp_path, _SAMPLES)
    first, *judged = done.stderr.splitlines()
    assert first.startswith("measuring 2 benchmarks of samples")
    assert judged == [f"judging samples on scale.{each}/*" for each in ("formula", "degenerate")]
    assert "judging" not in done.stdout


def _refused(*options: str) -> str:
    """What a command says that ends with 2, before it has measured anything."""
    result = CliRunner().invoke(app, list(options))
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return result.output


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    """One of them was left out without a word."""
    adapter = tmp_path / "adapter.py"
    text = (
        "from eqconform.adapters.reference import Reference\n\nclass Twin(Reference):\n    pass\n"
    )
    adapter.write_text(text, encoding="utf-8")
    said = _refused("--impl", "reference", "--impl", str(adapter))
    assert "both called 'reference'" in said
    assert "adapter.py" in said


@pytest.mark.parametrize("command", [["noise"], ["compare", "--between", "a", "b"]])
def test_what_counts_bytes_is_not_compared_by_time(command: list[str]) -> None:
    assert "memory/resnet18-convert counts bytes" in _refused(
        *command, "--only", "memory/resnet18-convert"
    )


def _compared(*patterns: str, store: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The benchmarks that `compare` is asked for."""
    asked: list[str] = []

    def measured(_first: object, _second: object, names: list[str], **_: object) -> Shifts:
        asked.extend(names)
        return Shifts((conditions("cpu"), conditions("cpu")), ())

    monkeypatch.setattr(cli, "shifts", measured)
    only = [each for pattern in patterns for each in ("--only", pattern)]
    command = ["compare", "--between", "a", "b", "--store", str(store), *only]
    CliRunner().invoke(app, command)
    return asked


def test_a_pattern_names_all_that_it_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patterns = ("scale/*", "observers/t*-float32")
    assert _compared(*patterns, store=tmp_path, monkeypatch=monkeypatch) == [
        "observers/tokens-float32",
        "observers/tiny-float32",
        "scale/64-channels",
        "scale/4096-channels",
    ]


def test_a_pattern_is_of_what_has_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the memory suite nothing has."""
    every = _compared("*", store=tmp_path, monkeypatch=monkeypatch)
    assert "observers/tiny-float32" in every
    assert not [name for name in every if name.startswith("memory/")]
    assert "memory/alexnet-calibrate counts bytes" in _refused("noise", "--only", "memory/*")


def test_without_uv_nothing_is_begun(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It was missed when the first worker was to start."""
    monkeypatch.setattr(environments, "find_spec", lambda _: None)
    monkeypatch.setattr(environments.shutil, "which", lambda _: None)
    said = _refused("compare", "--between", "a", "b", "--store", str(tmp_path / "store"))
    assert "no uv to make environments with: pip install '.[compare]' in a checkout" in said
    assert "making" not in said
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("observers/tinny-float32", "Did you mean observers/tiny-float32"),
        ("scale/", "'scale/*' names those of it: scale/64-channels, scale/4096-channels."),
        ("scale", "'scale/*' names those of it: scale/64-channels, scale/4096-channels."),
        ("observers/x*", "no benchmark is called 'observers/x*'."),
        ("nonsense", "`--only SUITE/` lists those of a suite: observers, scale,"),
    ],
)
def test_a_benchmark_that_does_not_exist_is_answered_with_those_that_do(
    name: str, hint: str
) -> None:
    assert hint in _refused("--only", name)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([Shift("a", (1.0,)), Shift("b", objection="no (A)")], 0),
        ([Shift("a", (1.2,)), Shift("b", objection="no (A)")], 1),
        ([Shift("b", objection="no (A)")], 1),
        ([Shift("a", (1.0,)), Shift("b", error="ValueError: no (A)")], 1),
    ],
)
def test_a_comparison_of_nothing_is_no_success(
    found: list[Shift], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(*_: Any, **__: Any) -> Shifts:
        return Shifts((conditions("cpu"), conditions("cpu")), tuple(found))

    monkeypatch.setattr(cli, "shifts", measured)
    monkeypatch.setattr(cli, "require_uv", lambda: None)
    options = ["compare", "--between", "a", "b", "--store", str(tmp_path)]
    assert CliRunner().invoke(app, options).exit_code == code


@pytest.mark.parametrize(
    "text",
    [
        '{"conditions": {"threads": 1}, "tries": [',
        "[]",
        '{"conditions": null, "tries": []}',
        '{"conditions": {}, "tries": [{"workload": "a"}]}',
    ],
)
@pytest.mark.parametrize("command", [[], ["noise"]])
def test_a_broken_record_is_told_before_anything_is_measured(
    tmp_path: Path, command: list[str], text: str
) -> None:
    """It made every run end as the suite's failure, once all was measured."""
    (tmp_path / "noise-cpu.json").write_text(text, encoding="utf-8")
    said = _refused(*command, "--store", str(tmp_path))
    assert "noise-cpu.json is broken" in said
    assert "move it" in said


@pytest.mark.parametrize("command", [[], ["noise"], ["compare", "--between", "a", "b"]])
def test_a_store_that_cannot_be_written_is_told_before_anything_is_measured(
    tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / "file").touch()
    assert "cannot write in" in _refused(*command, "--store", str(tmp_path / "file"))


def test_a_plot_that_cannot_be_drawn_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    options = ["compare", "--between", "a", "b", "--store", str(tmp_path), "--plot"]
    assert "ends with .svg or .png" in _refused(*options, str(tmp_path / "plot.doc"))
    assert "cannot write in" in _refused(*options, str(tmp_path / "file" / "plot.svg"))
