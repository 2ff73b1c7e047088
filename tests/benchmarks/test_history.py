"""`eqconform bench history`: steps are found, noise is not one, and mixtures are refused."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from eqconform.selection import UsageError
from eqconform_benchmarks.cli import app
from eqconform_benchmarks.history import better, changes, read
from eqconform_benchmarks.plots import history_plot, observed, roofline

_CONDITIONS = {
    "timer": "time.process_time",
    "threads": 1,
    "device": "cpu",
    "device_name": "x",
    "versions": {"torch": "2.15.0"},
}


_WORKLOAD = "observers/nchw-float32"
_FOLDER = "Linux-CPython-3.11-64bit"


def _save(
    store: Path,
    ratios: list[float],
    first: int = 1,
    folder: str = _FOLDER,
    day: int = 1,
    **other: Any,
) -> None:
    """Runs as `eqconform bench` saves them, with what is read of them."""
    into = store / folder
    into.mkdir(parents=True, exist_ok=True)
    for number, ratio in enumerate(ratios, start=first):
        about = {
            "workload": _WORKLOAD,
            "implementation": "mine",
            "ratio": [ratio, 0.98 * ratio, 1.02 * ratio],
            "seconds": [ratio * 1e-3] * 7,
            "baseline_seconds": [1e-3] * 7,
        }
        stats = {"data": [1.0], "ops": 1.0}
        run = {
            "machine_info": {"eqconform": {**_CONDITIONS, **other}},
            "benchmarks": [{"extra_info": about, "stats": stats}],
            "datetime": f"2026-01-{day:02}T00:00:{number:02}+00:00",
        }
        (into / f"{number:04}_bench.json").write_text(json.dumps(run), encoding="utf-8")


def _noisy(level: float, count: int, seed: int) -> list[float]:
    drawn = random.Random(seed)  # noqa: S311  noise, not a secret
    return [level * drawn.gauss(1.0, 0.01) for _ in range(count)]


def test_a_step_of_a_tenth_is_found_where_it_is(tmp_path: Path) -> None:
    _save(tmp_path, _noisy(2.0, 12, 0) + _noisy(2.2, 12, 1))
    (points,) = read(tmp_path, "cpu").values()
    (change,) = changes(points)
    assert change.run == f"{_FOLDER}/0013_bench"
    assert change.after / change.before == pytest.approx(1.1, abs=0.02)
    assert f"slower from {_FOLDER}/0013_bench" in str(change)


@pytest.mark.parametrize("seed", range(10))
def test_noise_is_no_step(tmp_path: Path, seed: int) -> None:
    _save(tmp_path, _noisy(2.0, 24, seed))
    (points,) = read(tmp_path, "cpu").values()
    assert changes(points) == []
    assert better(points) is None


def test_a_few_runs_have_no_step(tmp_path: Path) -> None:
    _save(tmp_path, [1.0, 1.0, 2.0, 2.0])
    (points,) = read(tmp_path, "cpu").values()
    assert changes(points) == []


def test_every_step_is_told(tmp_path: Path) -> None:
    """The last one alone was: a slowdown that was half undone looked like a success."""
    _save(tmp_path, _noisy(2.0, 8, 0) + _noisy(3.0, 8, 1) + _noisy(2.5, 8, 2))
    result = CliRunner().invoke(app, ["history", "--store", str(tmp_path)])
    assert f"slower from {_FOLDER}/0009_bench on: 1.99 to 2.99" in result.output
    assert f"faster from {_FOLDER}/0017_bench on: 2.99 to 2.50" in result.output
    assert "slower now than at its best, 1.99" in result.output
    assert result.exit_code == 1


def test_a_slowdown_that_was_undone_is_told_and_is_no_failure(tmp_path: Path) -> None:
    _save(tmp_path, _noisy(2.0, 8, 0) + _noisy(3.0, 8, 1) + _noisy(2.0, 8, 2))
    result = CliRunner().invoke(app, ["history", "--store", str(tmp_path)])
    assert result.output.count(" on: ") == 2
    assert "at its best" not in result.output
    assert result.exit_code == 0


def test_a_slowdown_that_is_accepted_is_no_failure(tmp_path: Path) -> None:
    """By naming the run that began it, as it is told; what comes after it is still seen."""
    _save(tmp_path, _noisy(2.0, 8, 0) + _noisy(3.0, 8, 1))
    since = ["--since", f"{_FOLDER}/0009_bench"]
    result = CliRunner().invoke(app, ["history", "--store", str(tmp_path), *since])
    assert "8 runs, last 2.9" in result.output
    assert "no change" in result.output
    assert result.exit_code == 0
    _save(tmp_path, _noisy(4.0, 8, 2), first=17)
    assert CliRunner().invoke(app, ["history", "--store", str(tmp_path), *since]).exit_code == 1


@pytest.mark.parametrize("late", [2, 3, 4])
def test_the_run_that_began_it_bears_the_blame(tmp_path: Path, late: int) -> None:
    """The search leaves no stretch fewer than three runs, and blamed one before two slow ones."""
    _save(tmp_path, _noisy(2.0, 8 - late, 0) + _noisy(3.5, late, 1))
    (points,) = read(tmp_path, "cpu").values()
    (change,) = changes(points)
    assert change.run == f"{_FOLDER}/{9 - late:04}_bench"


@pytest.mark.parametrize("name", ["0003_bench", f"{_FOLDER}/0003_bench.json"])
def test_a_run_is_known_by_its_file_too(tmp_path: Path, name: str) -> None:
    _save(tmp_path, [1.0] * 6)
    (points,) = read(tmp_path, "cpu", since=name).values()
    assert len(points) == 4


def test_a_run_that_is_not_there_is_refused_with_one_that_is(tmp_path: Path) -> None:
    _save(tmp_path, [1.0] * 3)
    options = ["history", "--store", str(tmp_path), "--since", f"{_FOLDER}/0004_bench"]
    result = CliRunner().invoke(app, options)
    assert f"Did you mean {_FOLDER}/0003_bench" in " ".join(result.output.split())
    assert result.exit_code == 2


def test_a_creep_in_steps_too_small_to_be_told_is_seen(tmp_path: Path) -> None:
    """Four steps of 2 %, each below what counts as a step."""
    ratios = [r for i in range(5) for r in _noisy(2.0 * 1.02**i, 11, i)]
    _save(tmp_path, ratios)
    (points,) = read(tmp_path, "cpu").values()
    assert {change.after > change.before for change in changes(points)} == {True}
    best = better(points)
    assert best is not None
    assert best.ratio == pytest.approx(2.0, rel=0.01)
    assert CliRunner().invoke(app, ["history", "--store", str(tmp_path)]).exit_code == 1


def test_a_steady_creep_is_seen(tmp_path: Path) -> None:
    """A third of a per cent from run to run."""
    noise = _noisy(1.0, 40, 3)
    _save(tmp_path, [2.0 * 1.003**i * each for i, each in enumerate(noise)])
    (points,) = read(tmp_path, "cpu").values()
    assert changes(points)
    assert better(points) is not None


def test_runs_of_two_pythons_come_in_the_order_of_time(tmp_path: Path) -> None:
    """Each numbers its own: by number, the two series were shuffled."""
    _save(tmp_path, _noisy(2.0, 6, 0), folder="Linux-CPython-3.12-64bit", day=1)
    _save(tmp_path, _noisy(3.0, 6, 1), day=2)
    (points,) = read(tmp_path, "cpu").values()
    (change,) = changes(points)
    assert change.run == f"{_FOLDER}/0001_bench"


def test_the_command_says_where_too_few_runs_show_nothing(tmp_path: Path) -> None:
    _save(tmp_path, [1.0] * 4 + [10.0])
    result = CliRunner().invoke(app, ["history", "--store", str(tmp_path)])
    assert result.exit_code == 0
    assert "5 runs, last 10.00: too few runs" in result.output


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ('"ratio": [1.0, 0.98, 1.02]', '"ratio": [NaN, 0.98, 1.02]'),
        ('"ratio": [1.0, 0.98, 1.02]', '"ratio": [0.0, 0.0, 0.0]'),
        ('"ratio": [1.0, 0.98, 1.02]', '"ratio": ["a", "b", "c"]'),
        ('"ratio": [1.0, 0.98, 1.02]', '"ratio": [1.0]'),
        ('"ratio"', '"rate"'),
        ('"workload": "observers/nchw-float32"', '"workload": null'),
        ('"seconds": [0.001', '"seconds": ["slow"'),
        ('"device": "cpu"', '"devices": 1'),
        ('"datetime"', '"date"'),
        ('{"machine_info": {"eqconform": {', '{"machine_info": null, "others": {"eqconform": {'),
        ("}", ""),
    ],
)
def test_a_broken_run_is_refused_by_name(tmp_path: Path, was: str, becomes: str) -> None:
    _save(tmp_path, [1.0, 1.0])
    path = tmp_path / _FOLDER / "0002_bench.json"
    text = path.read_text(encoding="utf-8")
    assert was in text
    path.write_text(text.replace(was, becomes), encoding="utf-8")
    with pytest.raises(UsageError, match=r"0002_bench\.json is broken .* move it"):
        read(tmp_path, "cpu")


def test_runs_of_other_benchmarks_are_passed_over(tmp_path: Path) -> None:
    """The folder is pytest-benchmark's own."""
    _save(tmp_path, [1.0])
    other = {"machine_info": {}, "benchmarks": [], "datetime": "2026-01-01T00:00:00"}
    (tmp_path / _FOLDER / "0002_mine.json").write_text(json.dumps(other), encoding="utf-8")
    (points,) = read(tmp_path, "cpu").values()
    assert len(points) == 1


def test_a_plot_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    _save(tmp_path, [1.0])
    (tmp_path / "file").touch()
    options = ["history", "--store", str(tmp_path), "--plot", str(tmp_path / "file")]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 2
    assert "cannot write in" in result.output


def test_an_observer_that_is_gone_is_in_no_roofline(tmp_path: Path) -> None:
    _save(tmp_path, [1.0])
    ((key, points),) = read(tmp_path, "cpu").items()
    series = {("observers/gone-float32", "mine"): points, key: points}
    assert list(observed(series)) == ["nchw-float32"]


@pytest.mark.parametrize("other", [{"threads": 2}, {"timer": "timeit.default_timer"}])
def test_runs_that_were_measured_otherwise_are_refused(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    _save(tmp_path, [1.0])
    _save(tmp_path, [1.0], first=2, **other)
    with pytest.raises(UsageError, match=next(iter(other))):
        read(tmp_path, "cpu")


def test_an_empty_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run on cpu"):
        read(tmp_path, "cpu")


def test_the_command_tells_and_draws(tmp_path: Path) -> None:
    """Slower at the end is exit code 1, and the plots are there."""
    _save(tmp_path, _noisy(2.0, 8, 0) + _noisy(3.0, 8, 1))
    options = ["history", "--store", str(tmp_path), "--plot", str(tmp_path / "plots")]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 1, result.output
    assert f"slower from {_FOLDER}/0009_bench on" in result.output
    assert {path.name for path in (tmp_path / "plots").iterdir()} == {"history.svg", "roofline.svg"}
    for path in (tmp_path / "plots").iterdir():
        assert "x (cpu), torch 2.15.0, 2026-01-01" in path.read_text(encoding="utf-8")


def test_without_observers_there_is_no_roofline_and_the_command_says_so(tmp_path: Path) -> None:
    """It was an empty picture."""
    _save(tmp_path, [1.0])
    (path,) = (tmp_path / _FOLDER).iterdir()
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(_WORKLOAD, "scale/64-channels"), encoding="utf-8")
    options = ["history", "--store", str(tmp_path), "--plot", str(tmp_path / "plots")]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 0, result.output
    assert "1 run, last 1.00" in result.output
    assert "no roofline.svg: the store has no run of the suite observers" in result.output
    assert [path.name for path in (tmp_path / "plots").iterdir()] == ["history.svg"]


def test_plots_come_as_png_too(tmp_path: Path) -> None:
    _save(tmp_path, [2.0] * 3)
    series = read(tmp_path, "cpu")
    for draw in (history_plot, roofline):
        draw(series, tmp_path / "plot.png")
        assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
