"""Networks whose calls leave something behind, as recurrent cells and counters do.

A tracer that calls such a forward leaves a proxy there, which cannot be pickled.
"""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from eqconform_models import Network, network


class Keeping(nn.Module):
    """A network that keeps something in one of many places, which hold 0 before.

    Args:
        inner: takes a tensor and returns one.
        place: "buffer" counts the calls; "attribute", "value" of a dictionary, "item" of a list,
            one that is "appended", and "object" keep the last output.
    """

    calls: Tensor

    def __init__(self, inner: nn.Module, place: str) -> None:
        super().__init__()
        self.inner = inner
        self.place = place
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.last: Any = 0
        self.table: dict[str, Any] = {"last": 0}
        self.history: list[Any] = [0]
        self.note = SimpleNamespace(last=0)

    def forward(self, x: Tensor) -> Tensor:
        """What the network returns."""
        result: Tensor = self.inner(x)
        if self.place == "buffer":
            self.calls.add_(1)
        elif self.place == "attribute":
            self.last = result
        elif self.place == "value":
            self.table["last"] = result
        elif self.place == "item":
            self.history[0] = result
        elif self.place == "appended":
            self.history.append(result)
        else:
            self.note.last = result
        return result

    def kept(self) -> list[object]:
        """What is in each place."""
        return [int(self.calls), self.last, self.table["last"], self.history[-1], self.note.last]


def keeping(inner: Network, place: str) -> Network:
    """The network, which keeps something in a place: see `Keeping`."""
    return replace(inner, build=lambda: Keeping(inner.build(), place).eval())


KEEPING = {
    place: keeping(network("chain-three-layers"), place)
    for place in ("attribute", "value", "item", "appended", "object")
}
"""A chain that keeps its last output, by the place."""
