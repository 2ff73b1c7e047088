"""The smallest network that still fails: one simplification after the other, as long as one holds.

Operations are left out, cut off (their result becomes an input), or written in the plainest way;
outputs, flags and names go. Works on descriptions, so that a network found by any search can be
shrunk, a pinned one too.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from eqconform_models.drawn.description import Description, Node, Shape, renumbered
from eqconform_models.drawn.operations import OPERATIONS, operation
from eqconform_models.drawn.source import sample_shapes

_PLAIN: Mapping[str, Any] = {
    "bias": True,
    "kernel": 1,
    "stride": 1,
    "padding": 0,
    "dilation": 1,
    "groups": 1,
    "mode": "zeros",
    "affine": True,
}
_FLAGS: Mapping[str, Any] = {
    "dtype": "float32",
    "channels_last": False,
    "dead": False,
    "constant": False,
    "silent": False,
    "decades": 1,
    "seed": 0,
}


def shrunk(
    description: Description, fails: Callable[[Description], bool], *, tries: int = 200
) -> Description:
    """A smaller network that fails too; the network itself where nothing smaller does.

    Args:
        description: of a network that fails.
        fails: whether another one does, in the same way.
        tries: after so many networks the best is taken.
    """
    known = {description}
    while True:
        for smaller in _smaller(description):
            if smaller in known or not is_sound(smaller):
                continue
            if len(known) > tries:
                return description
            known.add(smaller)
            if fails(smaller):
                description = smaller
                break
        else:
            return description


def is_sound(description: Description) -> bool:
    """Whether something is computed, shapes fit, and nothing is overwritten that others read."""
    if min(description.outputs, default=-1) < len(description.inputs):
        return False  # nothing is returned, or what was given
    try:
        shapes = sample_shapes(description)
    except (IndexError, KeyError, ValueError):
        return False
    return all(min(shape, default=0) > 0 for shape in shapes) and all(
        _fits(description, node, shapes) and _may_overwrite(description, node)
        for node in description.nodes
    )


def _smaller(description: Description) -> Iterator[Description]:
    yield from _other_outputs(description)
    for value in reversed(range(len(description.inputs), description.values)):
        yield from _without(description, value)
    yield from _plainer(description)
    for index, node in enumerate(description.nodes):
        for other in _plainer_nodes(description, index, node):
            nodes = [*description.nodes[:index], other, *description.nodes[index + 1 :]]
            yield replace(description, nodes=tuple(nodes))


def _other_outputs(description: Description) -> Iterator[Description]:
    """One value returned, whether or not it was before; or one output fewer."""
    for value in range(len(description.inputs), description.values):
        if description.outputs != (value,) or description.container != "tensor":
            yield _pruned(replace(description, outputs=(value,), container="tensor"))
    for output in description.outputs if len(description.outputs) > 1 else ():
        rest = tuple(each for each in description.outputs if each != output)
        yield _pruned(replace(description, outputs=rest))
    if len(description.outputs) > 1:
        yield replace(description, container="tuple")


def _without(description: Description, value: int) -> Iterator[Description]:
    """The operation left out, an earlier value in its place; or its result made an input."""
    shapes = sample_shapes(description)
    for other in (*_inputs_of(description, value), *range(len(description.inputs))):
        if shapes[other] == shapes[value]:
            yield _pruned(_read_instead(description, value, other))
    if len(description.inputs) < len(_ARGUMENTS) and shapes[value]:
        yield _pruned(_cut(description, value))


_ARGUMENTS = ("x", "y", "z")


def _inputs_of(description: Description, value: int) -> tuple[int, ...]:
    node = description.node(value)
    return node.inputs if node else ()


def _read_instead(description: Description, value: int, other: int) -> Description:
    same = {each: each for each in range(description.values)}
    nodes = tuple(renumbered(node, same | {value: other}) for node in description.nodes)
    outputs = tuple(dict.fromkeys(other if o == value else o for o in description.outputs))
    return replace(description, nodes=nodes, outputs=outputs)


def _cut(description: Description, value: int) -> Description:
    """The result of an operation becomes the last input."""
    inputs = len(description.inputs)
    new = {each: each if each < inputs else each + 1 for each in range(description.values)}
    nodes = [renumbered(node, new | {value: inputs}) for node in description.nodes]
    rank = len(sample_shapes(description)[value])
    made = description.node(value)
    axis = -rank if made is not None and made.op == "conv" else -1
    return replace(
        description,
        inputs=(*description.inputs, sample_shapes(description)[value]),
        axes=(*description.axes, axis),
        nodes=tuple(nodes),
        outputs=tuple(new[each] for each in description.outputs if each != value),
        arguments=_ARGUMENTS,
    )


def _pruned(description: Description) -> Description:
    """Without what no output needs; values keep their order."""
    needed = set(description.outputs)
    for value in reversed(range(len(description.inputs), description.values)):
        node = description.node(value)
        if node is not None and value in needed:
            needed.update(node.inputs)
            needed.update([node.settings["of"]] if "of" in node.settings else ())
    kept = [each for each in range(description.values) if each in needed]
    new = {value: number for number, value in enumerate(kept)}
    inputs = [each for each in kept if each < len(description.inputs)]
    nodes = (description.node(each) for each in kept[len(inputs) :])
    return replace(
        description,
        inputs=tuple(description.inputs[each] for each in inputs),
        axes=tuple(description.axes[each] for each in inputs),
        nodes=tuple(renumbered(node, new) for node in nodes if node is not None),
        outputs=tuple(new[each] for each in description.outputs),
    )


def _plainer(description: Description) -> Iterator[Description]:
    named = tuple(replace(n, name=f"{n.op}_{i}") for i, n in enumerate(description.nodes))
    yield replace(description, **_FLAGS, nodes=named, arguments=_ARGUMENTS)
    for name, value in _FLAGS.items():
        yield replace(description, **{name: value})
    yield replace(description, nodes=named)
    yield replace(description, arguments=_ARGUMENTS)


def _plainer_nodes(description: Description, index: int, node: Node) -> Iterable[Node]:
    if "of" in node.settings:
        own = {name: value for name, value in node.settings.items() if name != "of"}
        yield replace(node, settings=own)
    if node.spelling:
        yield replace(node, spelling=0)
    for name in node.settings.keys() & _PLAIN.keys():
        if not _is_shared(description, len(description.inputs) + index):
            yield replace(node, settings={**node.settings, name: _PLAIN[name]})


def _is_shared(description: Description, value: int) -> bool:
    """Whether others use its weight, so that its settings are theirs."""
    return any(node.settings.get("of") == value for node in description.nodes)


def _fits(description: Description, node: Node, shapes: list[Shape]) -> bool:
    given = [shapes[each] for each in node.inputs]
    if node.op == "concatenate":
        return len(given[0]) == len(given[1])
    if OPERATIONS[node.op].arity > 1:
        return given[0] == given[1]
    if "of" in node.settings and not _may_share(description, node, shapes):
        return False
    return node.op != "conv" or given[0][0] % node.settings["groups"] == 0


def _may_share(description: Description, node: Node, shapes: list[Shape]) -> bool:
    """Whether there still is an operation before that holds what this one uses."""
    holder = description.node(node.settings["of"])
    own = {name: value for name, value in node.settings.items() if name != "of"}
    if holder is None or (holder.op, holder.settings) != (node.op, own):
        return False
    if not operation(node).layer:
        channels = {shapes[each.inputs[0]][0] for each in (node, holder)}
        return len(channels) == 1 and holder.spelling == node.spelling
    axis = -1 if node.op == "linear" else 0
    ranks = {len(shapes[each.inputs[0]]) for each in (node, holder)}
    channels = {shapes[each.inputs[0]][axis] for each in (node, holder)}
    return len(channels) == 1 and (node.op == "linear" or len(ranks) == 1)


def _may_overwrite(description: Description, node: Node) -> bool:
    """Whether nobody reads what the operation overwrites, save those that have done so before."""
    if not operation(node).inplace(node):
        return True
    value = node.inputs[0]
    maker = description.node(value)
    if maker is None or value in description.outputs or node.inputs.count(value) > 1:
        return False
    readers = [each for each in description.nodes if value in each.inputs]
    others = [each for each in readers if each is not node]
    if readers[-1] is not node or any(operation(each).alias(each) for each in others):
        return False
    return not operation(maker).alias(maker) or operation(maker).inplace(maker)
