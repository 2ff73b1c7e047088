"""Comparison between two environments: one sample of each in turn, over several launches.

Two builds of torch cannot share a process, so each side has a worker that keeps running, and the
parent asks them alternately. Where memory comes to lie differs from launch to launch and shifts
every sample of it, so the launches are what is counted: a slowdown is called when the median of the
launches' medians is above 1.05. Alternating whole pytest runs is not enough.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from eqconform_benchmarks.conditions import require_alike
from eqconform_benchmarks.environments import Environment

SLOWER = 1.05
LAUNCHES = 5
PAIRS = 20
_WARMUP = 2


@dataclass(frozen=True)
class Shift:
    """What became of one benchmark from the first environment to the second.

    Attributes:
        workload: its id.
        launches: median ratio, second over first, of each launch.
        objection: why a side was not timed, or "".
    """

    workload: str
    launches: tuple[float, ...] = ()
    objection: str = ""

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
        spread = f"launches {min(self.launches):.3f} to {max(self.launches):.3f}"
        return f"{self.workload:<34} {self.ratio:6.3f}  {spread:<26} {self.verdict}"


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


def shifts(
    first: Callable[[], Environment],
    second: Callable[[], Environment],
    names: Sequence[str],
    *,
    launches: int = LAUNCHES,
    pairs: int = PAIRS,
) -> Shifts:
    """The shift of every benchmark.

    Args:
        first: starts the baseline's worker, anew for every launch.
        second: starts the other.
        names: ids of workloads.
        launches: of both workers.
        pairs: of samples, in each launch.

    Raises:
        UsageError: the two differ in timer, threads or device.
        NotStarted: a worker died.
    """
    ratios: dict[str, list[float]] = {name: [] for name in names}
    objections: dict[str, str] = {}
    about: tuple[Mapping[str, Any], Mapping[str, Any]] = ({}, {})
    for _ in range(launches):
        with closing(first()) as one, closing(second()) as other:
            about = one.ask(about=True), other.ask(about=True)
            require_alike(*about)
            for name in (each for each in names if each not in objections):
                found = _launch(one, other, name, pairs)
                if isinstance(found, str):
                    objections[name] = found
                else:
                    ratios[name].append(found)
    each = (Shift(name, tuple(ratios[name]), objections.get(name, "")) for name in names)
    return Shifts(about, tuple(each))


def _launch(first: Environment, second: Environment, name: str, pairs: int) -> float | str:
    """The median ratio of one launch, or why there is none."""
    repeats = []
    for side in (first, second):
        answer = side.ask(set_up=name)
        if "objection" in answer:
            return f"{answer['objection']} ({side.side})"
        repeats.append(answer["repeats"])
    found = list(_ratios(first, second, max(repeats), pairs + _WARMUP))
    return median(found[_WARMUP:])


def _ratios(first: Environment, second: Environment, repeats: int, pairs: int) -> Iterator[float]:
    for number in range(pairs):
        order = (first, second) if number % 2 else (second, first)
        seconds = {side: side.ask(sample=repeats)["seconds"] for side in order}
        yield seconds[second] / seconds[first]
