"""Equalizers that compute the right thing, and are bad company."""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN201, ANN204

import torch
from by_hooks import ByHooks, Multiply
from registered import caught_by
from torch import nn
from torch.fx import symbolic_trace


@caught_by("equalize.caller-model-untouched")
@caught_by("equalize.result-is-independent")
@caught_by("equalize.prepared-converts-twice")
class InPlace(ByHooks):
    def copied(self, model):
        return model


@caught_by("equalize.caller-model-untouched")
class LeavesANote(ByHooks):
    def prepare(self, model, *, layers=None):
        next(iter(model.children())).equalized = True
        return super().prepare(model, layers=layers)


@caught_by("equalize.caller-model-untouched")
class LosesHooks(ByHooks):
    def prepare(self, model, *, layers=None):
        model._forward_hooks.clear()
        return super().prepare(model, layers=layers)


@caught_by("equalize.batches-untouched")
class ClipsTheBatches(ByHooks):
    def calibrated(self, prepared, batches):
        super().calibrated(prepared, batches)
        for batch in batches:
            batch.clamp_(-1, 1)
        return prepared


@caught_by("equalize.batches-untouched")
class TakesTheBatches(ByHooks):
    def calibrated(self, prepared, batches):
        super().calibrated(prepared, batches)
        batches.clear()
        return prepared


@caught_by("equalize.attributes-not-overwritten")
class AlwaysTheSameName(ByHooks):
    def buffer_name(self, layer):
        layer._buffers.pop("input_scale", None)
        return "input_scale"


@caught_by("equalize.global-state-untouched")
class Seeds(ByHooks):
    def convert(self, prepared):
        torch.manual_seed(42)
        return super().convert(prepared)


@caught_by("equalize.global-state-untouched")
class SetsThreads(ByHooks):
    def convert(self, prepared):
        torch.set_num_threads(torch.get_num_threads() + 1)
        return super().convert(prepared)


@caught_by("equalize.state-dict-round-trip")
class NotInTheStateDict(ByHooks):
    def rescale(self, layer, scale, done):
        super().rescale(layer, scale, done)
        layer._non_persistent_buffers_set.add("input_scale")


@caught_by("equalize.deepcopy")
class CopiesToItself(ByHooks):
    def convert(self, prepared):
        result = super().convert(prepared)
        result.__deepcopy__ = lambda _: result
        return result


@caught_by("equalize.pickle")
@caught_by("equalize.moves-with-to")
@caught_by("equalize.state-dict-round-trip")
class ScaleInAClosure(ByHooks):
    def rescale(self, layer, scale, done):
        super().rescale(layer, scale, done)
        layer._forward_pre_hooks.clear()
        layer._forward_pre_hooks_with_kwargs.clear()
        held = layer._buffers.pop("input_scale")
        layer.register_forward_pre_hook(lambda _, args: (args[0] * held,))


class CastMultiply(Multiply):
    def __call__(self, layer, args, kwargs):
        (first, *rest), kwargs = super().__call__(layer, args, kwargs)
        return (first.float(), *rest), kwargs


@caught_by("equalize.double")
class CastsToFloat(ByHooks):
    Multiply = CastMultiply


class ChoosingMultiply(Multiply):
    def __call__(self, layer, args, kwargs):
        if torch.jit.is_tracing():
            raise RuntimeError("not while tracing")
        if args[0].sum() > 1e30:
            return args, kwargs
        return super().__call__(layer, args, kwargs)


@caught_by("equalize.compiles")
@caught_by("equalize.exports")
@caught_by("equalize.jit-traces")
class LooksAtValues(ByHooks):
    Multiply = ChoosingMultiply


@caught_by("equalize.layer-names-kept")
class AnotherNameInFront(ByHooks):
    def convert(self, prepared):
        return nn.Sequential(super().convert(prepared))


@caught_by("equalize.tied-weights-stay-tied", "tied-weight-in-row")
@caught_by("equalize.tied-weights-stay-tied", "shared-bias")
class Unties(ByHooks):
    def convert(self, prepared):
        result = super().convert(prepared)
        for module in result.modules():
            for name, parameter in list(module.named_parameters(recurse=False)):
                setattr(module, name, nn.Parameter(parameter.detach().clone()))
        return result


@caught_by("equalize.requires-grad-kept")
class Thaws(ByHooks):
    def convert(self, prepared):
        return super().convert(prepared).requires_grad_()


@caught_by("equalize.requires-grad-kept")
class NoMoreParameters(ByHooks):
    def divide(self, layer, scale):
        super().divide(layer, scale)
        weight = layer._parameters.pop("weight").detach()
        layer.register_buffer("weight", weight)


@caught_by("equalize.requires-grad-kept", "norm-conv-batch-norm-conv")
class BuffersToTrain(ByHooks):
    """Makes parameters of the floating buffers."""

    def copied(self, model):
        result = super().copied(model)
        for module in result.modules():
            for name, buffer in list(module.named_buffers(recurse=False)):
                if buffer.is_floating_point():
                    delattr(module, name)
                    module.register_parameter(name, nn.Parameter(buffer))
        return result


@caught_by("equalize.attributes-kept")
class TensorsAlone(ByHooks):
    """Leaves behind what is neither a tensor nor a module."""

    def copied(self, model):
        result = super().copied(model)
        for module in result.modules():
            vars(module).pop("labels", None)
        return result


@caught_by("equalize.train-mode-refused")
class AnyMode(ByHooks):
    def prepare(self, model, *, layers=None):
        modes = {module: module.training for module in model.modules()}
        prepared = super().prepare(model.eval(), layers=layers)
        for module, mode in modes.items():
            module.training = mode
        return prepared


@caught_by("equalize.empty-calibration-refused")
@caught_by("equalize.no-calibration-refused")
class ContentWithNothing(ByHooks):
    def require(self, model, batches):
        pass

    def convert(self, prepared):
        prepared.calls = 1
        return super().convert(prepared)


@caught_by("equalize.not-a-module-refused")
@caught_by("equalize.not-a-tensor-refused", "text")
@caught_by("equalize.not-a-tensor-refused", "none")
class LooksAtNothing(ByHooks):
    def require(self, model, batches):
        pass


@caught_by("equalize.untraceable-model")
class OnePathOfMany(ByHooks):
    def equalize(self, model, batches, *, layers=None):
        result = super().equalize(model, batches, layers=layers)
        return torch.jit.trace(result, batches[0])


@caught_by("equalize.unseen-by-tracing")
class BelievesTheTracer(ByHooks):
    """Makes a graph of the result, and does not ask whether it computes the same."""

    def equalize(self, model, batches, *, layers=None):
        return symbolic_trace(super().equalize(model, batches, layers=layers))


@caught_by("equalize.untraceable-model-named")
class RefusesForNoReason(ByHooks):
    def prepare(self, model, *, layers=None):
        raise NotImplementedError("this model cannot be equalized")
