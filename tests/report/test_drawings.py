"""What is drawn on the web pages: networks, ranges, ratios and margins, in coordinates."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from eqconform.report.matrix import columns
from eqconform.report.site.layout import drawing
from eqconform.report.site.plots import margins, ranges, ratios
from eqconform.results import CaseResult, Run
from eqconform.sketches import Sketch, Step

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


def test_an_arrow_goes_past_what_stands_between() -> None:
    """A skip over a layer is to be seen beside it, not behind it."""
    steps = (Step("input", (), None), Step("linear", (0,), 0), Step("add", (1, 0), None))
    found = drawing(steps)
    left = found.boxes[0].x
    starts = [arrow.path.split("C")[0] for arrow in found.arrows]
    assert [start.startswith(f"M{left:g} ") for start in starts] == [False, False, True]
    assert drawing(steps[:2]).boxes[0].x < left


def test_what_is_due_is_marked(sketch: Sketch) -> None:
    found = drawing(sketch.steps, sketch.layers)
    assert [box.mark for box in found.boxes] == ["", "s", "", ""]
    assert [arrow.is_fold for arrow in found.arrows].count(True) == 1
    assert "due in the rows of layer call 0" in found.boxes[3].title


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


def test_ratios_are_in_proportion(sketch: Sketch) -> None:
    twice = tuple(
        replace(layer, sqnr=ratio) for layer, ratio in zip(sketch.layers, (10.0, 20.0), strict=True)
    )
    plot = ratios(replace(sketch, layers=twice))
    assert plot is not None
    assert plot.bars[1].length == pytest.approx(2 * plot.bars[0].length)
    assert ratios(replace(sketch, layers=(replace(twice[0], sqnr=None),))) is None
