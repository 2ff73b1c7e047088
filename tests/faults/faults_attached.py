"""Equalizers that are careless with what users attach to modules: hooks and buffers."""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN201, ARG002

from by_hooks import ByHooks
from registered import caught_by


class WithoutHooks(ByHooks):
    """The model is copied without the hooks of some modules."""

    def copied(self, model):
        result = super().copied(model)
        for module in filter(self.careless_with, result.modules()):
            module._forward_hooks.clear()
            module._forward_pre_hooks.clear()
        return result


@caught_by("equalize.hooks")
class AllHooksLost(WithoutHooks):
    def careless_with(self, module):
        return True


@caught_by("equalize.hooks", "block-*")
@caught_by("equalize.hooks", "model-with-hooks")
class HooksOfBlocksLost(WithoutHooks):
    """As of a graph, in which blocks are no more."""

    def careless_with(self, module):
        return any(module.children())


@caught_by("equalize.hooks", "activation-*")
class HooksOfActivationsLost(WithoutHooks):
    def careless_with(self, module):
        return not any(True for _ in module.parameters())


@caught_by("equalize.hooks", "layer-with*pre-hook")
class MultipliesBeforeThePreHooks(ByHooks):
    """Scales what the layer is called with, and not what it computes with."""

    def rescale(self, layer, scale, done):
        super().rescale(layer, scale, done)
        layer._forward_pre_hooks.move_to_end(next(reversed(layer._forward_pre_hooks)), last=False)


@caught_by("equalize.hooks", "activation-with-*")
class HooksRefusedForNoReason(ByHooks):
    def prepare(self, model, *, layers=None):
        for module in model.modules():
            if module._forward_hooks or module._forward_pre_hooks:
                raise NotImplementedError("this model is not supported")
        return super().prepare(model, layers=layers)


@caught_by("equalize.non-persistent-buffers")
class SavesEveryBuffer(ByHooks):
    def convert(self, prepared):
        result = super().convert(prepared)
        for module in result.modules():
            module._non_persistent_buffers_set.clear()
        return result


@caught_by("equalize.non-persistent-buffers")
class UnsavedIsConstant(ByHooks):
    """What is not in the state_dict is a constant of the graph, which nothing moves."""

    def convert(self, prepared):
        result = super().convert(prepared)
        for module in result.modules():
            for name in list(module._non_persistent_buffers_set):
                value = module._buffers.pop(name)
                module.get_buffer = dict(module.named_buffers(), **{name: value}).__getitem__
        return result


@caught_by("equalize.non-persistent-buffers")
class UnsavedIsForgotten(ByHooks):
    """The model is rebuilt from its state_dict, where such a buffer is not."""

    def convert(self, prepared):
        result = super().convert(prepared)
        for module in result.modules():
            for name in module._non_persistent_buffers_set:
                module.get_buffer(name).zero_()
        return result
