"""Selections of layers that are wrong in one way each."""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN201, ARG002

import math

from honest_select import LAYERS, Selecting
from registered import caught_by


@caught_by("select.lowest", "[om]*")
class HighestFirst(Selecting):
    def rank(self, name, ratio):
        return -ratio, name


@caught_by("select.lowest", "[om]*")
class AsTheyStand(Selecting):
    def rank(self, name, ratio):
        return 0


@caught_by("select.lowest", "[om]*")
class OneMore(Selecting):
    def select_layers(self, sqnr, count):
        return super().select_layers(sqnr, min(count + 1, len(sqnr)))


@caught_by("select.lowest", "[om]*")
class SmallestMagnitude(Selecting):
    """A ratio below 0 dB is the lowest, not one near 0."""

    def rank(self, name, ratio):
        return abs(ratio), name


@caught_by("select.lowest", "none")
class SomeLayerThereIs(Selecting):
    def select_layers(self, sqnr, count):
        lowest = min(sqnr, key=lambda name: self.rank(name, sqnr[name]))
        return super().select_layers(sqnr, count) if count != 1 else [lowest]


@caught_by("select.lowest", "many")
class FourAtMost(Selecting):
    """Looks at the first four layers alone, while there are layers enough."""

    def select_layers(self, sqnr, count):
        few = dict(list(sqnr.items())[:4])
        return super().select_layers(few if count <= len(few) else sqnr, count)


@caught_by("select.ties")
class FirstComesFirst(Selecting):
    def rank(self, name, ratio):
        return math.isnan(ratio), 0 if math.isnan(ratio) else ratio


@caught_by("select.ties", "nan")
class FirstNanComesFirst(Selecting):
    def rank(self, name, ratio):
        return (True, 0) if math.isnan(ratio) else (False, ratio, name)


@caught_by("select.ties", "*infinite")
class FirstInfiniteComesFirst(Selecting):
    def rank(self, name, ratio):
        return math.isnan(ratio), ratio, "" if math.isinf(ratio) else name


@caught_by("select.ratios-untouched")
class TakesTheRatios(Selecting):
    """One after the other, out of the caller's hands."""

    def select_layers(self, sqnr, count):
        selected = super().select_layers(sqnr, count)
        for name in selected:
            del sqnr[name]
        return selected


@caught_by("select.ratios-untouched", "descending")
class SortsTheRatios(Selecting):
    def select_layers(self, sqnr, count):
        ordered = super().select_layers(sqnr, len(sqnr))
        for name in ordered:
            sqnr[name] = sqnr.pop(name)
        return super().select_layers(sqnr, count)


@caught_by("select.nan")
class PlainSort(Selecting):
    """In PyTorch's pass too: where NaN is listed decides where it comes."""

    def rank(self, name, ratio):
        return ratio


@caught_by("select.nan")
class NanIsDropped(Selecting):
    def select_layers(self, sqnr, count):
        numbers = {name: ratio for name, ratio in sqnr.items() if not math.isnan(ratio)}
        return super().select_layers(numbers, min(count, len(numbers)))


@caught_by("select.nan", "beside-t*")
class NanIsZero(Selecting):
    def rank(self, name, ratio):
        return 15.0 if math.isnan(ratio) else ratio, name


@caught_by("select.count-out-of-range")
class AnyCount(Selecting):
    def select_layers(self, sqnr, count):
        return sorted(sqnr, key=lambda name: self.rank(name, sqnr[name]))[:count]


@caught_by("select.count-out-of-range", "negative")
class NegativeIsNone(Selecting):
    def select_layers(self, sqnr, count):
        return super().select_layers(sqnr, max(count, 0))


@caught_by("select.adjacent-layers", "*-two")
class NoNeighbours(Selecting):
    """Selects, and then leaves out what is next to a layer that it took."""

    def equalize(self, model, batches, *, layers=None):
        names = [name for name, each in model.named_modules() if isinstance(each, LAYERS)]
        kept = [name for name in names if name in (layers or names)]
        apart = [n for n in kept if names.index(n) == 0 or names[names.index(n) - 1] not in kept]
        return super().equalize(model, batches, layers=apart)


@caught_by("select.adjacent-layers", "behind-one-that-is-not")
class NoMultiplicationBehindALayer(Selecting):
    """As PyTorch's pass: that the layer before could take the scale is enough to drop it."""

    def place(self, layer, before):
        if before is None or hasattr(before, "scale"):
            super().place(layer, before)
        else:
            layer.weight.data /= layer.scale
