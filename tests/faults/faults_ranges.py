"""Equalizers that keep the function, with scales made from the wrong ranges."""

# Overrides have the signatures of `eqconform.Implementation`.
# ruff: noqa: ANN001, ANN201

import torch
from oracle import Oracle, rows_of
from registered import caught_by


class OfRanges(Oracle):
    """`Oracle`, with another idea of what a layer's input or weight ranges over."""

    def scale(self, index, recordings):
        calls = [recording.calls[i] for recording in recordings for i in self.seen_at(index)]
        rows = torch.cat([rows_of(call) for call in calls], dim=1)
        weight = self.weight_of(index)
        quotient = self.width(self.columns(weight, self.calls[index].groups)) / self.width(rows)
        return self.formula(self.or_one(quotient))

    def seen_at(self, index):
        return self.same_weight(index, self.calls[index].weight_key)

    def weight_of(self, index):
        return self.calls[index].weight

    def columns(self, weight, groups):
        parts = [part.transpose(0, 1).flatten(1) for part in weight.chunk(groups)]
        return torch.cat(parts)

    def width(self, rows):
        return rows.amax(1) - rows.amin(1)


@caught_by("chain.scale")
@caught_by("chain.folds", "chain-*")
class AbsMaxForRange(OfRanges):
    """Takes the largest magnitude for the range: right by luck on symmetric data."""

    def width(self, rows):
        return rows.abs().amax(1)


@caught_by("chain.scale", "chain-*")
class ZeroSweptIn(OfRanges):
    """Lets every range reach to 0, as a quantizer's does."""

    def width(self, rows):
        return rows.amax(1).clamp(min=0) - rows.amin(1).clamp(max=0)


@caught_by("chain.scale")
class StandardDeviation(OfRanges):
    """Takes six standard deviations for the range."""

    def width(self, rows):
        return 6 * rows.std(1).nan_to_num()


@caught_by("chain.scale")
class FirstSample(OfRanges):
    """Looks at the first half of every batch."""

    def width(self, rows):
        return super().width(rows[:, : max(1, rows.shape[1] // 2)])


@caught_by("chain.shared-layers", "layer-on-two-inputs")
class FirstCallAlone(OfRanges):
    """Observes a shared layer at its first call alone."""

    def seen_at(self, index):
        return super().seen_at(index)[:1]


@caught_by("chain.folds-grouped", "grouped-*")
class ColumnsOfAllGroups(OfRanges):
    """Gives channels of different groups the range of their columns together."""

    def columns(self, weight, groups):
        together = weight.transpose(0, 1).flatten(1)
        return together.repeat(groups, 1)


@caught_by("chain.folds", "chain-*many-rows")
class FirstRowsOfAWeight(OfRanges):
    """Takes the range of a weight column from the first 256 rows."""

    def columns(self, weight, groups):
        return super().columns(weight if groups > 1 else weight[:256], groups)


@caught_by("chain.folds", "chain-conv2d-many-rows")
class FirstTapsOfAWeight(OfRanges):
    """Takes the range of a weight column from the first nine taps."""

    def columns(self, weight, groups):
        return super().columns(weight.flatten(2)[..., :9] if weight.ndim > 2 else weight, groups)


@caught_by("chain.scale", "chain-three-layers")
@caught_by("chain.folds", "chain-three-layers")
class RangesOfScaledRows(OfRanges):
    """Measures a weight after the next layer's scale went into its rows."""

    def weight_of(self, index):
        weight = super().weight_of(index)
        for consumer, producer in self.folds.items():
            if producer == index:
                rows = self.scale(consumer, self.recordings)
                weight = weight * rows.reshape(-1, *[1] * (weight.ndim - 1))
        return weight

    def scales(self, recordings):
        self.recordings = recordings
        return super().scales(recordings)


@caught_by("chain.inputs-and-outputs", "several-inputs")
class SecondInputUnobserved(OfRanges):
    """Observes what comes from the first input, and takes 1 for the range of the rest."""

    def width(self, rows):
        found = super().width(rows)
        return torch.ones_like(found) if len(rows) == 3 else found


@caught_by("chain.scale", "chain-three-layers")
class OneChannelOff(Oracle):
    """Is off by 1e-5 in one channel of each scale, and undoes it in the weight."""

    def formula(self, quotient):
        scale = super().formula(quotient)
        scale[0] *= 1 + 1e-5
        return scale


@caught_by("chain.weight", "chain-three-layers")
class OneWeightOff(Oracle):
    """Has one element of each weight off by 1e-5 of itself."""

    def divided(self, weight, scale, groups):
        weight = super().divided(weight, scale, groups)
        weight.view(-1)[0] *= 1 + 1e-5
        return weight


@caught_by("chain.bias")
class BiasScaledTwice(Oracle):
    """Multiplies a bias by the square of the scale that is folded into its rows."""

    def scaled_bias(self, bias, scale):
        return bias * scale * scale
