"""Int8 models of a choice of layers that is taken otherwise than it was meant."""

# Overrides have the signatures of `eqconform.Implementation`.
# ruff: noqa: ANN001, ANN201

from quantizing import Quantizing
from registered import caught_by


@caught_by("quantize.unchosen-quantized")
class UnchosenLayersStayFloat(Quantizing):
    """Quantizes the layers that are named, and no others."""

    def quantize(self, model, batches, *, equalize, layers=None):
        self.named = layers
        return super().quantize(model, batches, equalize=equalize, layers=layers)

    def to_observe(self, name, before, after):
        self.in_float = self.named is not None and name not in self.named
        return super().to_observe(name, before, after)

    def round_layer(self, layer, low, high):
        if not self.in_float:
            super().round_layer(layer, low, high)


@caught_by("quantize.choice", "input-second-chosen")
@caught_by("quantize.choice", "*-none-chosen")
class IgnoresLayers(Quantizing):
    """Equalizes every layer, whichever are named."""

    def quantize(self, model, batches, *, equalize, layers=None):
        self.require_model(model, layers)
        return super().quantize(model, batches, equalize=equalize)


@caught_by("quantize.choice", "*-none-chosen")
class EmptyChoiceIsAll(Quantizing):
    """Takes an empty list for no list."""

    def quantize(self, model, batches, *, equalize, layers=None):
        return super().quantize(model, batches, equalize=equalize, layers=layers or None)


@caught_by("quantize.choice", "*-both-chosen")
class SeveralNamesAreNone(Quantizing):
    """Equalizes nothing where more than one layer is named."""

    def quantize(self, model, batches, *, equalize, layers=None):
        chosen = [] if layers is not None and len(layers) > 1 else layers
        return super().quantize(model, batches, equalize=equalize, layers=chosen)


@caught_by("quantize.unknown-name")
class UnknownNamesIgnored(Quantizing):
    """Takes the names that it knows, and says nothing of others."""

    def quantize(self, model, batches, *, equalize, layers=None):
        known = None if layers is None else [n for n in layers if n in self.layers_of(model)]
        return super().quantize(model, batches, equalize=equalize, layers=known)


@caught_by("quantize.unknown-name", "*-plain")
class NamesUnreadWithoutEqualization(Quantizing):
    """Looks at the names where it equalizes, and else takes any."""

    def quantize(self, model, batches, *, equalize, layers=None):
        chosen = layers if equalize else None
        return super().quantize(model, batches, equalize=equalize, layers=chosen)


@caught_by("quantize.choice", "second-in-a-*")
class ListsOnly(Quantizing):
    """Takes what is no list for no choice."""

    def quantize(self, model, batches, *, equalize, layers=None):
        chosen = layers if isinstance(layers, list) else None
        return super().quantize(model, batches, equalize=equalize, layers=chosen)


@caught_by("quantize.choice", "first-in-a-*")
class OneName(Quantizing):
    """Takes what is no list for the name of one layer, which it does not find."""

    def quantize(self, model, batches, *, equalize, layers=None):
        single = layers is not None and not isinstance(layers, list)
        return super().quantize(model, batches, equalize=equalize, layers=[] if single else layers)


@caught_by("quantize.choice", "nested-second-chosen")
class NamesByTheirLastPart(Quantizing):
    """Equalizes every layer whose name ends as a chosen one does."""

    def quantize(self, model, batches, *, equalize, layers=None):
        self.require_model(model, layers)
        ends = {name.rpartition(".")[2] for name in layers or ()}
        alike = [name for name in self.layers_of(model) if name.rpartition(".")[2] in ends]
        chosen = None if layers is None else alike
        return super().quantize(model, batches, equalize=equalize, layers=chosen)


@caught_by("quantize.choice", "nested-first-chosen")
class NamesAtTheTop(Quantizing):
    """Looks for a chosen layer among the direct children of the model."""

    def quantize(self, model, batches, *, equalize, layers=None):
        self.require_model(model, layers)
        children = dict(model.named_children())
        chosen = None if layers is None else [name for name in layers if name in children]
        return super().quantize(model, batches, equalize=equalize, layers=chosen)
