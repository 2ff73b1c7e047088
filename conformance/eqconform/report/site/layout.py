"""What is drawn of a network: a box for each operation, and arrows between them.

From the inputs down; `placing` says where everything stands.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from eqconform.report.site.placing import Link, placed, rows_of
from eqconform.sketches import LayerSketch, Step

_BOX = (132.0, 30.0)  # width and height of a box, in pixels
_GAP = (22.0, 30.0)  # between boxes
_ASIDE = 38.0  # of the arrows of folds, from the middle of a box
_HEAD = "l-4 8h8z"  # from its tip
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
    """A path of SVG, from the upper end down.

    Attributes:
        path: of the line.
        head: of the tip at the upper end, where a scale is due; empty for what only flows down.
    """

    path: str
    head: str = ""

    @property
    def is_fold(self) -> bool:
        """Whether it leads from a layer call to the one whose rows are to take its scale."""
        return bool(self.head)


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
    rows = rows_of([step.inputs for step in steps])
    flows = {Link(source, place) for place, step in enumerate(steps) for source in step.inputs}
    folds = {Link(*ends, _ASIDE) for ends in _folds(steps, layers) if rows[ends[0]] < rows[ends[1]]}
    links = sorted(flows | folds, key=lambda each: (each.lower, each.upper, each.aside))
    found = placed(rows, links, _BOX[0], _GAP[0])
    boxes = [
        _box(step, _MARGIN + centre - _BOX[0] / 2, _top(row), layers)
        for step, centre, row in zip(steps, found.centres, rows, strict=True)
    ]
    return Drawing(
        width=found.width + 2 * _MARGIN,
        height=_top(max(rows, default=0)) + _BOX[1] + _MARGIN,
        box_width=_BOX[0],
        box_height=_BOX[1],
        boxes=tuple(boxes),
        arrows=tuple(
            _arrow(found.ways[link], rows[link.upper], is_fold=link in folds) for link in links
        ),
    )


def _top(row: int) -> float:
    """The upper edge of the boxes of a row."""
    return _MARGIN + row * (_BOX[1] + _GAP[1])


def _folds(steps: Sequence[Step], layers: Sequence[LayerSketch]) -> list[tuple[int, int]]:
    """Pairs of steps: a layer call in whose rows a scale is due, and the one that it is of."""
    calls = {step.layer: place for place, step in enumerate(steps) if step.layer is not None}
    pairs = enumerate(each.producer for each in layers)
    return [
        (calls[producer], calls[index])
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


def _arrow(way: Sequence[float], row: int, *, is_fold: bool) -> Arrow:
    """From the lower edge of a row down to the upper edge of another.

    Straight down through the rows between, and in curves from each row to the next: those stay
    where no box is.

    Args:
        way: where it stands in each of its rows, from the first.
        row: the first.
        is_fold: whether it has a head.
    """
    xs = [_MARGIN + x for x in way]
    start = f"M{xs[0]:g} {_top(row) + _BOX[1]:g}"
    path = [start]
    for below, (x, other) in enumerate(pairwise(xs), start=row + 1):
        leaves, ends = _top(below) - _GAP[1], _top(below)
        middle = (leaves + ends) / 2
        path.append(f"V{leaves:g}C{x:g} {middle:g} {other:g} {middle:g} {other:g} {ends:g}")
    return Arrow("".join(path), head=f"{start}{_HEAD}" if is_fold else "")
