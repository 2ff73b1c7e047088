"""Where the scales of a drawn network belong, by the rules of the specification alone.

A scale on the input of a layer call is folded into the rows of a producer where every reader of
the producer's output, through pass-throughs, is a call of this very layer; else it is multiplied
right there. Rows are those of a layer, or of the affine map that ends a norm. One tensor has one
scale: a producer folds only where all calls of its weight and bias go to that layer. Where an
operation on the way is *open* (`operation.Crossing`), a layer call is left undetermined.

Source: SPEC.md, terms "chain" and "fold"; clauses chain.folds, chain.branches,
chain.shared-layers, chain.returned-values.
"""

from dataclasses import dataclass, field

from eqconform_models.drawn.description import Description, Node
from eqconform_models.drawn.operations import operation
from eqconform_models.drawn.source import sample_shapes


@dataclass
class Places:
    """As `eqconform_models.Network` has them: by the number of the layer call.

    Attributes:
        folds: layer call to the producing layer call.
        multiplied: layer calls.
        norm_folds: layer calls.
    """

    folds: dict[int, int] = field(default_factory=dict)
    multiplied: set[int] = field(default_factory=set)
    norm_folds: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class _Source:
    """Where an input comes from: the value, the axis of its channels, and whether all was sure."""

    value: int
    axis: int
    open: bool


def places(description: Description) -> Places:
    """Where the scale of each layer call belongs."""
    return _Graph(description).places()


class _Graph:
    def __init__(self, description: Description) -> None:
        self.description = description
        self.shapes = sample_shapes(description)
        first = len(description.inputs)
        self.nodes = {first + i: node for i, node in enumerate(description.nodes)}
        layers = [value for value, node in self.nodes.items() if operation(node).layer]
        self.numbers = {value: number for number, value in enumerate(layers)}

    def places(self) -> Places:
        found = Places()
        for value, number in self.numbers.items():
            source = self._source(value)
            served = self._served(value, source)
            if served is None:
                found.multiplied.add(number)
            elif not operation(self.nodes[source.value]).layer:
                found.norm_folds.add(number)
            elif not served:
                found.folds[number] = self.numbers[source.value]
        return found

    def _source(self, value: int) -> _Source:
        """What the input of a layer call is made of, through whatever a scale passes."""
        here = _Source(self.nodes[value].inputs[0], self._input_axis(value), open=False)
        while (node := self.nodes.get(here.value)) is not None:
            crossing = self._crossing(node, here.axis)
            if crossing is None:
                break
            here = _Source(node.inputs[0], crossing[0], here.open or crossing[1])
        return here

    def _served(self, value: int, source: _Source) -> bool | None:
        """Whether the producer serves this layer alone, and that is open; None: it does not."""
        node = self.nodes.get(source.value)
        if node is None or self._rows(source.value) != source.axis:
            return None
        layer, unsure = self._holder(value), source.open
        for each in self._same_tensors(source.value):
            axis = self._rows(each)
            reached = None if axis is None else self._readers_are(layer, each, axis)
            if reached is None:
                return None
            unsure = unsure or reached
        return unsure

    def _readers_are(self, layer: int, value: int, axis: int) -> bool | None:
        """Whether an open operation lies between a value and the calls of the layer.

        None where something else than calls of the layer reads it, or nothing does.
        """
        readers = self.description.readers(value)
        if value in self.description.outputs or not readers:
            return None
        unsure = False
        for reader in readers:
            node = self.nodes[reader]
            if operation(node).layer:
                if self._holder(reader) != layer or self._input_axis(reader) != axis:
                    return None
                continue
            crossed = self._crossed(node, axis, len(self.shapes[reader]))
            if crossed is None:
                return None
            beyond = self._readers_are(layer, reader, crossed[0])
            if beyond is None:
                return None
            unsure = unsure or crossed[1] or beyond
        return unsure

    def _crossing(self, node: Node, axis: int) -> tuple[int, bool] | None:
        if len(node.inputs) > 1:
            return None
        found = operation(node).crossing(node, self.shapes[node.inputs[0]], axis)
        return None if found is None else (found.axis, found.open)

    def _crossed(self, node: Node, axis: int, rank: int) -> tuple[int, bool] | None:
        """The other way round: where the channels along `axis` come out, in a sample of `rank`."""
        for out in range(-rank, 0):
            crossing = self._crossing(node, out)
            if crossing is not None and crossing[0] == axis:
                return out, crossing[1]
        return None

    def _input_axis(self, value: int) -> int:
        """The channel axis of a layer call's input: for every layer that of its rows."""
        axis = self._rows(value)
        assert axis is not None  # noqa: S101  for the type checker: a layer has rows
        return axis

    def _rows(self, value: int) -> int | None:
        node = self.nodes[value]
        return operation(node).produces(node, self.shapes[node.inputs[0]])

    def _holder(self, value: int) -> int:
        """The operation whose tensors this one uses."""
        return int(self.nodes[value].settings.get("of", value))

    def _same_tensors(self, value: int) -> list[int]:
        holder = self._holder(value)
        return [each for each in self.nodes if self._holder(each) == holder]
