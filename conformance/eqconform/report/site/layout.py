"""Where the operations of a network stand in its drawing.

Layer by layer from the inputs down, as Sugiyama draws graphs: an operation stands one row below the
lowest that it takes from, and beside the others of its row in the order of what they take from.

Source: Sugiyama, Tagawa and Toda 1981, "Methods for Visual Understanding of Hierarchical System
Structures"; a step of it, the order of a row, is done once, from above.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from eqconform.sketches import LayerSketch, Step

_BOX = (132.0, 30.0)  # width and height of a box, in pixels
_GAP = (22.0, 26.0)  # between boxes
_SIDE = 46.0  # on the right, for the arrows of folds; on the left, for those around boxes
_MARGIN = 6.0
_LONGEST = 18  # characters in a box
_MULTIPLICATIONS = ("mul", "multiply", "div", "divide", "true_divide", "addcmul", "addcdiv")


@dataclass(frozen=True)
class Box:
    """An operation.

    Attributes:
        x: of its left edge.
        y: of its upper edge.
        label: what stands in it.
        title: all that there is to say.
        kind: "layer", "multiplication", "end" or "plain".
        mark: "s" where a scale is due to be multiplied in, "n" where a norm may take it, or "".
    """

    x: float
    y: float
    label: str
    title: str
    kind: str
    mark: str = ""


@dataclass(frozen=True)
class Arrow:
    """A path of SVG from one operation to another; that of a fold goes to the layer that takes."""

    path: str
    is_fold: bool = False


@dataclass(frozen=True)
class Drawing:
    """Boxes and arrows, and how much room they take."""

    width: float
    height: float
    box_width: float
    box_height: float
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def drawing(steps: Sequence[Step], layers: Sequence[LayerSketch] = ()) -> Drawing:
    """The drawing of the operations.

    Args:
        steps: in the order of execution.
        layers: the layer calls, for the marks of where their scales are due; empty for none.
    """
    ranks = _ranks(steps)
    lanes = _lanes(steps, ranks)
    widest = max(lanes, default=0.0)
    edges = [(source, place) for place, step in enumerate(steps) for source in step.inputs]
    around = {edge for edge in edges if _is_in_the_way(*edge, lanes, ranks)}
    folds = list(_folds(steps, layers))
    left = _MARGIN + (_SIDE if around else 0)
    places = [
        (left + lane * (_BOX[0] + _GAP[0]), _MARGIN + rank * (_BOX[1] + _GAP[1]))
        for lane, rank in zip(lanes, ranks, strict=True)
    ]
    right = _MARGIN + (_SIDE if folds else 0)
    return Drawing(
        width=left + (widest + 1) * _BOX[0] + widest * _GAP[0] + right,
        height=2 * _MARGIN + (max(ranks, default=0) + 1) * (_BOX[1] + _GAP[1]) - _GAP[1],
        box_width=_BOX[0],
        box_height=_BOX[1],
        boxes=tuple(_box(step, *place, layers) for step, place in zip(steps, places, strict=True)),
        arrows=(
            *(
                Arrow((_past if edge in around else _downwards)(*(places[end] for end in edge)))
                for edge in edges
            ),
            *(Arrow(_around(places[one], places[other]), is_fold=True) for one, other in folds),
        ),
    )


def _is_in_the_way(source: int, target: int, lanes: Sequence[float], ranks: Sequence[int]) -> bool:
    """Whether a box stands between two others, so that an arrow straight down would be hidden."""
    return any(
        ranks[source] < rank < ranks[target]
        and min(lanes[source], lanes[target]) - 1 < lane < max(lanes[source], lanes[target]) + 1
        for lane, rank in zip(lanes, ranks, strict=True)
    )


def _ranks(steps: Sequence[Step]) -> list[int]:
    """The row of each step: one below the lowest that it takes from."""
    ranks: list[int] = []
    for step in steps:
        above = [ranks[source] for source in step.inputs]
        ranks.append(max(above, default=-1) + 1)
    return ranks


def _lanes(steps: Sequence[Step], ranks: Sequence[int]) -> list[float]:
    """The column of each step: rows are centred, in the order of what their steps take from."""
    lanes = [0.0] * len(steps)
    rows = [[p for p, each in enumerate(ranks) if each == rank] for rank in range(len(set(ranks)))]
    widest = max(map(len, rows), default=0)
    for row in rows:
        wishes = {
            place: fmean([lanes[source] for source in steps[place].inputs] or [0.0])
            for place in row
        }
        start = (widest - len(row)) / 2
        for lane, place in enumerate(sorted(row, key=lambda each: (wishes[each], each))):
            lanes[place] = start + lane
    return lanes


def _folds(steps: Sequence[Step], layers: Sequence[LayerSketch]) -> list[tuple[int, int]]:
    """Pairs of steps: a layer call, and the one in whose rows its scale is due."""
    calls = {step.layer: place for place, step in enumerate(steps) if step.layer is not None}
    pairs = enumerate(each.producer for each in layers)
    return [
        (calls[index], calls[producer])
        for index, producer in pairs
        if index in calls and producer in calls
    ]


def _box(step: Step, x: float, y: float, layers: Sequence[LayerSketch]) -> Box:
    name = step.op if step.layer is None else f"{step.layer} {step.op}"
    due = layers[step.layer] if step.layer is not None and step.layer < len(layers) else None
    return Box(
        x=x,
        y=y,
        label=name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…",
        title=_title(step, due),
        kind=_kind(step),
        mark={"multiply": "s", "norm": "n"}.get(due.due or "", "") if due else "",
    )


def _kind(step: Step) -> str:
    if step.layer is not None:
        return "layer"
    if step.op in ("input", "output"):
        return "end"
    return "multiplication" if step.op in _MULTIPLICATIONS else "plain"


def _title(step: Step, due: LayerSketch | None) -> str:
    if step.layer is None:
        return step.op
    where = {
        "fold": f"its scale is due in the rows of layer call {due.producer if due else ''}",
        "multiply": "its input is due to be multiplied by its scale",
        "norm": "the norm before it may take its scale",
    }
    said = where.get(due.due or "", "") if due else ""
    return f"layer call {step.layer}: {step.op}" + (f"; {said}" if said else "")


def _downwards(start: tuple[float, float], end: tuple[float, float]) -> str:
    """A curve from the lower edge of a box to the upper edge of another."""
    x1, y1 = start[0] + _BOX[0] / 2, start[1] + _BOX[1]
    x2, y2 = end[0] + _BOX[0] / 2, end[1]
    bend = min(_GAP[1], (y2 - y1) / 2)
    return f"M{x1:g} {y1:g}C{x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}"


def _past(start: tuple[float, float], end: tuple[float, float]) -> str:
    """A curve from the left edge of a box to that of another, past what stands between."""
    x1, y1 = start[0], start[1] + _BOX[1] / 2
    x2, y2 = end[0], end[1] + _BOX[1] / 2
    far = min(x1, x2) - _SIDE + 8
    return f"M{x1:g} {y1:g}C{far:g} {y1:g} {far:g} {y2:g} {x2:g} {y2:g}"


def _around(start: tuple[float, float], end: tuple[float, float]) -> str:
    """A curve from the right edge of a box up to the right edge of one above it."""
    x1, y1 = start[0] + _BOX[0], start[1] + _BOX[1] / 2
    x2, y2 = end[0] + _BOX[0], end[1] + _BOX[1] / 2
    far = max(x1, x2) + _SIDE - 8
    return f"M{x1:g} {y1:g}C{far:g} {y1:g} {far:g} {y2:g} {x2 + 3:g} {y2:g}"
