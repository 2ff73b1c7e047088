"""Choices of layers that are misunderstood in one way each."""

# Overrides have the signatures of `eqconform.Implementation`.
# ruff: noqa: ANN001, ANN201, ANN202

from copy import deepcopy

from honest import Honest
from registered import caught_by
from torch import nn


@caught_by("configure.nothing-chosen")
class NoneForAll(Honest):
    """Takes an empty choice for the absence of one."""

    def equalize(self, model, batches, *, layers=None):
        return super().equalize(model, batches, layers=layers or None)


@caught_by("configure.unselected-identical", "linear-in-conv1d-and-linear")
class Conv1dAlways(Honest):
    """Equalizes every Conv1d, chosen or not."""

    def equalize(self, model, batches, *, layers=None):
        always = [name for name, each in model.named_modules() if isinstance(each, nn.Conv1d)]
        chosen = None if layers is None else [*layers, *(n for n in always if n not in layers)]
        return super().equalize(model, batches, layers=chosen)


@caught_by("configure.by-name", "convolution-in-conv1d-and-linear")
class Conv1dByNoName(Honest):
    """Finds no Conv1d under its name."""

    def equalized(self, model, batches, names):
        kept = [n for n in names if not isinstance(model.get_submodule(n), nn.Conv1d)]
        return super().equalized(model, batches, kept)


def _names(model):
    return [name for name, each in model.named_modules() if isinstance(each, nn.Linear)]


@caught_by("configure.unselected-identical", "names-alike")
class NamesThatBeginSo(Honest):
    """Takes a name for the beginning of names."""

    def equalize(self, model, batches, *, layers=None):
        if layers is not None:
            layers = [n for n in _names(model) if n.startswith(tuple(layers))]
        return super().equalize(model, batches, layers=layers)


@caught_by("configure.unselected-identical", "names-alike")
class NamesThatEndSo(Honest):
    """Looks at the last part of a qualified name alone."""

    def equalize(self, model, batches, *, layers=None):
        if layers is not None:
            layers = [n for n in _names(model) if n.rsplit(".", 1)[-1] in layers]
        return super().equalize(model, batches, layers=layers)


@caught_by("configure.choice-is-a-set", "repeated")
class TwiceChosenTwiceScaled(Honest):
    """Equalizes a layer as often as it is named."""

    def equalize(self, model, batches, *, layers=None):
        found = {n for n, m in model.named_modules() if isinstance(m, nn.Linear)}
        return self.equalized(model, batches, list(found if layers is None else layers))


@caught_by("configure.choice-is-a-set", "tuple")
@caught_by("configure.choice-is-a-set", "set")
class ListsOnly(Honest):
    """Takes anything but a list for a single name."""

    def equalize(self, model, batches, *, layers=None):
        names = layers if layers is None or isinstance(layers, list) else [str(layers)]
        return super().equalize(model, batches, layers=names)


@caught_by("configure.choice-is-a-set", "reversed")
class EatsTheNames(Honest):
    """Takes names out of the caller's list as it goes."""

    def equalize(self, model, batches, *, layers=None):
        names = None if layers is None else list(layers)
        if isinstance(layers, list):
            layers.clear()
        return super().equalize(model, batches, layers=names)


@caught_by("configure.choice-is-a-set", "reversed")
class ScalesByPlace(Honest):
    """Pairs the names, as they were given, with the layers in the order of the model."""

    def equalized(self, model, batches, names):
        given, sorted_names = list(names), [n for n in _every(model) if n in names]
        self.places = iter([given.index(name) for name in sorted_names])
        return super().equalized(model, batches, sorted_names)

    def scale_of(self, layer, inputs):
        return super().scale_of(layer, inputs) * (1 + next(self.places))


def _every(model):
    return [name for name, each in model.named_modules() if hasattr(each, "weight")]


@caught_by("configure.by-type", "linear-*")
class SubclassesOfItsOwn(Honest):
    """Finds no layer of a type that it did not make itself."""

    def equalize_types(self, model, batches, *, types):
        return super().equalize_types(model, batches, types=[t for t in types if t != nn.Linear])


class OtherScales(Honest):
    """Leaves out the square root where it is told to."""

    squared = False

    def formula_of(self, inputs, weights):
        scale = super().formula_of(inputs, weights)
        return scale.square() if self.squared else scale


@caught_by("configure.all-by-name")
class OtherScalesByName(OtherScales):
    """Leaves out the square root where layers are chosen by name."""

    def equalize(self, model, batches, *, layers=None):
        self.squared = layers is not None
        return super().equalize(model, batches, layers=layers)


@caught_by("configure.all-by-type")
class OtherScalesByType(OtherScales):
    """Leaves out the square root where layers are chosen by type."""

    def equalize_types(self, model, batches, *, types):
        self.squared = True
        result = super().equalize_types(model, batches, types=types)
        self.squared = False
        return result


@caught_by("configure.all-by-type", "layer-itself")
class TypesOfChildren(Honest):
    """Chooses among the children of the model, of which a layer has none."""

    def equalize_types(self, model, batches, *, types):
        if isinstance(model, tuple(types)):
            return deepcopy(model)
        return super().equalize_types(model, batches, types=types)
