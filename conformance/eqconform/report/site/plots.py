"""What people would rather look at than read: ranges per channel, margins, ratios per layer.

Geometry alone: where each mark stands, in pixels. The templates draw it. Axes of ranges and of
margins are logarithmic: scales are quotients, and errors are of any size.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from eqconform.report.matrix import Column
from eqconform.report.words import number
from eqconform.results import CaseResult
from eqconform.sketches import LayerSketch, Sketch, Widths

_TOP, _BOTTOM, _LEFT, _RIGHT = 10.0, 22.0, 44.0, 10.0  # around a plot, in pixels
_TALL = 120.0  # height of a plot of ranges
_CHANNEL = 18.0  # width of a channel in it
_DECADES = 6  # to each side of the tolerance
_WIDE = 560.0  # of a plot of margins, and of ratios
_ROW = 26.0  # height of a row in them
_APART = 44.0  # of zero and infinity, from the ends of the axis of margins
_EXACT = 3  # powers of ten that are written out


@dataclass(frozen=True)
class Tick:
    """A line of an axis, and what is written at it."""

    at: float
    label: str


@dataclass(frozen=True)
class Dumbbell:
    """A channel's width before and after; one of the two may be missing."""

    x: float
    before: float | None
    after: float | None
    of: str
    title: str


@dataclass(frozen=True)
class Ranges:
    """The widths of a layer call's input and weight, channel by channel."""

    title: str
    width: float
    height: float
    left: float
    right: float
    ticks: tuple[Tick, ...]
    marks: tuple[Dumbbell, ...]


@dataclass(frozen=True)
class Margin:
    """A case: how far its error is from the tolerance."""

    x: float
    state: str
    title: str


@dataclass(frozen=True)
class MarginRow:
    """The cases of a run, whose number is its place among all runs of the page."""

    y: float
    number: int
    label: str
    marks: tuple[Margin, ...]


@dataclass(frozen=True)
class Margins:
    """Error over tolerance, a row per run."""

    width: float
    height: float
    bottom: float
    ticks: tuple[Tick, ...]
    rows: tuple[MarginRow, ...]


@dataclass(frozen=True)
class Bar:
    """The ratio of a layer call, in dB."""

    y: float
    length: float
    label: str
    words: str


@dataclass(frozen=True)
class Ratios:
    """The ratios of a network, a row per layer call."""

    width: float
    height: float
    left: float
    bars: tuple[Bar, ...]


def ranges(sketch: Sketch) -> list[Ranges]:
    """A plot per layer call."""
    return [_ranges(index, layer) for index, layer in enumerate(sketch.layers)]


def _ranges(index: int, layer: LayerSketch) -> Ranges:
    rows = (layer.input, layer.input_after, layer.weight, layer.weight_after)
    low, high = _decades(value for widths in rows for value in widths)
    channels = len(layer.input)

    def y(value: float | None) -> float | None:
        if not _is_positive(value):
            return None
        share = (math.log10(value) - low) / (high - low)  # type: ignore[arg-type]  # positive
        return round(_TOP + _TALL * (1 - share), 1)

    marks = [
        Dumbbell(
            x=round(_LEFT + (channel + place) * _CHANNEL, 1),
            before=y(before),
            after=y(after),
            of=of,
            title=f"channel {channel}, {of}: {number(before)}"
            + (f", then {number(after)}" if layer.input_after else ""),
        )
        for of, place, old, new in (
            ("input", 0.32, layer.input, layer.input_after),
            ("weight", 0.68, layer.weight, layer.weight_after),
        )
        for channel, (before, after) in enumerate(_paired(old, new))
    ]
    step = max(1, (high - low) // 4)
    return Ranges(
        title=f"layer call {index}",
        width=_LEFT + max(channels, 4) * _CHANNEL + _RIGHT,
        height=_TOP + _TALL + _BOTTOM,
        left=_LEFT,
        right=_LEFT + max(channels, 4) * _CHANNEL,
        ticks=tuple(Tick(y(10.0**p) or 0.0, _power(p)) for p in range(low, high + 1, step)),
        marks=tuple(marks),
    )


def _paired(old: Widths, new: Widths) -> Iterable[tuple[float | None, float | None]]:
    return zip(old, new or (None,) * len(old), strict=False)


def _is_positive(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value > 0


def _decades(values: Iterable[float | None]) -> tuple[int, int]:
    """The powers of ten that enclose the positive values."""
    logs = [math.log10(value) for value in values if value is not None and _is_positive(value)]
    low, high = math.floor(min(logs, default=0)), math.ceil(max(logs, default=1))
    return low, max(high, low + 1)


def _power(exponent: int) -> str:
    return f"{10.0**exponent:g}" if abs(exponent) <= _EXACT else f"1e{exponent}"


def margins(columns: Sequence[Column], clause: str) -> Margins | None:
    """Error over tolerance of the cases that have both; None where none has."""
    rows: list[MarginRow] = []
    for place, column in enumerate(columns, 1):
        verdict = column.verdicts.get(clause)
        cases = [
            case
            for case in (verdict.cases if verdict else ())
            if case.error is not None and case.tolerance is not None
        ]
        if cases:
            y = _TOP + (len(rows) + 0.5) * _ROW
            marks = tuple(_margin(case) for case in sorted(cases, key=lambda each: each.id))
            rows.append(MarginRow(y, place, column.title, marks))
    if not rows:
        return None
    bottom = _TOP + len(rows) * _ROW
    powers = range(-_DECADES, _DECADES + 1, 2)
    ticks = [Tick(_x(10.0**p), "tolerance" if p == 0 else f"{_power(p)} x") for p in powers]
    ticks = [Tick(_x(0.0), "0"), *ticks, Tick(_x(math.inf), "∞")]
    return Margins(_WIDE, bottom + _BOTTOM, bottom, tuple(ticks), tuple(rows))


def _margin(case: CaseResult) -> Margin:
    error, tolerance = case.error or 0.0, case.tolerance or 0.0
    if math.isnan(error) or math.isnan(tolerance):
        share = math.inf
    elif tolerance == 0:
        share = 0.0 if error == 0 else math.inf
    else:
        share = error / tolerance
    state = "pass" if case.status == "pass" else "fail"
    words = f"{case.id.partition('/')[2]}: error {number(error)}, tolerance {number(tolerance)}"
    return Margin(_x(share), state, words)


def _x(share: float) -> float:
    """Where an error of so many tolerances stands: 0 and infinity at the ends."""
    inner = _WIDE - 2 * _LEFT - 2 * _APART
    start = _LEFT + _APART
    if share <= 0:
        return _LEFT
    if math.isinf(share):
        return _WIDE - _LEFT
    place = (math.log10(share) + _DECADES) / (2 * _DECADES)
    return round(start + inner * min(max(place, 0.0), 1.0), 1)


def ratios(sketch: Sketch) -> Ratios | None:
    """The signal-to-noise ratio of each layer call's input; None where there is none."""
    found = [(index, layer.sqnr) for index, layer in enumerate(sketch.layers)]
    known = [(index, value) for index, value in found if value is not None]
    if not known:
        return None
    most = max(1.0, *(abs(value) for _, value in known))
    left = 2 * _LEFT
    bars = [
        Bar(
            y=_TOP + place * _ROW,
            length=round(max(value, 0.0) / most * (_WIDE - left - 2 * _LEFT), 1),
            label=f"layer call {index}",
            words=f"{value:.1f} dB",
        )
        for place, (index, value) in enumerate(known)
    ]
    return Ratios(_WIDE, 2 * _TOP + len(known) * _ROW, left, tuple(bars))
