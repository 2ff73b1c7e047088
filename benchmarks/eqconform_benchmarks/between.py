"""Comparison between two environments: one sample of each in turn, over several launches.

Two builds of torch cannot share a process, so each side has a worker that keeps running, and the
parent asks them alternately. Where memory comes to lie differs from launch to launch and shifts
every sample of it, so the launches are what is counted: a slowdown is called when the median of the
launches' medians is above 1.05. Alternating whole pytest runs is not enough.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Literal

from eqconform.engine.planning import NotStarted
from eqconform_benchmarks.conditions import require_alike
from eqconform_benchmarks.environments import Environment, WorkerError
from eqconform_benchmarks.pairing import TooQuickError, alike, ratio

SLOWER = 1.05
LAUNCHES = 5
PAIRS = 20
_WARMUP = 2


def _nothing(_: str) -> None:
    """Who is told nothing."""


@dataclass(frozen=True)
class Shift:
    """What became of one benchmark from the first environment to the second.

    Attributes:
        workload: its id.
        launches: median ratio, second over first, of each launch.
        objection: why a side was not timed, or "".
        error: what ended the measurement, or "".
    """

    workload: str
    launches: tuple[float, ...] = ()
    objection: str = ""
    error: str = ""

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to measure."""
        return bool(self.objection or self.error)

    @property
    def ratio(self) -> float:
        """The median of the launches."""
        return median(self.launches)

    @property
    def verdict(self) -> Literal["pass", "regression"]:
        """The rule."""
        return "regression" if self.ratio > SLOWER else "pass"

    def __str__(self) -> str:
        if self.objection:
            return f"{self.workload:<34} not timed: {self.objection}"
        if self.error:
            return f"{self.workload:<34} not measured: {self.error}"
        spread = f"launches {min(self.launches):.3f} to {max(self.launches):.3f}"
        count = len(self.launches)
        few = f", after {count} of {LAUNCHES} launches" if count < LAUNCHES else ""
        return f"{self.workload:<34} {self.ratio:6.3f}  {spread:<26} {self.verdict}{few}"


@dataclass(frozen=True)
class Shifts:
    """What was found between two environments.

    Attributes:
        about: conditions and implementation of the first and of the second; of the last launch.
        each: one for every benchmark.
    """

    about: tuple[Mapping[str, Any], Mapping[str, Any]]
    each: tuple[Shift, ...]

    @property
    def slower(self) -> bool:
        """Whether any benchmark became slower."""
        return any(each.launches and each.verdict == "regression" for each in self.each)

    @property
    def timed(self) -> bool:
        """Whether any benchmark could be timed."""
        return any(each.launches for each in self.each)

    @property
    def failed(self) -> bool:
        """Whether the measurement of any benchmark ended with an error."""
        return any(each.error for each in self.each)


def shifts(  # noqa: PLR0913  one argument per option
    first: Callable[[], Environment],
    second: Callable[[], Environment],
    names: Sequence[str],
    *,
    launches: int = LAUNCHES,
    pairs: int = PAIRS,
    tell: Callable[[str], None] = _nothing,
) -> Shifts:
    """The shift of every benchmark; one that fails is left out, and the others go on.

    Args:
        first: starts the baseline's worker, anew for every launch.
        second: starts the other.
        names: ids of workloads.
        launches: of both workers.
        pairs: of samples, in each launch.
        tell: called with what is being done.

    Raises:
        UsageError: the two differ in timer, threads or device.
        NotStarted: a worker died before it was asked for a benchmark.
    """
    found = _Findings({name: Shift(name) for name in names}, pairs, tell)
    about: tuple[Mapping[str, Any], Mapping[str, Any]] = ({}, {})
    for launch in range(launches):
        left = [name for name in names if not found.each[name].ended]
        while left:
            tell(f"launch {launch + 1} of {launches}: starting both workers")
            with closing(first()) as one, closing(second()) as other:
                about = one.ask(about=True), other.ask(about=True)
                require_alike(*about)
                left = found.add_launch(one, other, left)
    return Shifts(about, tuple(found.each.values()))


@dataclass
class _Findings:
    """What was found so far, by benchmark, and how more is found."""

    each: dict[str, Shift]
    pairs: int
    tell: Callable[[str], None]

    def add_launch(self, first: Environment, second: Environment, names: list[str]) -> list[str]:
        """Measure each once; those for which new workers are needed, as one of these died."""
        for place, name in enumerate(names):
            self.tell(f"  {name}")
            try:
                self.each[name] = _measured(self.each[name], first, second, self.pairs)
            except (WorkerError, TooQuickError) as error:
                self.each[name] = Shift(name, error=str(error))
            except NotStarted as error:
                self.each[name] = Shift(name, error=" ".join(str(error).split()))
                return names[place + 1 :]
        return []


def _measured(known: Shift, first: Environment, second: Environment, pairs: int) -> Shift:
    """With the median ratio of one launch more, or with why there is none."""
    repeats = []
    for side in (first, second):
        answer = side.ask(set_up=known.workload)
        if objection := answer.get("objection"):
            return Shift(known.workload, objection=f"{objection} ({side.side})")
        repeats.append(answer["repeats"])
    if alike(*repeats):
        repeats = [max(repeats)] * 2
    ratios = list(_ratios((first, repeats[0]), (second, repeats[1]), pairs + _WARMUP))
    for side in (first, second):
        # The worker of an earlier eqconform has no such question, and no objection.
        if objection := side.ask(recheck=True).get("objection"):
            return Shift(known.workload, objection=f"{objection} ({side.side})")
    return replace(known, launches=(*known.launches, median(ratios[_WARMUP:])))


def _ratios(
    first: tuple[Environment, int], second: tuple[Environment, int], pairs: int
) -> Iterator[float]:
    """Second over first, each with its repetitions in a sample."""
    for number in range(pairs):
        order = (first, second) if number % 2 else (second, first)
        seconds = {side: side.ask(sample=repeats)["seconds"] for side, repeats in order}
        yield ratio(seconds[second[0]], seconds[first[0]])
