"""Scales that are wrong, or in the wrong place, in one way each; many keep the function."""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN201, ANN204, ARG002

from oracle import Oracle
from registered import caught_by


@caught_by("chain.scale")
class Inverted(Oracle):
    def formula(self, quotient):
        return 1 / quotient.sqrt()


@caught_by("chain.scale")
class NoSquareRoot(Oracle):
    def formula(self, quotient):
        return quotient


@caught_by("chain.scale")
class OffByLittle(Oracle):
    def formula(self, quotient):
        return quotient.sqrt() * (1 + 1e-4)


@caught_by("chain.folds", "chain-scales-far-apart")
class ClampsItsScales(Oracle):
    """Keeps every scale between 1/1000 and 1000, for safety."""

    def formula(self, quotient):
        return quotient.sqrt().clamp(1e-3, 1e3)


@caught_by("chain.scale")
class LastBatchOnly(Oracle):
    def of_batches(self, recordings):
        return recordings[-1:]


@caught_by("chain.weight")
class DividedByTheSquare(Oracle):
    def divided(self, weight, scale, groups):
        return super().divided(super().divided(weight, scale, groups), scale, groups)


@caught_by("chain.bias")
@caught_by("chain.folds", "chain-three-layers")
class BiasForgotten(Oracle):
    def scaled_bias(self, bias, scale):
        return bias


@caught_by("chain.multiplications")
@caught_by("chain.residuals")
class MultipliesTwice(Oracle):
    def multiply(self, x, scale, spatial):
        return super().multiply(super().multiply(x, scale.sqrt(), spatial), scale.sqrt(), spatial)


@caught_by("chain.multiplications", "chain-*")
@caught_by("chain.folds", "chain-*")
@caught_by("chain.folds-through-relu")
@caught_by("chain.folds-through-slopes")
@caught_by("chain.folds-through-pooling")
@caught_by("chain.folds-through-inert")
@caught_by("chain.folds-grouped", "grouped-*")
@caught_by("chain.folds-functional")
@caught_by("chain.folds-at-any-rank")
@caught_by("chain.odd-names", "names-*")
class NeverFolds(Oracle):
    def __init__(self, network):
        super().__init__(network)
        self.multiplied |= set(self.folds)
        self.folds = {}


@caught_by("chain.folds-into-norms")
class NormsAreNoProducers(Oracle):
    """Right, but for the multiplication that it spends."""


@caught_by("chain.odd-values", "dead-channel-revives")
@caught_by("chain.odd-values", "columns-without-range")
class TwoForOne(Oracle):
    def or_one(self, quotient):
        return quotient.nan_to_num(4.0, posinf=4.0).clamp(min=1e-3)


@caught_by("chain.odd-names", "hazard-layers-called-relu")
@caught_by("chain.names-do-not-matter", "chain-three-layers")
class LeavesOutWhatIsCalledRelu(Oracle):
    def equalize(self, model, batches, *, layers=None):
        names = [name for name, module in model.named_modules() if hasattr(module, "kernel_size")]
        names += [name for name, module in model.named_modules() if hasattr(module, "in_features")]
        left = [name for name in names if "relu" not in name]
        return super().equalize(model, batches, layers=layers if len(left) == len(names) else left)


@caught_by("equalize.not-homogeneous", "hazard-relu6-*")
@caught_by("equalize.not-homogeneous", "hazard-gelu")
@caught_by("equalize.not-homogeneous", "hazard-add-*")
@caught_by("equalize.not-homogeneous", "hazard-squared")
@caught_by("equalize.branches", "residual-add")
@caught_by("equalize.branches", "branch-around-relu")
@caught_by("equalize.branches", "output-also-returned")
@caught_by("chain.residuals", "residual-add")
@caught_by("chain.branches", "branch-*")
@caught_by("chain.gates", "gated-linear-unit")
@caught_by("chain.returned-values")
@caught_by("chain.not-homogeneous", "hazard-*")
@caught_by("chain.across-axes", "linear-max-pool-over-features")
@caught_by("chain.unsupported-neighbours", "matmul-left-alone")
class FoldsIntoTheLayerBefore(Oracle):
    """Whatever stands between the two, and whoever else reads what comes between."""

    def __init__(self, network):
        super().__init__(network)
        for index in sorted(self.multiplied - {0}):
            self.folds[index] = index - 1
        self.multiplied = {0}


@caught_by("chain.shared-layers", "layer-on-two-inputs")
@caught_by("chain.shared-layers", "tied-weight-in-row")
class AScaleForEveryCall(Oracle):
    def same_weight(self, index, key):
        return [index]


@caught_by("chain.computed-weights")
@caught_by("chain.inputs-and-outputs")
@caught_by("chain.unsupported-neighbours")
@caught_by("chain.branches")
class LeavesEverything(Oracle):
    def __init__(self, network):
        super().__init__(network)
        self.folds, self.multiplied = {}, set()


@caught_by("chain.producer-not-selected")
class FoldsIntoWhatWasNotChosen(Oracle):
    def equalize(self, model, batches, *, layers=None):
        return super().equalize(model, batches)
