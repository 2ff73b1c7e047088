"""Observers that are wrong in one way each."""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN003, ANN201, ANN204, ANN202, ARG002

from threading import Lock

import torch
from honest import ChannelRange, Honest, Observer, merged
from registered import caught_by
from torch import nn


def observing(**methods):
    """`Honest` with an observer that has other methods."""
    return type("Wrong", (Observer,), methods)


@caught_by("observe.extremes")
class RowsForChannels(Honest):
    Observer = observing(
        reduced=lambda _, x: ChannelRange(x.flatten(1).amin(1), x.flatten(1).amax(1))
    )


@caught_by("observe.extremes")
class AbsMaxForRange(Honest):
    def observe_input(self, batches, *, channel_axis):
        low, high = super().observe_input(batches, channel_axis=channel_axis)
        most = torch.maximum(low.abs(), high.abs())
        return ChannelRange(-most, most)


@caught_by("observe.extremes")
class Percentile(Honest):
    """Leaves out outliers."""

    def observe_input(self, batches, *, channel_axis):
        low, high = super().observe_input(batches, channel_axis=channel_axis)
        return ChannelRange(0.99 * low, 0.99 * high)


@caught_by("observe.last-axis", "rank-[345]")
@caught_by("observe.unbatched-convolution")
class AxisOneAlways(Honest):
    def observe_input(self, batches, *, channel_axis):
        return super().observe_input(batches, channel_axis=1)


@caught_by("observe.last-axis", "rank-1")
class NoVectors(Honest):
    def observe_input(self, batches, *, channel_axis):
        if min(batch.ndim for batch in batches) < 2:
            raise ValueError("too few axes")
        return super().observe_input(batches, channel_axis=channel_axis)


@caught_by("observe.negative-axis")
class AxisOfTheAbsolute(Honest):
    def observe_input(self, batches, *, channel_axis):
        return super().observe_input(batches, channel_axis=abs(channel_axis))


@caught_by("observe.zero-not-swept-in")
class ZeroSweptIn(Honest):
    def observe_input(self, batches, *, channel_axis):
        low, high = super().observe_input(batches, channel_axis=channel_axis)
        return ChannelRange(low.clamp(max=0), high.clamp(min=0))


@caught_by("observe.running", "first")
@caught_by("observe.running", "middle")
@caught_by("observe.order")
@caught_by("observe.split")
@caught_by("observe.observer-module")
class LastBatchOnly(Honest):
    Observer = observing(widened=lambda _, new: new)


@caught_by("observe.running", "last")
class FirstBatchOnly(Honest):
    Observer = observing(widened=lambda self, new: self.seen or new)


@caught_by("observe.order")
@caught_by("observe.split")
class MovingAverage(Honest):
    Observer = observing(
        widened=lambda self, new: ChannelRange(
            *(0.9 * old + 0.1 * bound for old, bound in zip(self.seen or new, new, strict=True))
        )
    )


@caught_by("observe.single-sample")
class TwoSamplesNeeded(Honest):
    def observe_input(self, batches, *, channel_axis):
        if sum(len(batch) for batch in batches) < 2:
            raise ValueError("too few samples")
        return super().observe_input(batches, channel_axis=channel_axis)


@caught_by("observe.memory-layout", "transposed")
@caught_by("observe.memory-layout", "channels-last")
@caught_by("observe.memory-layout", "sliced")
@caught_by("observe.weight-memory-layout")
class ReadsTheStorage(Honest):
    Observer = observing(
        reduced=lambda self, x: Observer.reduced(
            self, x.as_strided(x.shape, torch.empty(x.shape).stride())
        )
    )

    def observe_weight(self, weight, *, groups=1):
        plain = torch.empty(weight.shape).stride()
        return super().observe_weight(weight.as_strided(weight.shape, plain), groups=groups)


@caught_by("observe.dtypes", "float32")
@caught_by("observe.weight-dtypes", "float32")
class HalfInside(Honest):
    Observer = observing(reduced=lambda self, x: Observer.reduced(self, x.half()))


@caught_by("observe.dtypes", "float64")
@caught_by("observe.weight-dtypes", "float64")
class SingleInside(Honest):
    Observer = observing(reduced=lambda self, x: Observer.reduced(self, x.float()))


@caught_by("observe.device")
class Elsewhere(Honest):
    def observe_weight(self, weight, *, groups=1):
        return ChannelRange(*(b.to("meta") for b in super().observe_weight(weight, groups=groups)))


@caught_by("observe.input-not-mutated")
class OneMemoryForAllRanges(Honest):
    """Writes every range where the one before it lies."""

    def observe_input(self, batches, *, channel_axis):
        seen = super().observe_input(batches, channel_axis=channel_axis)
        kept = vars(self).setdefault("kept", {}).setdefault(seen.min.shape, torch.stack(seen))
        return ChannelRange(*kept.copy_(torch.stack(seen)))


@caught_by("observe.input-not-mutated")
@caught_by("observe.merge")
class SortsInPlace(Honest):
    def observe_input(self, batches, *, channel_axis):
        seen = super().observe_input(batches, channel_axis=channel_axis)
        for batch in batches:
            batch.copy_(batch.sort(0).values)
        return seen

    def merge_ranges(self, first, second):
        return ChannelRange(first.min.clamp_(max=second.min), first.max.clamp_(min=second.max))


@caught_by("observe.input-not-mutated")
class ConsumesTheList(Honest):
    def observe_input(self, batches, *, channel_axis):
        taken = [batches.pop() for _ in list(batches)]
        return super().observe_input(taken, channel_axis=channel_axis)


@caught_by("observe.input-returned", "float32")
class RoundsItsInput(Honest):
    Observer = observing(forward=lambda self, x: Observer.forward(self, x).half().float())


@caught_by("observe.input-returned")
class DetachesItsInput(Honest):
    Observer = observing(forward=lambda self, x: Observer.forward(self, x).detach())


@caught_by("observe.input-returned")
class ReturnsNothing(Honest):
    Observer = observing(forward=lambda *_: None)


@caught_by("observe.no-graph")
class KeepsTheGraph(Honest):
    def observe_input(self, batches, *, channel_axis):
        rows = torch.cat([batch.movedim(channel_axis, 0).flatten(1) for batch in batches], 1)
        return ChannelRange(rows.amin(1), rows.amax(1))


def _remember(self, x):
    self.batches = [*getattr(self, "batches", []), x.detach()]
    return Observer.forward(self, x)


@caught_by("observe.no-batch-kept")
class KeepsEveryBatch(Honest):
    Observer = observing(forward=_remember)


class _Shared(Observer):
    common = ChannelRange(torch.full((3,), 1e9), torch.full((3,), -1e9))

    def forward(self, x):
        type(self).common = merged(type(self).common, self.reduced(x.detach()))
        self.seen = type(self).common
        return x


@caught_by("observe.observers-apart")
class SharedState(Honest):
    Observer = _Shared


@caught_by("observe.nothing-seen", "fresh")
class StartsAtZero(Honest):
    def observed_range(self, observer):
        return observer.seen or ChannelRange(torch.zeros(3), torch.zeros(3))


@caught_by("observe.nothing-seen", "empty-batch")
@caught_by("observe.empty-batch")
class EmptyIsZero(Honest):
    Observer = observing(
        forward=lambda self, x: Observer.forward(
            self, x if x.numel() else torch.zeros([n or 1 for n in x.shape])
        )
    )


@caught_by("observe.channel-change", "fewer")
class KeepsTheFirstChannels(Honest):
    def observe_input(self, batches, *, channel_axis):
        fewest = min(batch.shape[channel_axis] for batch in batches)
        kept = [batch.narrow(channel_axis, 0, fewest) for batch in batches]
        return super().observe_input(kept, channel_axis=channel_axis)


@caught_by("observe.channel-change", "*-one")
@caught_by("observe.channel-change-named", "*-one")
class Broadcasts(Honest):
    Observer = observing(widened=lambda self, new: merged(self.seen, new) if self.seen else new)


@caught_by("observe.channel-change-named", "more")
class SaysNoNumbers(Honest):
    def observe_input(self, batches, *, channel_axis):
        try:
            return super().observe_input(batches, channel_axis=channel_axis)
        except ValueError:
            raise ValueError("the channels changed") from None


@caught_by("observe.rank", "beyond-the-rank")
@caught_by("observe.rank", "vector-at-axis-1")
class ClampsTheAxis(Honest):
    def observe_input(self, batches, *, channel_axis):
        axis = min(channel_axis, *(batch.ndim - 1 for batch in batches), 9)
        return super().observe_input(batches, channel_axis=axis)


@caught_by("observe.rank", "scalar")
class ScalarsHaveAChannel(Honest):
    def observe_input(self, batches, *, channel_axis):
        given = [batch if batch.ndim else batch[None] for batch in batches]
        return super().observe_input(given, channel_axis=channel_axis)


@caught_by("observe.not-finite-harmless")
class LetsNanThrough(Honest):
    def equalization_scale(self, inputs, weights):
        return self.formula_of(inputs, weights)


@caught_by("observe.not-finite-reported")
class SilentAboutNan(Honest):
    def equalization_scale(self, inputs, weights):
        scale = self.formula_of(inputs, weights)
        return torch.where(torch.isfinite(scale) & (scale > 0), scale, 1.0)


@caught_by("observe.merge")
class MergesToTheSecond(Honest):
    def merge_ranges(self, first, second):
        return second


@caught_by("observe.state-survives", "state-dict")
class NotInTheStateDict(Honest):
    Observer = observing(set_extra_state=lambda *_: None)


class _Proxy(nn.Module):
    def __init__(self, observer):
        super().__init__()
        self.observer = observer

    def forward(self, x):
        return self.observer(x)

    @property
    def seen(self):
        return self.observer.seen


@caught_by("observe.state-survives", "deepcopy")
class SharesItsCopies(Honest):
    Observer = observing(__deepcopy__=lambda self, _: _Proxy(self))


@caught_by("observe.state-survives", "pickle")
class IsNoPickle(Honest):
    Observer = observing(__getstate__=lambda self: {**self.__dict__, "lock": Lock()})


@caught_by("observe.state-survives", "to")
class ForgetsWhenMoved(Honest):
    Observer = observing(_apply=lambda self, *_: setattr(self, "seen", None) or self)


class _Unlocked(Observer):
    def forward(self, x):
        self.seen = self.widened(self.reduced(x.detach()))
        return x


@caught_by("observe.threads")
class NoLock(Honest):
    Observer = _Unlocked
