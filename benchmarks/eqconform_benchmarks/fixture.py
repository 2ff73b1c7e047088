"""The pytest fixture `paired`, on pytest-benchmark: storage, tables and histograms are its own.

The samples of the candidate are those of `benchmark.pedantic`; those of the baseline, the ratio and
the verdict go to `extra_info`, so that a saved run holds all that the verdict rests on. This module
is imported by every pytest session of the environment, and imports torch only when it measures.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from eqconform_benchmarks.clocks import Clock
    from eqconform_benchmarks.paired import Timed
    from eqconform_benchmarks.pairing import Pairs, Work
    from eqconform_benchmarks.ruling import Judgement


_JUDGED = pytest.StashKey[list[str]]()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """A line for each judgement: pytest-benchmark's table has the candidate's time alone."""
    if judged := config.stash.get(_JUDGED, []):
        terminalreporter.section("paired")
        for line in judged:
            terminalreporter.write_line(line)


@pytest.fixture
def paired(request: pytest.FixtureRequest, benchmark: Any) -> Callable[..., Judgement]:
    """Judges a candidate against a baseline; see `eqconform_benchmarks.paired.paired`.

    `paired(candidate, baseline, pairs=50, device="cpu")` gives a `Judgement`; assert on its
    `verdict`. The test is skipped where pytest-benchmark is switched off, as it is under xdist.
    """
    if benchmark.disabled:
        pytest.skip("pytest-benchmark is disabled (--benchmark-disable, or xdist)")

    def judge(
        candidate: Timed, baseline: Timed, *, pairs: int | None = None, device: str = "cpu"
    ) -> Judgement:
        require_clock(request.config, device)
        found = _judgement(benchmark, candidate, baseline, pairs=pairs, device=device)
        judged = request.config.stash.setdefault(_JUDGED, [])
        judged.append(f"{request.node.nodeid}: {found}")
        return found

    return judge


def _judgement(
    benchmark: Any, candidate: Timed, baseline: Timed, *, pairs: int | None, device: str
) -> Judgement:
    # Imports torch and scipy, which sessions without a benchmark have no use for.
    from eqconform_benchmarks.clocks import clock_of, one_thread  # noqa: PLC0415
    from eqconform_benchmarks.paired import as_work  # noqa: PLC0415
    from eqconform_benchmarks.pairing import interleaved, repeats_for_both  # noqa: PLC0415
    from eqconform_benchmarks.ruling import (  # noqa: PLC0415
        PAIRS,
        compared,
        judged,
        require_enough,
    )

    own, base, clock = as_work(candidate), as_work(baseline), clock_of(device)
    count = PAIRS if pairs is None else pairs
    require_enough(count)
    with one_thread():
        repeats = repeats_for_both(own, base, clock)
        first = compared(measured(benchmark, own, base, pairs=count, clock=clock, repeats=repeats))
        found = judged(
            first,
            lambda more: compared(interleaved(own, base, pairs=more, clock=clock, repeats=repeats)),
        )
    benchmark.extra_info.update(found.as_json())
    return found


def require_clock(config: pytest.Config, device: str) -> None:
    """Fail the test, in one line, rather than measure with another clock than the device's.

    Pytest-benchmark was given another timer, or none: its default is wall time.
    """
    from eqconform_benchmarks.clocks import NAMES  # noqa: PLC0415  imports torch

    given = config.getoption("benchmark_timer")
    if given != NAMES[device]:
        pytest.fail(
            f"paired measures {device} work with {NAMES[device]}, and pytest-benchmark was given "
            f"{given}: run pytest with --benchmark-timer={NAMES[device]}",
            pytrace=False,
        )


def measured(  # noqa: PLR0913  as `interleaved`, and pytest-benchmark's fixture
    benchmark: Any,
    candidate: Work,
    baseline: Work,
    *,
    pairs: int,
    clock: Clock,
    repeats: tuple[int, int],
) -> Pairs:
    """As `interleaved`, with pytest-benchmark at the clock."""
    from eqconform_benchmarks.pairing import WARMUP, Pairs, Turns, quiet  # noqa: PLC0415

    turns = Turns(baseline, repeats[1], clock)
    begun: list[float] = []
    ended: list[float] = []

    def setup() -> tuple[tuple[list[Any]], dict[str, Any]]:
        turns.before()
        items = candidate.items(repeats[0])
        begun.append(time.perf_counter())
        return (items,), {}

    def teardown(_: list[Any]) -> None:
        ended.append(time.perf_counter())
        turns.after()

    with quiet():
        benchmark.pedantic(
            candidate.all, setup=setup, teardown=teardown, rounds=pairs, warmup_rounds=WARMUP
        )
    own = tuple(seconds / repeats[0] for seconds in benchmark.stats.stats.data)
    # As pytest-benchmark has it of what it repeats itself: its tables are of one repetition.
    benchmark.stats.iterations, benchmark.stats.stats.data[:] = repeats[0], own
    found = Pairs(own, tuple(turns.samples[WARMUP:]))
    wall = [(after - before) / repeats[0] for before, after in zip(begun, ended, strict=True)]
    benchmark.extra_info |= {
        "repeats": list(repeats),
        "seconds": list(found.candidate),
        "wall_seconds": wall[WARMUP:],
        "baseline_seconds": list(found.baseline),
    }
    return found
