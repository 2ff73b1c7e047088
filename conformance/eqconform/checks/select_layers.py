"""Claim "select", the choice: the layers with the lowest ratios, and what comes of equalizing them.

Sources: PyTorch 2.15, torch/ao/quantization/fx/_equalize.py, get_equalization_qconfig_dict and
convert_eq_obs.
"""

import itertools
import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from hypothesis import strategies as st
from torch import nn

from eqconform.checks.examples import for_all
from eqconform.checks.verdicts import refused
from eqconform.judge.alignment import aligned
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded
from eqconform.judge.judgement import equalized, judge_function, recorded
from eqconform.judge.outcome import Evidence, Violation, require
from eqconform.probe import record
from eqconform_models import network

_NAMES = ("stem", "block.0", "block.1", "head")
_MANY = (*_NAMES, *(f"block.{number}" for number in range(2, 14)))
# Of PyTorch's range: from noise above the signal to the rounding of float64; and no noise at all.
_RATIOS = st.floats(-50, 350) | st.just(math.inf) | st.just(-math.inf)


# How many ratios there may be; an empty mapping has none to select.
_COUNTS = {"only": (1, len(_NAMES)), "many": (len(_NAMES) + 1, len(_MANY)), "none": (0, 0)}


@check("select.lowest", needs=("select_layers",), over=_COUNTS)
def lowest_ratios_are_selected(implementation: Guarded, counts: tuple[int, int]) -> Evidence:
    """For every count from none to all; the lowest comes first."""
    fewest, most = counts

    def judge(ratios: list[float]) -> Evidence:
        sqnr = dict(zip(_MANY, ratios, strict=False))
        order = sorted(sqnr, key=lambda name: sqnr[name])
        for count in range(len(sqnr) + 1):
            evidence = _selects(implementation, sqnr, count, order[:count])
        return evidence

    ratios = st.lists(_RATIOS, min_size=fewest, max_size=most, unique=True)
    return for_all(judge, ratios=ratios)


_TIED = {"only": 10.0, "infinite": math.inf, "negative-infinite": -math.inf, "nan": math.nan}


@check("select.ties", needs=("select_layers",), over=_TIED)
def ties_are_resolved_alike(implementation: Guarded, tied: float) -> Evidence:
    """The same selection of the same ratios, in whatever order the mapping lists them."""
    sqnr = {"stem": 20.0, "block.0": tied, "block.1": tied, "head": tied}
    for count in range(len(sqnr) + 1):
        first = _selected(implementation, sqnr, count)
        for order in itertools.permutations(sqnr):
            listed = {name: sqnr[name] for name in order}
            evidence = _selects(implementation, listed, count, first)
    return evidence


_BESIDE = {"beside-one": 1, "beside-two": 2, "beside-three": 3}


@check("select.nan", needs=("select_layers",), over=_BESIDE)
def nan_upsets_no_order(implementation: Guarded, numbers: int) -> Evidence:
    """The numbers stay in order, and the layer with NaN is before or after all of them, always.

    Wherever the mapping lists it: a plain sort leaves NaN at the end where it was listed, as NaN is
    not smaller than anything, and only by that is it wrong with every version of Python. What
    becomes of the numbers around it is different in 3.13.
    """
    ends = set[str]()
    for ratios in itertools.permutations([math.nan, *(10.0, 20.0, 30.0)[:numbers]]):
        sqnr = dict(zip(_NAMES, ratios, strict=False))
        broken = next(name for name in sqnr if math.isnan(sqnr[name]))
        ranked = sorted(sqnr.keys() - {broken}, key=lambda name: sqnr[name])
        selected = _selected(implementation, sqnr, len(sqnr))
        known = {(broken, *ranked): "first", (*ranked, broken): "last"}
        wanted = f"{ranked}, and {broken!r} before or after them, of {sqnr}"
        end = known.get(tuple(selected))
        if end is None:
            raise Violation(Evidence(wanted, f"{selected}"))
        ends.add(end)
        for count in range(len(sqnr)):
            evidence = _selects(implementation, sqnr, count, selected[:count])
    require(len(ends) == 1, Evidence("NaN always at the same end", f"at both: {sorted(ends)}"))
    return evidence


_LISTINGS = {
    "ascending": (10.0, 20.0, 30.0, 40.0),
    "descending": (40.0, 30.0, 20.0, 10.0),
    "tied": (10.0, 10.0, 10.0, 10.0),
    "with-nan": (math.nan, 10.0, math.inf, math.nan),
}


@check("select.ratios-untouched", needs=("select_layers",), over=_LISTINGS)
def ratios_are_untouched(implementation: Guarded, ratios: tuple[float, ...]) -> Evidence:
    """The mapping that is given lists what it listed, in its order."""
    sqnr = dict(zip(_NAMES, ratios, strict=True))
    before = f"{sqnr}"  # in words, for no NaN equals another
    for count in range(len(sqnr) + 1):
        implementation.select_layers(sqnr, count)
        evidence = require(f"{sqnr}" == before, Evidence(f"{before} as before", f"{sqnr}"))
    return evidence


@check("select.count-out-of-range", needs=("select_layers",), over={"negative": -1, "too-many": 5})
def count_out_of_range_is_refused(implementation: Guarded, count: int) -> Evidence:
    """A ValueError that names the count."""
    sqnr = dict(zip(_NAMES, (30.0, 10.0, 20.0, 40.0), strict=True))
    return refused(
        lambda: implementation.select_layers(sqnr, count),
        because=f"there are 0 to {len(sqnr)} layers to select, and not {count}",
        kind=ValueError,
        naming=[count],
    )


class _Choice(NamedTuple):
    """Ratios of the three layers of a chain, and how many of them are to be selected."""

    ratios: tuple[float, float, float]
    many: int


_CHOICES = {
    "first-two": _Choice((10.0, 20.0, 30.0), 2),
    "last-two": _Choice((30.0, 20.0, 10.0), 2),
    "all": _Choice((20.0, 10.0, 30.0), 3),
    "behind-one-that-is-not": _Choice((30.0, 10.0, 20.0), 1),
    "around-one-that-is-not": _Choice((10.0, 30.0, 20.0), 2),
}


@check("select.adjacent-layers", needs=("select_layers", "equalize"), over=_CHOICES)
def selection_works_on_adjacent_layers(implementation: Guarded, choice: _Choice) -> Evidence:
    """The selected layers are equalized, and the network computes what it did."""
    chain = network("chain-three-layers")
    model = chain.build()
    names = [name for name, each in model.named_modules() if isinstance(each, nn.Linear)]
    sqnr = dict(zip(names, choice.ratios, strict=True))
    selected = _selected(implementation, sqnr, choice.many)
    result = equalized(implementation, chain, layers=selected)
    batch = chain.judgement()["fresh"]
    pairs = aligned(record(model, batch), recorded(result, batch))
    changed = {
        name
        for name, (before, after) in zip(names, pairs, strict=True)
        if not torch.equal(before.weight, after.weight)
    }
    wanted = f"the weights of {sorted(selected)} changed"
    require(set(selected) <= changed, Evidence(wanted, f"those of {sorted(changed)}"))
    return judge_function(chain, result)


def _selects(
    implementation: Guarded, sqnr: Mapping[str, float], count: int, expected: list[str]
) -> Evidence:
    """The evidence that these layers are selected, in this order."""
    selected = _selected(implementation, sqnr, count)
    evidence = Evidence(f"{expected}: {count} of {dict(sqnr)}", f"{selected}")
    return require(selected == expected, evidence)


def _selected(implementation: Guarded, sqnr: Mapping[str, float], count: int) -> list[str]:
    """The names that the implementation returns.

    Raises:
        Violation: it is no list of names of layers.
    """
    returned = implementation.select_layers(dict(sqnr), count)
    if not isinstance(returned, list) or not set(returned) <= set(sqnr):
        raise Violation(Evidence(f"a list of names out of {list(sqnr)}", f"{returned!r}"))
    return returned
