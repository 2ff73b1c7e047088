"""Equalizers that make modules anew, and forget a setting that few modules have."""

# Overrides have the signatures of `eqconform.Implementation`.
# ruff: noqa: ANN001, ANN201

from by_hooks import ByHooks
from registered import caught_by
from torch import nn

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)


class MadeAnew(ByHooks):
    """Every module of the result is gone through by `make`."""

    def convert(self, prepared):
        result = super().convert(prepared)
        for module in result.modules():
            self.make(module)
        return result


@caught_by("equalize.same-function", "chain-conv?d-settings")
class TapsSideBySide(MadeAnew):
    """Forgets the dilation of convolutions that have groups or strides as well."""

    def make(self, module):
        if isinstance(module, _CONVOLUTIONS) and (module.groups > 1 or max(module.stride) > 1):
            module.dilation = tuple(1 for _ in module.dilation)


@caught_by("equalize.same-function", "chain-conv?d-settings")
class OneStrideForAllAxes(MadeAnew):
    """Takes the first stride for all axes, and 1 where there are groups."""

    def make(self, module):
        if isinstance(module, _CONVOLUTIONS):
            stride = 1 if module.groups > 1 else module.stride[0]
            module.stride = tuple(stride for _ in module.stride)


@caught_by("equalize.same-function", "chain-conv[12]d-settings")
class ValidPadsToo(MadeAnew):
    """Takes every padding that is a word for `same`."""

    def make(self, module):
        if isinstance(module, _CONVOLUTIONS) and module.padding == "valid":
            width = [size // 2 for size in reversed(module.kernel_size) for _ in range(2)]
            module._reversed_padding_repeated_twice = width
            module.padding_mode = "replicate"


@caught_by("equalize.same-function", "chain-conv[12]d-settings")
class PadsWithZeros(MadeAnew):
    """Forgets the padding mode where there are groups."""

    def make(self, module):
        if isinstance(module, _CONVOLUTIONS) and module.groups > 1:
            module.padding_mode = "zeros"


@caught_by("equalize.same-function", "chain-pooling-settings")
class PoolsRoundDown(MadeAnew):
    """Forgets that pooling may round its output size up."""

    def make(self, module):
        if hasattr(module, "ceil_mode"):
            module.ceil_mode = False


@caught_by("equalize.same-function", "chain-pooling-settings")
class PoolsCountThePadding(MadeAnew):
    """Averages over zeros that pad an image."""

    def make(self, module):
        if hasattr(module, "count_include_pad"):
            module.count_include_pad = True


@caught_by("equalize.same-function", "chain-pooling-settings")
class PoolsSideBySide(MadeAnew):
    """Forgets the dilation of max pooling."""

    def make(self, module):
        if isinstance(module, nn.MaxPool2d):
            module.dilation = 1


@caught_by("equalize.same-function", "chain-prelu-negative-slopes")
class SlopesAboveZero(MadeAnew):
    """Takes slopes for what no negative number can be."""

    def make(self, module):
        if isinstance(module, nn.LeakyReLU):
            module.negative_slope = abs(module.negative_slope)
        if isinstance(module, nn.PReLU):
            module.weight.data.abs_()


@caught_by("equalize.normalizations", "norm-settings")
class EpsByDefault(MadeAnew):
    """Makes norms anew, with the eps that they have by default."""

    def make(self, module):
        if isinstance(module, _NORMS):
            module.eps = type(module)(*self.size(module)).eps

    def size(self, module):
        if isinstance(module, nn.GroupNorm):
            return module.num_groups, module.num_channels
        return (getattr(module, "normalized_shape", None) or module.num_features,)


@caught_by("equalize.normalizations", "norm-settings")
class NormsAboveZero(MadeAnew):
    """Takes the weights of norms for scales, which are above zero."""

    def make(self, module):
        if isinstance(module, _NORMS) and module.weight is not None:
            module.weight.data.abs_()


@caught_by("equalize.normalizations", "norm-with-less")
class StatisticsOfNoBatch(MadeAnew):
    """Gives a norm without statistics those of a standard distribution."""

    def make(self, module):
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is None:
            module.track_running_stats = True
            ones = module.weight.detach().clone().fill_(1)
            module.register_buffer("running_mean", ones * 0)
            module.register_buffer("running_var", ones)
