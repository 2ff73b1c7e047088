"""What is drawn on the web pages: networks, ranges, ratios and margins, in coordinates."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eqconform.report.matrix import columns
from eqconform.report.site.layout import Arrow, Drawing, drawing
from eqconform.report.site.plots import margins, ranges, ratios
from eqconform.results import CaseResult, Run
from eqconform.sketches import LayerSketch, Sketch, Step

Runs = Callable[..., Run]


def test_boxes_stand_apart_and_below_what_they_take() -> None:
    """Two branches side by side, and what joins them below both."""
    steps = (
        Step("input", (), None),
        Step("linear", (0,), 0),
        Step("linear", (0,), 1),
        Step("relu", (2,), None),
        Step("add", (1, 3), None),
    )
    found = drawing(steps)
    left, right = found.boxes[1], found.boxes[2]
    assert left.y == right.y
    assert abs(left.x - right.x) > found.box_width
    assert found.boxes[4].y > found.boxes[3].y > found.boxes[2].y
    assert len(found.arrows) == 5
    for box in found.boxes:
        assert 0 <= box.x <= found.width - found.box_width
        assert 0 <= box.y <= found.height - found.box_height


def test_what_is_due_is_marked(sketch: Sketch) -> None:
    found = drawing(sketch.steps, sketch.layers)
    assert [box.mark for box in found.boxes] == ["", "s", "", ""]
    (fold,) = (arrow for arrow in found.arrows if arrow.is_fold)
    start, end = points(fold)[0], points(fold)[-1]
    assert boxes_at(found, start) == [1]  # the head is at the layer that takes
    assert boxes_at(found, end) == [3]
    assert "due in the rows of layer call 0" in found.boxes[3].title


def points(arrow: Arrow) -> list[tuple[float, float]]:
    """Where an arrow passes, a pixel or so apart."""
    found: list[tuple[float, float]] = []
    for command, text in re.findall(r"([MVC])([^MVC]+)", arrow.path):
        numbers = [float(each) for each in text.split()]
        x, y = found[-1] if found else (numbers[0], numbers[1])
        ends = (
            [(x, numbers[0])]
            if command == "V"
            else [*zip(numbers[::2], numbers[1::2], strict=True)]
        )
        found += [_bernstein([(x, y), *ends], step / 40) for step in range(41)]
    return found


def _bernstein(ends: Sequence[tuple[float, float]], at: float) -> tuple[float, float]:
    """A point of the curve of Bézier that has these ends: a line, of two."""
    degree = len(ends) - 1
    shares = [math.comb(degree, n) * at**n * (1 - at) ** (degree - n) for n in range(degree + 1)]
    x, y = (
        sum(share * end[axis] for share, end in zip(shares, ends, strict=True)) for axis in (0, 1)
    )
    return x, y


def boxes_at(found: Drawing, point: tuple[float, float]) -> list[int]:
    """The boxes that a point is in, or on the edge of."""
    x, y = point
    return [
        place
        for place, box in enumerate(found.boxes)
        if box.x - 0.05 <= x <= box.x + found.box_width + 0.05
        and box.y - 0.05 <= y <= box.y + found.box_height + 0.05
    ]


@st.composite
def networks(draw: st.DrawFn) -> tuple[tuple[Step, ...], tuple[LayerSketch, ...]]:
    """Operations in any wiring, with folds from any layer call to any other."""
    count = draw(st.integers(1, 14))
    wired = [
        draw(st.lists(st.integers(0, place - 1), max_size=3)) if place else []
        for place in range(count)
    ]
    steps = tuple(Step("linear", tuple(each), place) for place, each in enumerate(wired))
    folds = draw(st.lists(st.none() | st.integers(0, count - 1), max_size=count))
    nothing: Any = ((),) * 4
    return steps, tuple(LayerSketch("fold", each, *nothing, None) for each in folds)


@given(networks())
@settings(max_examples=150, deadline=None)
def test_no_arrow_meets_a_box_that_it_does_not_belong_to(
    network: tuple[tuple[Step, ...], tuple[LayerSketch, ...]],
) -> None:
    """It leaves one box, reaches one other, and in between is nowhere near any."""
    steps, layers = network
    found = drawing(steps, layers)
    flows = {(source, place) for place, step in enumerate(steps) for source in step.inputs}
    reached = []
    for arrow in found.arrows:
        first, *between, last = points(arrow)
        ends = boxes_at(found, first) + boxes_at(found, last)
        assert len(ends) == 2
        assert {box for each in between for box in boxes_at(found, each)} <= set(ends)
        assert all(0 <= x <= found.width and 0 <= y <= found.height for x, y in between)
        reached += [] if arrow.is_fold else [tuple(ends)]
    assert sorted(reached) == sorted(flows)


@given(networks())
@settings(max_examples=50, deadline=None)
def test_no_two_boxes_meet(
    network: tuple[tuple[Step, ...], tuple[LayerSketch, ...]],
) -> None:
    found = drawing(*network)
    for one, other in combinations(found.boxes, 2):
        assert abs(one.x - other.x) > found.box_width or abs(one.y - other.y) > found.box_height


def test_a_chain_hangs_straight() -> None:
    """A skip bends around the chain that it skips, and does not push it aside."""
    wired = ((), (0,), (1,), (2,), (3, 0), (4,), (5, 4))
    found = drawing([Step("relu", each, None) for each in wired])
    assert len({box.x for box in found.boxes}) == 1


def test_branches_do_not_cross_where_they_need_not() -> None:
    """What the second branch does next stands under it, however late it comes."""
    wired = ((), (0,), (0,), (2,), (1,))
    found = drawing([Step("relu", each, None) for each in wired])
    assert (found.boxes[1].x < found.boxes[2].x) == (found.boxes[4].x < found.boxes[3].x)


@pytest.mark.parametrize("steps", [(), (Step("input", (), None),)])
def test_next_to_nothing_can_be_drawn(steps: tuple[Step, ...]) -> None:
    assert len(drawing(steps).boxes) == len(steps)


def test_ranges_are_drawn_on_one_scale(sketch: Sketch) -> None:
    """Wider is higher; what has no width has no mark."""
    first, second = ranges(sketch)
    inputs = [mark for mark in first.marks if mark.of == "input"]
    assert inputs[1].before is not None
    assert inputs[0].before is not None
    assert inputs[1].before < inputs[0].before
    assert inputs[0].after == inputs[1].after
    assert [mark.before is None for mark in second.marks] == [
        False,
        True,
        False,
        False,
        False,
        True,
    ]
    assert all(mark.after is None for mark in second.marks)
    values = [y for mark in first.marks for y in (mark.before, mark.after) if y is not None]
    assert all(0 <= y <= first.height for y in values)


def test_margins_know_zero_and_infinity(make_run: Runs, case: CaseResult) -> None:
    """The tolerance is a line; what is beyond the axis stands at its ends."""
    pairs = [(0.0, 0.0), (1e-9, 1.0), (1.0, 1.0), (2.0, 1.0), (1.0, 0.0), (float("nan"), 1.0)]
    cases = [
        replace(case, id=f"scale.formula/{n}", error=error, tolerance=tolerance)
        for n, (error, tolerance) in enumerate(pairs)
    ]
    plot = margins(columns([make_run(cases)]), "scale.formula")
    assert plot is not None
    places = [mark.x for mark in plot.rows[0].marks]
    limit = next(tick.at for tick in plot.ticks if tick.label == "tolerance")
    assert places[0] < places[1] < places[2] == limit < places[3] < places[4] == places[5]
    assert margins(columns([make_run([replace(case, error=None)])]), "scale.formula") is None


def test_margins_have_the_numbers_of_their_runs(make_run: Runs, case: CaseResult) -> None:
    """A run without any error has no row, and those behind it keep their number."""
    measured = replace(case, id="scale.formula/0", error=1.0, tolerance=2.0)
    runs = [make_run([replace(measured, error=None)]), make_run([measured])]
    plot = margins(columns(runs), "scale.formula")
    assert plot is not None
    assert [row.number for row in plot.rows] == [2]


def test_ratios_are_in_proportion(sketch: Sketch) -> None:
    twice = tuple(
        replace(layer, sqnr=ratio) for layer, ratio in zip(sketch.layers, (10.0, 20.0), strict=True)
    )
    plot = ratios(replace(sketch, layers=twice))
    assert plot is not None
    assert plot.bars[1].length == pytest.approx(2 * plot.bars[0].length)
    assert ratios(replace(sketch, layers=(replace(twice[0], sqnr=None),))) is None
