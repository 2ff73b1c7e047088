"""`paired` calls a slowdown by its name, and the same code against itself nothing."""

import gc
import json
import subprocess
import sys
import weakref
from pathlib import Path
from statistics import median

import pytest
import torch

from eqconform import load
from eqconform_benchmarks.clocks import cpu_time
from eqconform_benchmarks.paired import paired
from eqconform_benchmarks.pairing import (
    Pairs,
    TooQuickError,
    Turns,
    Work,
    interleaved,
    quiet,
    repeats_for,
    repeats_for_both,
    sample,
    work,
)
from eqconform_benchmarks.ruling import FEWEST, SLOWER, compared, estimate, judged

_SESSION = """
import pytest
import torch
from eqconform import load

x = torch.randn(40, 64, 14, 14, generator=torch.Generator().manual_seed(0))
observer = load("reference").input_observer()

def observe():
    observer(x)

def slowed():
    observer(x)
    observer(x[:8])

def test_slower(paired):
    assert paired(slowed, observe, pairs=20).verdict == "regression"

def test_few(paired):
    with pytest.raises(ValueError, match="7 pairs can show no slowdown"):
        paired(observe, observe, pairs=7)
    paired(observe, observe, pairs=8)

def test_same(paired):
    assert paired(observe, observe, pairs=20).verdict != "regression"
"""


def _spin(units: int) -> int:
    return sum(range(units * 20_000))


def test_an_observer_that_reads_a_tenth_twice_is_a_regression() -> None:
    """Ten per cent more work is seen on a noisy machine, in the reference's own observer."""
    x = torch.randn(40, 64, 28, 28, generator=torch.Generator().manual_seed(0))
    observer = load("reference").input_observer()
    tenth = x[:4]

    def slowed() -> None:
        observer(x)
        observer(tenth)

    assert paired(slowed, lambda: observer(x)).verdict == "regression"


def test_the_same_code_is_no_regression() -> None:
    """The test of record makes a few tries; `eqconform bench noise` makes as many as wanted."""
    x = torch.randn(40, 64, 28, 28, generator=torch.Generator().manual_seed(0))
    observer = load("reference").input_observer()
    for _ in range(3):
        assert paired(lambda: observer(x), lambda: observer(x)).verdict != "regression"


def test_the_order_alternates() -> None:
    """Baseline and candidate take turns at being first."""
    seen: list[str] = []
    one, other = work(lambda: seen.append("A")), work(lambda: seen.append("B"))
    interleaved(one, other, pairs=2, clock=cpu_time, repeats=(1, 1))
    assert "".join(seen) == "BAABBAAB"


def test_fresh_arguments_are_made_off_the_clock() -> None:
    """What `fresh` makes is given to `run`, one for every repetition."""
    ticks = iter(range(100))
    made: list[int] = []
    given: list[int] = []

    def fresh() -> int:
        made.append(next(ticks))
        return made[-1]

    interleaved(Work(given.append, fresh), work(int), pairs=1, clock=cpu_time, repeats=(3, 1))
    assert given == made == list(range(9))


def test_a_sample_lasts() -> None:
    """The inner loop is as long as the clock needs."""
    repeats = repeats_for(work(lambda: _spin(1)), cpu_time, seconds=0.01)
    start = cpu_time()
    for _ in range(repeats):
        _spin(1)
    assert cpu_time() - start > 0.005


def test_ctrl_c_is_not_lost_in_a_collection() -> None:
    """Python drops what is raised in the callbacks of a collection; hypothesis has one."""

    def callback(*_: object) -> None:
        raise AssertionError

    gc.callbacks.append(callback)
    try:
        with quiet():
            assert gc.callbacks == []
        assert gc.callbacks[-1] is callback
    finally:
        gc.callbacks.remove(callback)


def test_a_sample_is_no_longer_than_its_arguments_allow() -> None:
    """Work that takes no time asked for so many copies of a network that memory ran out."""
    quick = Work(lambda _: None, most=7)
    assert repeats_for(quick, cpu_time) == 7


def test_samples_leave_no_cycles_behind() -> None:
    """What is timed many times over holds the memory of one: a cycle is collected in between."""

    class Node:
        def __init__(self) -> None:
            self.itself = self

    alive: list[weakref.ref[Node]] = []

    def leak() -> None:
        alive.append(weakref.ref(Node()))

    with quiet():
        for _ in range(5):
            sample(work(leak), 1, cpu_time)
    assert sum(each() is not None for each in alive[:-1]) == 0


def test_like_work_is_repeated_alike_and_unlike_work_as_it_needs() -> None:
    """A candidate that takes a thousand times as long held the test up for many minutes."""
    own, base = repeats_for_both(work(lambda: _spin(2)), work(lambda: _spin(1)), cpu_time)
    assert own == base
    own, base = repeats_for_both(work(lambda: _spin(1000)), work(lambda: _spin(1)), cpu_time)
    assert own == 1 < base
    own, base = repeats_for_both(work(int), work(lambda: _spin(1000)), cpu_time)
    assert base == 1 < own


def test_no_more_repetitions_than_either_side_allows() -> None:
    """Against one of three repetitions, one of thousands was twice as quick for the same code."""
    limited = Work(lambda _: _spin(1), most=2)
    for both in ((limited, work(lambda: _spin(1))), (work(lambda: _spin(1)), limited)):
        assert repeats_for_both(*both, cpu_time) == (2, 2)


def test_a_first_call_that_takes_long_does_not_count() -> None:
    """What is imported or compiled in it was taken for the work, and one call made a sample."""
    calls: list[int] = []

    def cold() -> int:
        calls.append(1)
        return _spin(1 if len(calls) > 1 else 1000)

    own, base = repeats_for_both(work(cold), work(lambda: _spin(1)), cpu_time)
    assert own == base > 1


def test_only_the_outermost_lets_the_collector_see_everything_again() -> None:
    with quiet():
        frozen = gc.get_freeze_count()
        with quiet():
            assert gc.get_freeze_count() == frozen
        assert gc.get_freeze_count() == frozen
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize("seconds", [(0.0, 1.0), (1.0, 0.0)])
def test_what_the_clock_cannot_see_is_told(seconds: tuple[float, float]) -> None:
    """A ratio to nothing was a ZeroDivisionError, and one of nothing a warning of numpy."""
    with pytest.raises(TooQuickError, match="let each repetition do more work"):
        compared(Pairs((seconds[0],) * 9, (seconds[1],) * 9))


def test_turns_take_one_sample_a_round() -> None:
    turns = Turns(work(int), 1, cpu_time)
    for count in range(1, 5):
        turns.before()
        turns.after()
        assert len(turns.samples) == count


def _pairs(ratio: float, spread: float, count: int = 50) -> Pairs:
    base = [1.0 + spread * (-1) ** i for i in range(count)]
    return Pairs(tuple(ratio * (2.0 - b) for b in base), tuple(base))


@pytest.mark.parametrize(
    ("ratio", "spread", "alarm"),
    [
        (1.10, 0.01, True),
        (1.02, 0.001, False),  # significant, and too little to matter
        (1.00, 0.05, False),
        (0.80, 0.01, False),
    ],
)
def test_the_rule_needs_size_and_significance(ratio: float, spread: float, alarm: bool) -> None:
    assert compared(_pairs(ratio, spread)).alarm is alarm


def test_a_large_ratio_of_few_pairs_is_no_alarm() -> None:
    """Four pairs cannot give p < 0.005, whatever they say."""
    found = compared(_pairs(1.5, 0.01, count=4))
    assert found.ratio.median > SLOWER
    assert not found.alarm


def test_the_fewest_pairs_are_those_that_can_raise_an_alarm() -> None:
    """However slow: with fewer, a candidate of ten times the time passed for ever."""
    assert compared(_pairs(10.0, 0.01, count=FEWEST)).alarm
    assert not compared(_pairs(10.0, 0.01, count=FEWEST - 1)).alarm
    paired(int, int, pairs=FEWEST)
    with pytest.raises(ValueError, match=f"give {FEWEST} or more"):
        paired(int, int, pairs=FEWEST - 1)


def test_a_regression_needs_a_second_alarm() -> None:
    alarm, calm = compared(_pairs(1.2, 0.01)), compared(_pairs(1.0, 0.001))
    assert judged(alarm, lambda _: alarm).verdict == "regression"
    assert judged(alarm, lambda _: calm).verdict == "inconclusive"
    assert judged(calm, lambda _: alarm).verdict == "pass"


def test_a_failed_assertion_shows_ratio_and_rerun() -> None:
    alarm = compared(_pairs(1.2, 0.01))
    shown = repr(judged(alarm, lambda _: alarm))
    assert shown.startswith("<Judgement regression: ratio 1.20")
    assert ", again 1.20" in shown


def test_the_rerun_is_longer() -> None:
    """With as few pairs as at first it would drop one true alarm in ten on a busy machine."""
    asked: list[int] = []
    alarm = compared(_pairs(1.2, 0.01))
    judged(alarm, lambda pairs: asked.append(pairs) or alarm)
    assert asked == [2 * alarm.pairs]


def test_what_cannot_exclude_a_tenth_is_inconclusive() -> None:
    wild = compared(_pairs(1.0, 0.2))
    assert not wild.alarm
    assert judged(wild, lambda _: wild).verdict == "inconclusive"


def test_the_interval_is_open_where_nothing_bounds_it() -> None:
    few, many = estimate([1.0, 2.0, 3.0]), estimate([float(i) for i in range(100)])
    assert few.low == -float("inf")
    assert few.high == float("inf")
    assert many.low < many.median < many.high < 70


@pytest.fixture
def session(tmp_path: Path) -> Path:
    path = tmp_path / "test_session.py"
    path.write_text(_SESSION, encoding="utf-8")
    return path


def _pytest(session: Path, *options: str) -> subprocess.CompletedProcess[str]:
    plugins = ("pytest_benchmark.plugin", "eqconform_benchmarks.fixture")
    loaded = [word for plugin in plugins for word in ("-p", plugin)]
    command = [sys.executable, "-m", "pytest", *loaded, "-p", "no:cacheprovider", *options]
    return subprocess.run(
        [*command, str(session)],
        env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "OMP_NUM_THREADS": "1"},
        cwd=session.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_fixture_judges_and_stores(session: Path) -> None:
    """Verdict, ratio and both series of samples are in pytest-benchmark's file."""
    done = _pytest(session, "--benchmark-timer=time.process_time", "--benchmark-json=out.json")
    assert done.returncode == 0, done.stdout
    assert "::test_slower: regression: ratio 1." in done.stdout
    stored = (session.parent / "out.json").read_text(encoding="utf-8")
    for each in json.loads(stored)["benchmarks"]:
        # Of one repetition, as pytest-benchmark's own figures are.
        assert each["stats"]["median"] == pytest.approx(median(each["extra_info"]["seconds"]))
    for key in ('"baseline_seconds"', '"verdict": "regression"', '"ratio"', '"repeats"'):
        assert key in stored


def test_the_fixture_refuses_wall_time(session: Path) -> None:
    """In one line that says the way out; no source is shown, for none is wrong."""
    done = _pytest(session)
    assert done.returncode != 0
    assert "run pytest with --benchmark-timer=time.process_time" in done.stdout
    assert "def require_clock" not in done.stdout
    assert "def judge" not in done.stdout
    assert "UsageError" not in done.stdout


def test_the_fixture_skips_where_benchmarks_are_off(session: Path) -> None:
    done = _pytest(session, "--benchmark-disable", "-rs")
    assert "3 skipped" in done.stdout
