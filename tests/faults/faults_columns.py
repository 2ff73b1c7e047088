"""Weight ranges that are wrong in one way each."""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN201, ARG002

import torch
from honest import ChannelRange, Honest
from registered import caught_by


@caught_by("observe.columns")
class RowsForColumns(Honest):
    def observe_weight(self, weight, *, groups=1):
        return super().observe_weight(weight.transpose(0, 1), groups=groups)


@caught_by("observe.columns", "conv?d")
class MiddleOfTheKernel(Honest):
    def observe_weight(self, weight, *, groups=1):
        for _ in range(weight.ndim - 2):
            weight = weight.select(2, weight.shape[2] // 2)
        return super().observe_weight(weight, groups=groups)


@caught_by("observe.grouped-columns")
class IgnoresGroups(Honest):
    def observe_weight(self, weight, *, groups=1):
        return super().observe_weight(weight)


@caught_by("observe.grouped-columns", "conv2d-2-groups")
class InterleavesGroups(Honest):
    def observe_weight(self, weight, *, groups=1):
        seen = super().observe_weight(weight, groups=groups)
        return ChannelRange(*(b.view(groups, -1).T.flatten() for b in seen))


@caught_by("observe.weight-not-mutated")
class NormalizesTheWeight(Honest):
    def observe_weight(self, weight, *, groups=1):
        seen = super().observe_weight(weight.detach().clone(), groups=groups)
        weight.data /= weight.data.abs().max()
        return seen


@caught_by("observe.weight-not-mutated")
class KeepsTheGraphOfTheWeight(Honest):
    def observe_weight(self, weight, *, groups=1):
        return self.Observer(1).reduced(weight)


@caught_by("observe.weight-rank")
class VectorsAreRows(Honest):
    def observe_weight(self, weight, *, groups=1):
        return super().observe_weight(torch.atleast_2d(weight), groups=groups)


@caught_by("observe.weight-not-mutated")
class RowsThatStandForThemselves(Honest):
    """Takes a single row for its own extremes, without a copy."""

    def observe_weight(self, weight, *, groups=1):
        if len(weight) == 1:
            return ChannelRange(weight[0].detach(), weight[0].detach())
        return super().observe_weight(weight, groups=groups)


@caught_by("observe.columns-any-size", "conv2d-many-taps")
class NineTaps(Honest):
    """Knows kernels of nine taps, and of fewer."""

    def observe_weight(self, weight, *, groups=1):
        taps = weight.flatten(2)[..., :9] if weight.ndim > 2 else weight
        return super().observe_weight(taps, groups=groups)


@caught_by("observe.grouped-columns", "*-groups-many-rows")
class FirstRowsOfAGroup(Honest):
    """Looks at the first 256 rows of each group."""

    def observe_weight(self, weight, *, groups=1):
        if groups > 1:
            weight = torch.cat([rows[:256] for rows in weight.chunk(groups)])
        return super().observe_weight(weight, groups=groups)


@caught_by("observe.grouped-columns", "depthwise-2d-many-channels")
class SixtyFourGroups(Honest):
    """Works through 64 groups, and leaves the channels of the others at zero."""

    def observe_weight(self, weight, *, groups=1):
        seen = super().observe_weight(weight, groups=groups)
        known = torch.arange(len(seen.min)) < 64 * weight.shape[1]
        return seen if groups == 1 else ChannelRange(*(bound * known for bound in seen))
