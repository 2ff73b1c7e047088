"""Where boxes stand that links lead to, row below row, and the way of each link between them.

As Sugiyama draws graphs: a box stands one row below the lowest that it is linked from. A link over
several rows takes a place of its own in each row between, as boxes do, so that none is hidden
behind a box that it has nothing to do with. Rows are put in the order with the fewest crossings
that a few sweeps find, and each place then as near to its neighbours above and below as the others
of its row allow.

Source: Sugiyama, Tagawa and Toda 1981, "Methods for Visual Understanding of Hierarchical System
Structures".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, combinations, pairwise
from statistics import fmean

_SWEEPS = 9  # down and up in turn, and down at last: a chain then hangs straight
_BEND = 12.0  # width of the place of a link, in pixels
_YIELDS = 1e-4  # how much the place of a link weighs against a box: it gives way


@dataclass(frozen=True)
class Link:
    """From a box to one in a lower row.

    Attributes:
        upper: number of the box that it leaves.
        lower: number of the box that it reaches.
        aside: how far to the right of the middle of both it stands, in pixels.
    """

    upper: int
    lower: int
    aside: float = 0.0


@dataclass(frozen=True)
class Placement:
    """Places, in pixels from the left edge.

    Attributes:
        centres: of the boxes.
        ways: of each link, in every row from its upper end to its lower.
        width: of all together.
    """

    centres: tuple[float, ...]
    ways: Mapping[Link, tuple[float, ...]]
    width: float


@dataclass(frozen=True)
class _Place:
    """What takes room in a row: a box, or a link that passes through."""

    row: int
    width: float
    is_box: bool = True
    aside: float = 0.0

    @property
    def weight(self) -> float:
        """How firmly it stands against the others of its row."""
        return 1.0 if self.is_box else _YIELDS


_Rows = list[list[int]]
_Neighbours = list[list[int]]


def rows_of(sources: Sequence[Sequence[int]]) -> list[int]:
    """The row of each box, from those that it is linked from, which come before it."""
    rows: list[int] = []
    for each in sources:
        rows.append(max((rows[source] for source in each), default=-1) + 1)
    return rows


def placed(rows: Sequence[int], links: Sequence[Link], width: float, gap: float) -> Placement:
    """Where everything stands.

    Args:
        rows: of the boxes; every row up to the last has one.
        links: each to a lower row than it comes from.
        width: of a box, in pixels.
        gap: between two places of a row.
    """
    places = [_Place(row, width) for row in rows]
    chains = {link: _chain(link, places) for link in links}
    pieces = [piece for chain in chains.values() for piece in pairwise(chain)]
    above, below = _neighbours(len(places), pieces)
    ordered = _ordered(places, above, below)
    xs = _settled(ordered, places, above, below, gap)
    left = min((x - place.width / 2 for x, place in zip(xs, places, strict=True)), default=0.0)
    right = max((x + place.width / 2 for x, place in zip(xs, places, strict=True)), default=0.0)
    shifted = [round(x - left, 1) for x in xs]
    return Placement(
        centres=tuple(shifted[: len(rows)]),
        ways={link: _way(link, chain, shifted) for link, chain in chains.items()},
        width=round(right - left, 1),
    )


def _way(link: Link, chain: Sequence[int], xs: Sequence[float]) -> tuple[float, ...]:
    """Where a link stands in each of its rows: aside at its boxes, in its own places between."""
    upper, *between, lower = (xs[place] for place in chain)
    return (upper + link.aside, *between, lower + link.aside)


def _chain(link: Link, places: list[_Place]) -> list[int]:
    """The places of a link from end to end; those in the rows between are added."""
    first = len(places)
    between = range(places[link.upper].row + 1, places[link.lower].row)
    places.extend(_Place(row, _BEND, is_box=False, aside=link.aside) for row in between)
    return [link.upper, *range(first, len(places)), link.lower]


def _neighbours(count: int, pieces: Sequence[tuple[int, int]]) -> tuple[_Neighbours, _Neighbours]:
    """Of each place, those in the row above that it is linked to, and those in the row below."""
    above: _Neighbours = [[] for _ in range(count)]
    below: _Neighbours = [[] for _ in range(count)]
    for upper, lower in pieces:
        above[lower].append(upper)
        below[upper].append(lower)
    return above, below


def _ordered(places: Sequence[_Place], above: _Neighbours, below: _Neighbours) -> _Rows:
    """The places of each row from left to right, with the fewest crossings of all sweeps."""
    height = max((place.row for place in places), default=-1) + 1
    rows: _Rows = [[p for p, each in enumerate(places) if each.row == row] for row in range(height)]
    best, fewest = rows, None
    for sweep in range(_SWEEPS):
        rows = _swept(rows, places, above if sweep % 2 == 0 else below, upwards=sweep % 2 == 1)
        found = sum(_crossings(*two, below) for two in pairwise(rows))
        if fewest is None or found < fewest:
            best, fewest = rows, found
    return best


def _swept(rows: _Rows, places: Sequence[_Place], towards: _Neighbours, *, upwards: bool) -> _Rows:
    """Each row in the order of the mean place of its neighbours in the row that is done before.

    What has none stays where it is; a link that stands aside stays right of what it is level with.
    """
    done: _Rows = []
    positions: dict[int, float] = {}
    for row in reversed(rows) if upwards else rows:
        wishes = {
            place: fmean([positions[each] for each in towards[place]] or [(at + 0.5) / len(row)])
            for at, place in enumerate(row)
        }
        in_order = sorted(row, key=lambda place: (wishes[place], places[place].aside))
        positions |= {place: (at + 0.5) / len(row) for at, place in enumerate(in_order)}
        done.append(in_order)
    return done[::-1] if upwards else done


def _crossings(upper: Sequence[int], lower: Sequence[int], below: _Neighbours) -> int:
    """How often links between two rows cross."""
    at = {place: position for position, place in enumerate(lower)}
    ends = [(position, at[end]) for position, place in enumerate(upper) for end in below[place]]
    return sum((one[0] - two[0]) * (one[1] - two[1]) < 0 for one, two in combinations(ends, 2))


def _settled(
    rows: _Rows, places: Sequence[_Place], above: _Neighbours, below: _Neighbours, gap: float
) -> list[float]:
    """The centre of each place: near its neighbours, in the order of its row, and clear of it."""
    xs = [0.0] * len(places)
    for row in rows:
        for place, start in zip(row, _starts(row, places, gap), strict=True):
            xs[place] = start
    for sweep in range(_SWEEPS):
        upwards = sweep % 2 == 1
        for row in reversed(rows) if upwards else rows:
            _pull(row, xs, places, below if upwards else above, gap)
    return xs


def _starts(row: Sequence[int], places: Sequence[_Place], gap: float) -> list[float]:
    """The centres of a row that stands as close as it may, from the left."""
    steps = ((places[one].width + places[other].width) / 2 + gap for one, other in pairwise(row))
    return list(accumulate(steps, initial=0.0))


def _pull(
    row: Sequence[int],
    xs: list[float],
    places: Sequence[_Place],
    towards: _Neighbours,
    gap: float,
) -> None:
    """Move a row towards its neighbours, as near to all as its order and its gaps allow."""
    wishes = [_wish(place, xs, places, towards[place]) for place in row]
    starts = _starts(row, places, gap)
    slack = [wish - start for wish, start in zip(wishes, starts, strict=True)]
    moved = _never_falling(slack, [places[place].weight for place in row])
    for place, start, move in zip(row, starts, moved, strict=True):
        xs[place] = start + move


def _wish(
    place: int, xs: Sequence[float], places: Sequence[_Place], neighbours: Sequence[int]
) -> float:
    """Where a place would stand for itself: level with its neighbours, as a link past boxes too.

    A box is level with the boxes among them, if there are any: links past others bend instead.
    """
    boxes = [each for each in neighbours if places[each].is_box]
    level = boxes if places[place].is_box and boxes else neighbours
    aside = places[place].aside
    return fmean([xs[each] + aside - places[each].aside for each in level] or [xs[place]])


def _never_falling(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The nearest numbers, in weighted squares, none of which is below the one before it.

    Pools neighbours that are the wrong way round into their mean (Ayer et al. 1955).
    """
    pools: list[tuple[float, float, int]] = []  # mean, weight and number of values
    for value, weight in zip(values, weights, strict=True):
        pool = (value, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            mean, heavy, count = pools.pop()
            total = heavy + pool[1]
            pool = ((mean * heavy + pool[0] * pool[1]) / total, total, count + pool[2])
        pools.append(pool)
    return [mean for mean, _, count in pools for _ in range(count)]
