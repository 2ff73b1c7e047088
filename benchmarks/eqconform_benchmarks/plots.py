"""Plots, by matplotlib (extra `history`).

What changed between two environments, the history of a store, and how close observers come to
reading their input once. The ending of the file's name says whether it is SVG or PNG.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eqconform.selection import UsageError
from eqconform_benchmarks.between import SLOWER, Shifts
from eqconform_benchmarks.history import Point, Series, changes
from eqconform_benchmarks.store import require_writable
from eqconform_benchmarks.workloads import workloads
from eqconform_benchmarks.workloads.observers import bytes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ENDINGS = (".svg", ".png")
_ROW_INCHES = 0.34
_PANEL_INCHES = 1.3
_WIDTH_INCHES = 8.0


def require_drawable(path: Path) -> None:
    """Make the folder of a plot, and see that the plot can be written there.

    Raises:
        UsageError: it cannot, or its name ends with neither .svg nor .png.
    """
    if path.suffix not in _ENDINGS:
        raise UsageError(f"{path} is no name of a plot; give one that ends with .svg or .png")
    require_writable(path.parent)


def shift_plot(found: Shifts, between: tuple[str, str], path: Path) -> None:
    """The ratio of each benchmark: its median, and the span of the launches."""
    measured = [each for each in found.each if each.launches]
    figure, (axes,) = _figure(len(measured))
    for row, each in enumerate(measured):
        colour = "tab:red" if each.verdict == "regression" else "tab:blue"
        axes.plot([min(each.launches), max(each.launches)], [row, row], color=colour, linewidth=2)
        axes.plot(each.ratio, row, "o", color=colour)
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.axvline(SLOWER, color="tab:red", linewidth=0.8, linestyle="--")
    _rows(axes, [each.workload for each in measured])
    axes.set_xlabel(f"time with {between[1]} / time with {between[0]} (right of 1: slower)")
    today = datetime.now(timezone.utc).date()
    _entitle(figure, "Medians of the launches, and their span", found.about, [today])
    _save(figure, path)


def history_plot(series: Series, path: Path) -> None:
    """The ratio of each benchmark from run to run, with its interval; dotted where it changed."""
    everything = [point for points in series.values() for point in points]
    runs = {point.run: point.started for point in everything}
    places = {run: place for place, run in enumerate(sorted(runs, key=lambda run: runs[run]), 1)}
    figure, panels = _figure(len(series), panels=len(series), row_inches=_PANEL_INCHES)
    for axes, ((workload, implementation), points) in zip(panels, series.items(), strict=True):
        _ratios(axes, points, places)
        for change in changes(points):
            axes.axvline(places[change.run] - 0.5, color="tab:red", linestyle=":")
        axes.set_title(f"{workload}, {implementation}", fontsize="small", loc="left")
        axes.grid(axis="y", linewidth=0.4)
    panels[-1].set_xlim(0.5, len(places) + 0.5)
    panels[-1].locator_params(axis="x", integer=True)
    panels[-1].set_xlabel("run, oldest first; ratio to the limit, with its 95 % interval")
    _entitle(figure, "Ratios from run to run", *_of_points(everything))
    _save(figure, path)


def _ratios(axes: "Axes", points: Sequence[Point], places: Mapping[str, int]) -> None:
    medians = [point.ratio.median for point in points]
    spread = [
        [point.ratio.median - point.ratio.low for point in points],
        [point.ratio.high - point.ratio.median for point in points],
    ]
    axes.errorbar([places[point.run] for point in points], medians, spread, marker=".", capsize=2)


def observed(series: Series) -> dict[str, dict[str, tuple[float, Point]]]:
    """Of each observer benchmark, by its name and by implementation: its gigabytes and last run.

    Without those that are not known any more, for their size is not known either.
    """
    found: dict[str, dict[str, tuple[float, Point]]] = {}
    for (workload, implementation), points in series.items():
        suite, _, name = workload.partition("/")
        if suite == "observers" and workload in workloads():
            found.setdefault(name, {})[implementation] = (bytes_of(name) / 1e9, points[-1])
    return found


def roofline(series: Series, path: Path) -> None:
    """Bytes that each observer takes in per second, against a flat read of the same batch."""
    rows = observed(series)
    figure, (axes,) = _figure(len(rows))
    colours: dict[str, Any] = {}
    for row, of_row in enumerate(rows.values()):
        for implementation, (size, point) in of_row.items():
            if point.seconds is None or point.limit_seconds is None:
                continue
            label = None if implementation in colours else implementation
            colour = colours.setdefault(implementation, f"C{len(colours)}")
            axes.plot(size / point.seconds, row, "o", color=colour, label=label)
            axes.plot(size / point.limit_seconds, row, "|", color="black", markersize=14)
    axes.plot([], [], "|", color="black", markersize=14, label="flat read", linestyle="none")
    axes.set_xscale("log")
    _rows(axes, list(rows))
    axes.set_xlabel("GB/s of input observed, one thread")
    axes.legend(fontsize="small")
    points = [point for of_row in rows.values() for _, point in of_row.values()]
    _entitle(figure, "Observers", *_of_points(points))
    _save(figure, path)


def _of_points(points: Sequence[Point]) -> tuple[list[Mapping[str, Any]], list[date]]:
    return [point.conditions for point in points], [point.started.date() for point in points]


def _entitle(
    figure: "Figure", what: str, conditions: Sequence[Mapping[str, Any]], days: Sequence[date]
) -> None:
    """What is shown, on which machine, with which torch, and when it was measured."""
    machines = dict.fromkeys(f"{each['device_name']} ({each['device']})" for each in conditions)
    torches = dict.fromkeys(str(each["versions"]["torch"]) for each in conditions)
    measured = dict.fromkeys(str(each) for each in (min(days), max(days)))
    about = ", ".join(machines), f"torch {', '.join(torches)}", " to ".join(measured)
    figure.suptitle("\n".join([what, ", ".join(about)]), fontsize="small")


def _figure(
    rows: int, *, panels: int = 1, row_inches: float = _ROW_INCHES
) -> "tuple[Figure, list[Axes]]":
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  an extra
    except ImportError as error:
        raise UsageError("plots need matplotlib: pip install '.[history]' in a checkout") from error
    figure = Figure(figsize=(_WIDTH_INCHES, 1.2 + row_inches * rows), layout="constrained")
    return figure, list(figure.subplots(panels, sharex=True, squeeze=False)[:, 0])


def _rows(axes: "Axes", labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)  # from the top, with room for the marks at both ends
    axes.grid(axis="x", linewidth=0.4)


def _save(figure: "Figure", path: Path) -> None:
    try:
        figure.savefig(path, dpi=150, bbox_inches="tight")  # long names of sides
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
