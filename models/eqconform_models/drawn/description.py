"""What a drawn network is: a list of operations with their wiring, small and immutable.

Everything else follows from it: the source of the model (`source`), its batches, and where its
scales belong (`places`). Values are numbered: the inputs first, then one for each operation. A
*sample shape* is a value's shape without its batch axis; channel axes are counted from the end, so
that with and without a batch they are the same.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

Container = Literal["tensor", "tuple", "list", "dict"]
Shape = tuple[int, ...]

BATCH = 3
"""Samples in a batch, where there is a batch axis."""


@dataclass(frozen=True)
class Node:
    """One operation.

    Attributes:
        op: what it computes, see `operations.OPERATIONS`.
        inputs: numbers of the values that it reads, all of them before its own.
        spelling: which of the operation's spellings; 0 is the plainest.
        settings: what else the operation needs, such as {"out": 4, "bias": True}.
        name: of what it holds on the model: "fc", "block.relu6".
    """

    op: str
    inputs: tuple[int, ...]
    spelling: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""


@dataclass(frozen=True)
class Description:
    """A whole network and its batches.

    Attributes:
        inputs: sample shape of each argument of the forward.
        axes: the channel axis of each.
        nodes: in the order of execution.
        outputs: numbers of the values that the forward returns.
        container: what it returns them in; a "tensor" is one of them alone.
        arguments: names of the arguments of the forward.
        batched: there is a batch axis.
        dtype: in which the function is judged: "float32", "float64" or "bfloat16".
        channels_last: inputs of rank 4 lie in memory with their channels last.
        dead: the first channel of every input is zero in calibration, and alive in judgement.
        constant: the last channel of every input is constant in calibration.
        silent: the first column of every weight is zero.
        decades: that the magnitudes of the input channels span.
        seed: of weights and batches.
    """

    inputs: tuple[Shape, ...]
    axes: tuple[int, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]
    container: Container = "tensor"
    arguments: tuple[str, ...] = ("x", "y")
    batched: bool = True
    dtype: str = "float32"
    channels_last: bool = False
    dead: bool = False
    constant: bool = False
    silent: bool = False
    decades: int = 1
    seed: int = 0

    def __hash__(self) -> int:
        return hash(to_json(self))  # settings are mappings

    @property
    def values(self) -> int:
        """How many values there are: inputs and results."""
        return len(self.inputs) + len(self.nodes)

    def node(self, value: int) -> Node | None:
        """The operation whose result a value is; None for an input."""
        index = value - len(self.inputs)
        return self.nodes[index] if index >= 0 else None

    def readers(self, value: int) -> list[int]:
        """The operations, by the number of their result, that read a value."""
        first = len(self.inputs)
        return [first + i for i, node in enumerate(self.nodes) if value in node.inputs]

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits that tell it from others."""
        return f"{zlib.crc32(to_json(self).encode()):08x}"

    @property
    def form(self) -> str:
        """What it is made of, without names and numbers: alike for finds of one kind."""
        kinds = [f"{n.op}{list(n.inputs)}.{n.spelling}" for n in self.nodes]
        return f"{'; '.join(kinds)} -> {self.container}{list(self.outputs)} {self.dtype}"


def renumbered(node: Node, new: Mapping[int, int]) -> Node:
    """The operation, reading the values under other numbers.

    A setting "of" is the number of a value too: that of the operation whose weight is used.
    """
    settings = dict(node.settings)
    if "of" in settings:
        settings["of"] = new[settings["of"]]
    return replace(node, inputs=tuple(new[each] for each in node.inputs), settings=settings)


def to_json(description: Description) -> str:
    """The description on one line."""
    return json.dumps(asdict(description), sort_keys=True, ensure_ascii=False)


def from_json(text: str) -> Description:
    """The description that `to_json` wrote."""
    return from_plain(json.loads(text))


def from_plain(value: Mapping[str, Any]) -> Description:
    """The description as JSON has it: mappings, lists, numbers and strings."""
    nodes = tuple(
        Node(**{**node, "inputs": tuple(node["inputs"]), "settings": _tuples(node["settings"])})
        for node in value["nodes"]
    )
    inputs = tuple(tuple(shape) for shape in value["inputs"])
    plain = {name: tuple(value[name]) for name in ("outputs", "arguments", "axes")}
    return Description(**{**value, **plain, "nodes": nodes, "inputs": inputs})


def _tuples(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in settings.items()}
