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
