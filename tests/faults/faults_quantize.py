"""Int8 models that are wrong in one way each."""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN201, ARG002

import torch
from quantizing import Quantizing
from registered import caught_by


@caught_by("quantize.planted-imbalance")
class IgnoresTheFlag(Quantizing):
    def quantize(self, model, batches, *, equalize, layers=None):
        return super().quantize(model, batches, equalize=False)


@caught_by("quantize.planted-imbalance")
class AlwaysEqualizes(Quantizing):
    def quantize(self, model, batches, *, equalize, layers=None):
        return super().quantize(model, batches, equalize=True, layers=layers)


@caught_by("quantize.planted-imbalance", "*-chain*")
@caught_by("quantize.quantizers-refitted")
@caught_by("quantize.other-observers", "*-chain")
class KeepsTheRangeBetween(Quantizing):
    """Scales a quantizer behind a multiplication, and none between folded layers."""

    def to_observe(self, name, before, after):
        return (after if name == "0" else before)[name]


@caught_by("quantize.planted-imbalance", "linear-input")
@caught_by("quantize.never-worse", "linear-inputs-vary")
class KeepsTheRangeOfTheInput(Quantizing):
    """Multiplies the input, and quantizes it by the range from before."""

    def to_observe(self, name, before, after):
        return (before if name == "0" else after)[name]


@caught_by("quantize.planted-imbalance")
@caught_by("quantize.never-worse", "linear-*s-vary")
class NoSquareRoot(Quantizing):
    def formula_of(self, weights, inputs):
        return (weights / inputs) ** 2


@caught_by("quantize.planted-imbalance")
@caught_by("quantize.never-worse", "linear-vary-against")
class Inverted(Quantizing):
    def formula_of(self, weights, inputs):
        return (inputs / weights).sqrt()


@caught_by("quantize.planted-imbalance")
class OneScaleForAllChannels(Quantizing):
    def scale_of(self, weights, inputs):
        return super().scale_of(weights, inputs).mean().expand(len(weights))


@caught_by("quantize.planted-imbalance", "*chain*")
class RowsByTheInverse(Quantizing):
    """Divides the rows of the layer before, where they are to be multiplied."""

    def fold(self, producer, scale):
        super().fold(producer, 1 / scale)


@caught_by("quantize.planted-imbalance", "*chain*")
@caught_by("quantize.planted-imbalance", "three-layers")
class NeverFolds(Quantizing):
    """Multiplies between layers, and leaves the rows of the layer before uneven."""

    def producer(self, model, name):
        return None


@caught_by("quantize.planted-imbalance", "*chain*")
class ForgetsTheBias(Quantizing):
    def fold(self, producer, scale):
        bias = producer.bias.data.clone()
        super().fold(producer, scale)
        producer.bias.data = bias


@caught_by("quantize.levels", "weights-*")
class WeightsInFloat(Quantizing):
    def weight(self, weight):
        return weight


@caught_by("quantize.levels", "inputs-*")
class InputsInFloat(Quantizing):
    def input(self, x, low, high):
        return x


@caught_by("quantize.levels", "weights-*")
class AStepForEveryRow(Quantizing):
    def weight(self, weight):
        return torch.stack([Quantizing.weight(self, row) for row in weight])


@caught_by("quantize.levels", "inputs-*")
class SixteenBits(Quantizing):
    steps = 65535


@caught_by("quantize.noise")
class FourBits(Quantizing):
    steps = 15


@caught_by("quantize.noise", "*-positive-weights")
class ZeroPointOffByOne(Quantizing):
    """Quantizes by one zero point and dequantizes by the next."""

    def rounded(self, x, step, zero_point, lowest, highest):
        rounded = super().rounded(x, step, zero_point, lowest, highest)
        return rounded + step if lowest == 0 else rounded


@caught_by("quantize.noise", "linear")
@caught_by("quantize.noise", "*-positive-weights")
class AffineTakenForSymmetric(Quantizing):
    """A zero point of 0 for a range that goes below it."""

    def affine(self, low, high):
        step, _ = super().affine(low, high)
        return step, torch.tensor(0.0)


@caught_by("quantize.noise")
class ClipsHalf(Quantizing):
    def affine(self, low, high):
        return super().affine(low / 2, high / 2)


@caught_by("quantize.noise", "*-positive-weights")
class Truncates(Quantizing):
    """Rounds down, always."""

    def rounded(self, x, step, zero_point, lowest, highest):
        return super().rounded(x - step / 2, step, zero_point, lowest, highest)


@caught_by("quantize.noise", "linear")
class DropsTheBias(Quantizing):
    def quantize(self, model, batches, *, equalize, layers=None):
        result = super().quantize(model, batches, equalize=equalize, layers=layers)
        for layer in self.layers_of(result).values():
            layer.bias = None
        return result


@caught_by("quantize.noise", "linear-offset-inputs")
class ZeroNotSweptIn(Quantizing):
    """Levels for the range alone, and a zero point that does not fit."""

    def affine(self, low, high):
        step = (high - low) / 255
        return step, (-torch.round(low / step)).clamp(0, 255)


@caught_by("quantize.every-batch", "plain*")
@caught_by("quantize.every-batch", "*-one-in-ten")
class LastBatch(Quantizing):
    def span(self, inputs):
        return super().span(inputs[-1:])


@caught_by("quantize.every-batch", "plain*")
@caught_by("quantize.every-batch", "*-one-in-ten")
class FirstBatch(Quantizing):
    def span(self, inputs):
        return super().span(inputs[:1])


@caught_by("quantize.every-batch", "plain*")
@caught_by("quantize.every-batch", "*-one-in-ten")
class MeanOfTheBatches(Quantizing):
    def span(self, inputs):
        bounds = torch.stack([torch.stack([x.min(), x.max()]) for x in inputs])
        return tuple(bounds.mean(0))


@caught_by("quantize.empty-calibration-refused")
class GuessesTheRanges(Quantizing):
    """Takes what it never saw for values between -1 and 1."""

    def quantize(self, model, batches, *, equalize, layers=None):
        if not batches:
            batches, equalize = [2 * torch.rand(8, model[0].in_features) - 1], False
        return super().quantize(model, batches, equalize=equalize, layers=layers)


@caught_by("quantize.model-untouched")
class TakesTheBatches(Quantizing):
    """Empties the list of batches that it was given."""

    def quantize(self, model, batches, *, equalize, layers=None):
        result = super().quantize(model, batches, equalize=equalize, layers=layers)
        batches.clear()
        return result


@caught_by("quantize.model-untouched")
class InPlace(Quantizing):
    def copied(self, model):
        return model


@caught_by("quantize.model-untouched", "equalized")
class ScalesTheBatches(Quantizing):
    def quantize(self, model, batches, *, equalize, layers=None):
        result = super().quantize(model, batches, equalize=equalize, layers=layers)
        if equalize:
            batches[0].mul_(2)
        return result


@caught_by("quantize.shared-observers", "*-read-by-two-layers")
class OneObserverForAllReaders(Quantizing):
    """Layers that read one tensor share a quantizer, and the first one's range is scaled."""

    def to_observe(self, name, before, after):
        same = [n for n in before if before[n][0] is before[name][0]]
        return after[same[0]]


@caught_by("quantize.shared-observers")
class EqualizesWhatWasNotChosen(Quantizing):
    """And gets the other reader wrong: it multiplies its input and leaves its weight."""

    def quantize(self, model, batches, *, equalize, layers=None):
        result = super().quantize(model, batches, equalize=equalize, layers=layers)
        if equalize and layers:
            result.register_forward_hook(lambda *call: (call[-1][0], 2 * call[-1][1]))
        return result


@caught_by("quantize.shared-observers")
class LayersForgotten(Quantizing):
    """Equalizes none where some are named."""

    def quantize(self, model, batches, *, equalize, layers=None):
        return super().quantize(model, batches, equalize=equalize and layers is None)


@caught_by("quantize.other-observers")
class RefusesWithoutAName(Quantizing):
    def quantize_observing(self, model, batches, *, equalize, observer):
        raise ValueError("this observer is not supported")


@caught_by("quantize.other-observers")
class NotEqualizedWhereOthersObserve(Quantizing):
    def quantize_observing(self, model, batches, *, equalize, observer):
        return self.quantize(model, batches, equalize=False)


@caught_by("quantize.other-observers")
class TripsOverTheObserver(Quantizing):
    def quantize_observing(self, model, batches, *, equalize, observer):
        raise AttributeError(f"{observer!r} has no attribute 'min_val'")


@caught_by("quantize.networks", "linear-rank3")
class TokensTakenForChannels(Quantizing):
    def axis(self, layer):
        return 1


@caught_by("quantize.networks", "chain-*")
class LeavesLevels(Quantizing):
    """Returns integers where the model returned numbers."""

    def quantize(self, model, batches, *, equalize, layers=None):
        result = super().quantize(model, batches, equalize=equalize, layers=layers)
        result.register_forward_hook(lambda *call: call[-1].round().to(torch.int8))
        return result


@caught_by("quantize.networks", "chain-*")
class DividesByDeadChannels(Quantizing):
    def scale_of(self, weights, inputs):
        return self.formula_of(weights, inputs)


@caught_by("quantize.every-batch", "*-one-in-forty")
class FirstThirtyTwoBatches(Quantizing):
    """Calibrates on 32 batches, which are enough."""

    def seen(self, model, batches):
        return super().seen(model, batches[:32])


@caught_by("quantize.noise", "linear-many-rows")
class StepOfTheFirstRows(Quantizing):
    """Takes the step of a weight from its first 256 rows."""

    def weight(self, weight):
        return self.rounded(weight, weight[:256].abs().max() / 127.5, 0, -128, 127)
