"""Observers and scales that are right on small things."""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN003, ANN201, ANN202, ANN204, ARG002

import torch
from honest import ChannelRange, Honest, Observer
from registered import caught_by
from torch import nn


@caught_by("observe.any-size", "many-samples")
@caught_by("observe.any-size", "many-pixels")
class SubsamplesItsInput(Honest):
    """Looks at the first thousand values of every channel."""

    class Observer(Observer):
        def reduced(self, x):
            rows = x.movedim(self.axis, 0).reshape(x.shape[self.axis], -1)[:, :1000]
            return ChannelRange(rows.amin(1), rows.amax(1))


@caught_by("observe.any-size", "many-channels")
class SixtyFourChannels(Honest):
    """Works through channels 64 at a time, and forgets the last that make no 64."""

    class Observer(Observer):
        def reduced(self, x):
            seen = super().reduced(x)
            whole = len(seen.min) // 64 * 64 or len(seen.min)
            return ChannelRange(
                *(b.where(torch.arange(len(b)) < whole, torch.zeros(())) for b in seen)
            )


@caught_by("observe.any-size", "many-values")
@caught_by("observe.any-size", "many-pixels-channels-last")
class WholeBlocksOnly(Honest):
    """Reads rows in blocks of 64, and forgets the last that make no block."""

    class Observer(Observer):
        def reduced(self, x):
            by_rows = x.movedim(self.axis, -1)
            if x.ndim in (2, 4) and x.numel() > 1 << 16 and by_rows.is_contiguous():
                rows = by_rows.reshape(-1, by_rows.shape[-1])
                rows = rows[: len(rows) // 64 * 64]
                return ChannelRange(rows.amin(0), rows.amax(0))
            return super().reduced(x)


@caught_by("observe.running", "last-of-hundreds")
class FirstHundredBatches(Honest):
    """Stops observing after a hundred batches, which are enough."""

    def observe_input(self, batches, *, channel_axis):
        return super().observe_input(batches[:100], channel_axis=channel_axis)


@caught_by("observe.columns-any-size", "*-large")
class FirstRowsOnly(Honest):
    """Estimates the range of a column by 4,096 of its weights."""

    def observe_weight(self, weight, *, groups=1):
        if groups == 1:
            weight = weight[: 4096 // weight[0, 0].numel()]
        return super().observe_weight(weight, groups=groups)


@caught_by("observe.extremes")
@caught_by("observe.observer-module")
class OneStepWider(Honest):
    """Widens every range by the smallest step there is, to be safe."""

    class Observer(Observer):
        def reduced(self, x):
            low, high = super().reduced(x)
            far = torch.tensor(torch.inf)
            return ChannelRange(torch.nextafter(low, -far), torch.nextafter(high, far))


class _Symmetric(Observer):
    def reduced(self, x):
        low, high = super().reduced(x)
        most = torch.maximum(-low, high)
        return ChannelRange(-most, most)


@caught_by("observe.observer-module", "symmetric-int8")
class SymmetricRanges(Honest):
    """Makes the range symmetric where the quantizer is."""

    def input_observer(self, *, channel_axis=1, qscheme=torch.per_tensor_affine, **others):
        if qscheme is torch.per_tensor_symmetric:
            return _Symmetric(channel_axis)
        return super().input_observer(channel_axis=channel_axis, qscheme=qscheme, **others)


@caught_by("observe.observer-module", "affine-int8")
class HalfTheBitsHalfTheRange(Honest):
    """Rounds the range to the levels of a signed type."""

    def input_observer(self, *, channel_axis=1, dtype=torch.quint8, **others):
        observer = super().input_observer(channel_axis=channel_axis, **others)
        if dtype is torch.qint8:
            observer.register_forward_pre_hook(lambda _, args: (args[0].clamp(-128, 127),))
        return observer


class _Watching(nn.Module):
    """Shows an observer what it is shown, if `sees` says so.

    Args:
        inner: the observer.
        sees: called with this module and a batch.
    """

    def __init__(self, inner, sees):
        super().__init__()
        self.inner, self.sees = inner, sees

    def forward(self, x):
        return self.inner(x) if self.sees(self, x) else x


class _Choosy(Honest):
    def input_observer(self, **settings):
        return _Watching(super().input_observer(**settings), self.sees)

    def observed_range(self, observer):
        return super().observed_range(observer.inner)


@caught_by("observe.observer-module")
class TrainModeOnly(_Choosy):
    """Observes in train mode alone, as a batch norm does, and networks are calibrated in eval."""

    def sees(self, observer, batch):
        return observer.training


@caught_by("observe.observer-module")
class WithoutGradientsOnly(_Choosy):
    """Passes over what requires gradients."""

    def sees(self, observer, batch):
        return not batch.requires_grad


@caught_by("observe.observer-module", "*-mode")
@caught_by("observe.observer-module", "without-gradients")
class WithGradientsOnly(_Choosy):
    """Observes where gradients are on, and calibration has no need of them."""

    def sees(self, observer, batch):
        return torch.is_grad_enabled()


@caught_by("scale.offset")
class NearlyConstantIsConstant(Honest):
    """Takes a channel for constant whose range is a hundred-thousandth of what it holds."""

    def width(self, bounds):
        held = torch.maximum(bounds.min.abs(), bounds.max.abs())
        return torch.where(super().width(bounds) < 1e-5 * held, 0, super().width(bounds))


@caught_by("scale.many-channels")
class FirstThousandChannels(Honest):
    """Computes 1024 scales, and leaves the rest at 1."""

    def formula_of(self, inputs, weights):
        scale = super().formula_of(inputs, weights)
        return scale.where(torch.arange(len(scale)) < 1024, torch.ones(()))


@caught_by("scale.formula", "float32")
@caught_by("scale.many-channels")
class ClampsTheScale(Honest):
    """Keeps every scale between 1/256 and 256, for safety."""

    def formula_of(self, inputs, weights):
        return super().formula_of(inputs, weights).clamp(2**-8, 2**8)


@caught_by("scale.formula")
class PowersOfTwo(Honest):
    """Rounds every scale to a power of two, so that products are exact."""

    def formula_of(self, inputs, weights):
        return super().formula_of(inputs, weights).log2().round().exp2()


@caught_by("scale.formula", "float32")
@caught_by("scale.many-channels")
class OneChannelSlightlyOff(Honest):
    """Is off by 1e-5 in the last channel."""

    def formula_of(self, inputs, weights):
        scale = super().formula_of(inputs, weights).clone()
        scale[-1] *= 1 + 1e-5
        return scale
