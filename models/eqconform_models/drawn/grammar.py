"""How a network is drawn: one choice after the other, of which the smaller is the simpler.

`describe` is given a function that chooses, and knows nothing of randomness: Hypothesis can choose,
or a seeded generator.
"""

from collections.abc import Sequence
from math import gcd
from typing import Any

from eqconform_models.drawn.description import Container, Description, Node, Shape
from eqconform_models.drawn.draft import Choose, Draft
from eqconform_models.drawn.elementwise import ELEMENTWISE, holds
from eqconform_models.drawn.operations import operation

_MOST_NODES = 8
_CHANNELS = 5  # one more than 2 at least, so that channels differ
_LARGEST = 400  # elements of a sample: more would only cost time

# (sample shape without channels, where the channels are); Linear has them last.
_LINEAR = ((), (3,), (2, 3))
_IMAGES = ((7,), (6, 5), (4, 3, 4))
_ARGUMENTS = (("x", "y"), ("input", "weight"), ("relu", "bias"), ("größe", "scale"))
_CONTAINERS: tuple[Container, ...] = ("tuple", "dict", "list")
_DTYPES = ("float32", "float32", "float32", "float32", "float64", "bfloat16")
_BETWEEN = ("relu", *(name for name in ELEMENTWISE if name != "relu"))
_JOINS = ("add", "multiply", "subtract", "maximum", "concatenate")


def describe(choose: Choose) -> Description:
    """A network, as the choices have it."""
    size = 1 + choose(_MOST_NODES)
    batched = choose(5) != 4
    draft = Draft(choose, batched, [])
    axes = [_input(draft)]
    if draft.rarely(4):
        axes.append(_second_input(draft, axes[0]))
    for _ in range(size):
        _operation(draft)
    if not any(operation(node).layer for node in draft.nodes):
        _layer(draft, draft.readable[0])
    return _finished(draft, tuple(axes))


def _input(draft: Draft) -> int:
    """Add an input; its channel axis."""
    channels = 2 + draft.choose(_CHANNELS)
    if draft.choose(2):
        rest = draft.pick(_IMAGES)
        draft.shapes.append((channels, *rest))
        return -len(rest) - 1
    ranks = _LINEAR if draft.batched else (*_LINEAR, (2, 2, 3))
    draft.shapes.append((*draft.pick(ranks), channels))
    return -1


def _second_input(draft: Draft, axis: int) -> int:
    if draft.choose(2):
        return _input(draft)
    draft.shapes.append(draft.shapes[0])
    return axis


def _operation(draft: Draft) -> None:
    """Append one operation, preferably to the latest value, and layers and others in turn."""
    readable = draft.readable
    value = readable[0] if draft.choose(8) < 7 else draft.pick(readable)
    behind_layer = value >= draft.inputs and operation(draft.node(value)).layer
    odds = _BEHIND_LAYERS if behind_layer else _ELSEWHERE
    kind = draft.choose(sum(odds.values()))
    for append, share in odds.items():
        kind -= share
        if kind < 0:
            append(draft, value)
            return


def _layer(draft: Draft, value: int) -> None:
    shape = draft.shapes[value]
    if draft.rarely(5) and (others := _reusable(draft, shape, value)):
        holder = draft.pick(others)
        node = draft.node(holder)
        draft.add(node.op, (value,), **{**node.settings, "of": holder})
    elif _is_image(draft, value):
        _conv(draft, value)
    else:
        draft.add("linear", (value,), out=_out(draft, shape[-1]), bias=draft.choose(4) < 3)


def _is_image(draft: Draft, value: int) -> bool:
    """Mostly the kind of layer that made the value; sometimes the other."""
    shape = draft.shapes[value]
    if not 2 <= len(shape) <= 4:
        return False
    while value >= draft.inputs:
        node = draft.node(value)
        if operation(node).layer:
            return (node.op == "conv") != draft.rarely(6)
        value = node.inputs[0]
    return (draft.shapes[value][1:] in _IMAGES) != draft.rarely(8)


def _out(draft: Draft, channels: int) -> int:
    """How many rows: often as many as channels, so that residuals fit."""
    return (
        channels if channels <= _CHANNELS + 1 and draft.choose(2) else 2 + draft.choose(_CHANNELS)
    )


def _conv(draft: Draft, value: int) -> None:
    channels, *sizes = draft.shapes[value]
    out = _out(draft, channels)
    kernel, dilation = 1 + draft.choose(3), 1 + draft.rarely(3)
    stride = 1 + draft.rarely(4)
    padding: Any = draft.choose(kernel)
    reach = dilation * (kernel - 1) + 1
    if min(sizes) + 2 * padding < reach:
        dilation, kernel, padding = 1, min(kernel, *sizes), 0
    if stride == 1 and draft.rarely(6):
        padding = "same"
    divisors = [n for n in range(1, channels + 1) if gcd(channels, out) % n == 0]
    draft.add(
        "conv",
        (value,),
        out=out,
        bias=draft.choose(4) < 3,
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=draft.pick(divisors),
        mode=_padding_mode(draft, padding, sizes),
    )


def _padding_mode(draft: Draft, padding: Any, sizes: Sequence[int]) -> str:
    """Zeros, or what a module alone can do, where the axes are long enough."""
    if not isinstance(padding, int) or not 0 < padding < min(sizes) or not draft.rarely(3):
        return "zeros"
    return draft.pick(("reflect", "replicate", "circular"))


def _reusable(draft: Draft, shape: Shape, value: int) -> list[int]:
    """The layers with a weight of their own that fit, and do not read this value already."""
    found = []
    for index, node in enumerate(draft.nodes):
        if not operation(node).layer or "of" in node.settings or value in node.inputs:
            continue
        known = draft.shapes[node.inputs[0]]
        fits = known[-1] == shape[-1] if node.op == "linear" else known == shape
        if fits and not _read_by(draft, value, draft.inputs + index):
            found.append(draft.inputs + index)
    return found


def _read_by(draft: Draft, value: int, holder: int) -> bool:
    """Whether a call with that weight reads the value already."""
    return any(value in node.inputs for node in draft.nodes if node.settings.get("of") == holder)


def _between(draft: Draft, value: int) -> None:
    shape = draft.shapes[value]
    op = _BETWEEN[0] if draft.choose(2) else draft.pick(_BETWEEN)
    spatial = len(shape) - 1
    if "pool" in op:
        if not 1 <= spatial <= 3:
            op = "relu"
        elif op.startswith("adaptive"):
            draft.add(op, (value,), size=1 + draft.choose(2))
            return
        else:
            kernel = min(2 + draft.choose(2), *shape[1:])
            draft.add(op, (value,), kernel=kernel, stride=1 + draft.choose(kernel))
            return
    if op == "prelu_per_channel" and not draft.batched:
        op = "prelu"  # which axis holds the channels is a matter of the batch
    earlier = [i for i, node in enumerate(draft.nodes) if _is_called_again(draft, node, op, shape)]
    again: dict[str, Any] = {}
    if earlier and draft.rarely(2):
        again = {"of": draft.inputs + draft.pick(earlier)}
    # A module that overwrites its input serves again only where that may be overwritten too.
    draft.add(op, (value,), **(again if draft.spellings(op, (value,), again) else {}))


def _is_called_again(draft: Draft, node: Node, op: str, shape: Shape) -> bool:
    """Whether the operation before holds a module or a parameter that may serve again."""
    fits = draft.shapes[node.inputs[0]][0] == shape[0]  # as many channels, should it matter
    return node.op == op and "of" not in node.settings and fits and holds(node)


def _norm(draft: Draft, value: int) -> None:
    shape = draft.shapes[value]
    choices = ["layer_norm"]
    if draft.batched:
        choices += ["batch_norm", "group_norm"]
    op = draft.pick(choices)
    settings: dict[str, Any] = {"affine": op == "batch_norm" or not draft.rarely(4)}
    if op == "group_norm":
        settings["groups"] = draft.pick([n for n in range(1, shape[0]) if shape[0] % n == 0] or [1])
    # The normalized elements must differ: of one alone nothing is left.
    counted = {"layer_norm": shape[-1], "group_norm": _size(shape) // settings.get("groups", 1)}
    if counted.get(op, 9) < 3:
        draft.add("relu", (value,))
    else:
        draft.add(op, (value,), **settings)


def _join(draft: Draft, value: int) -> None:
    shape = draft.shapes[value]
    op = draft.pick(_JOINS)
    others = [each for each in draft.readable if each != value and draft.shapes[each] == shape]
    if not others or (op == "concatenate" and 2 * _size(shape) > _LARGEST):
        _layer(draft, value)
    elif op == "concatenate":
        axis = -1 - draft.choose(len(shape))
        draft.add(op, (value, draft.pick(others)), axis=axis)
    else:
        draft.add(op, (value, draft.pick(others)))


def _move(draft: Draft, value: int) -> None:
    shape = draft.shapes[value]
    op = draft.pick(("mean", "flatten", "transpose", "half"))
    if op == "half":
        _half(draft, value)
    elif len(shape) < 2 or (op == "flatten" and _size(shape) > _LARGEST // 4):
        _between(draft, value)
    elif op == "flatten":
        draft.add(op, (value,), start=1 if draft.batched else 0)
    else:
        draft.add(op, (value,))


def _half(draft: Draft, value: int) -> None:
    """Half of the values, along any axis that is long enough."""
    shape = draft.shapes[value]
    axes = [axis for axis in range(-len(shape), 0) if shape[axis] > 3]
    if axes:
        axis = draft.pick(axes)
        draft.add("half", (value,), axis=axis, length=shape[axis] // 2)
    else:
        _between(draft, value)


def _finished(draft: Draft, axes: tuple[int, ...]) -> Description:
    """What nobody reads is returned; and sometimes what somebody reads."""
    inputs = draft.inputs
    results = [each for each in range(inputs, len(draft.shapes)) if each not in draft.spoiled]
    outputs = [each for each in results if each not in draft.read]
    if draft.rarely(6):
        also = draft.pick(results)
        outputs += [also] if also not in outputs else []
    alone = len(outputs) == 1
    container: Container = "tensor" if alone and draft.choose(3) < 2 else draft.pick(_CONTAINERS)
    return Description(
        inputs=tuple(draft.shapes[:inputs]),
        axes=axes,
        nodes=tuple(draft.nodes),
        outputs=tuple(outputs),
        container=container,
        arguments=draft.pick(_ARGUMENTS),
        batched=draft.batched,
        dtype=_dtype(draft),
        # Of images: one volume without a batch has four axes, too, and torch does not pool it so.
        channels_last=draft.rarely(5) and draft.batched,
        dead=draft.rarely(5),
        constant=draft.rarely(5),
        silent=draft.rarely(6),
        decades=1 + draft.choose(4),
        seed=draft.choose(1 << 16),
    )


def _dtype(draft: Draft) -> str:
    """One in which torch computes everything: there is no average over volumes in bfloat16."""
    dtype = draft.pick(_DTYPES)
    ranks = (len(draft.shapes[node.inputs[0]]) for node in draft.nodes if node.op == "avg_pool")
    return "float32" if dtype == "bfloat16" and 4 in ranks else dtype


_BEHIND_LAYERS = {_layer: 3, _between: 8, _norm: 1, _join: 2, _move: 1}
_ELSEWHERE = {_layer: 8, _between: 2, _norm: 1, _join: 2, _move: 1}


def _size(shape: Shape) -> int:
    count = 1
    for each in shape:
        count *= each
    return count
