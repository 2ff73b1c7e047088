"""The rows of a session, printed as they come."""

from eqconform_benchmarks.ruling import Estimate
from eqconform_benchmarks.session import Row

_UNITS = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9))


def heading() -> str:
    """Over the lines."""
    return _columns("benchmark", "implementation", "time", "ratio", "95 % interval", "of", "goal")


def line(row: Row) -> str:
    """One measurement, or why there is none."""
    workload = row.workload
    if row.ratio is None:
        return f"{workload.id:<34} {row.implementation:<14} not timed: {row.objection}"
    return _columns(
        workload.id,
        row.implementation,
        "" if row.seconds is None else duration(row.seconds),
        _told(row.ratio.median, workload.goal),
        _interval(row.ratio),
        workload.limit,
        _goal(row, row.ratio),
    )


def duration(seconds: float) -> str:
    """Three digits, in the unit that suits."""
    unit, size = next((each for each in _UNITS if seconds >= each[1]), _UNITS[-1])
    return f"{seconds / size:#.3g}".rstrip(".") + f" {unit}"


def _columns(*cells: str) -> str:
    name, implementation, time, ratio, interval, limit, goal = cells
    text = (
        f"{name:<34} {implementation:<14} {time:>9} {ratio:>7}  {interval:<16} {limit:<22} {goal}"
    )
    return text.rstrip()


def _told(ratio: float, goal: float | None) -> str:
    """In two digits behind the point, and in more where these would meet a goal that was missed."""
    text = f"{ratio:.2f}"
    return text if goal is None or ratio <= goal or float(text) > goal else f"{ratio:.4f}"


def _interval(ratio: Estimate) -> str:
    return "" if ratio.low == ratio.high else f"{ratio.low:.2f} to {ratio.high:.2f}"


def _goal(row: Row, ratio: Estimate) -> str:
    workload = row.workload
    if workload.goal is not None:
        return f"<= {workload.goal:.4g}, {_met(ratio.median <= workload.goal)}"
    if workload.goal_seconds is not None and row.seconds is not None:
        return f"<= {duration(workload.goal_seconds)}, {_met(row.seconds <= workload.goal_seconds)}"
    return ""


def _met(reached: bool) -> str:
    return "met" if reached else "missed"
