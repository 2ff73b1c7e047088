"""What a model returns: containers of a kind of their own come as what they were, or not at all."""

import copy
import pickle
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor
from two_layers import Pair, vectors

from eqconform_reference import Config, NotTraceable, equalize, quantize


@dataclass
class _Fields(OrderedDict[str, Any]):
    """As a language model returns it: items are fields, but for those that are None."""

    logits: Tensor
    loss: Tensor | None = None

    def __post_init__(self) -> None:
        self.update({k: v for k, v in vars(self).items() if v is not None})


class _Attributes(dict[str, Any]):
    """Items are attributes."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


@dataclass(frozen=True)
class _Frozen:
    logits: Tensor
    kind: str = field(default="frozen", init=False)


class _Returning(Pair):
    """A pair of layers whose output is wrapped."""

    def __init__(self, wrap: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.wrap = wrap

    def forward(self, x: Tensor) -> Any:
        return self.wrap(super().forward(x))


class _Doubling(_Returning):
    """Reads an output by its field, and returns one of the same kind."""

    def __init__(self) -> None:
        super().__init__(_Fields)
        self.inner = _Returning(_Fields)

    def forward(self, x: Tensor) -> Any:
        return _Fields(super().forward(self.inner(x).logits).logits * 2)


def _by_name(logits: Tensor) -> _Attributes:
    return _Attributes(logits=logits)


@pytest.mark.parametrize("config", [Config(), Config(by_parts=True)], ids=["whole", "parts"])
@pytest.mark.parametrize(
    "model",
    [*map(_Returning, (_Fields, _by_name, _Frozen)), _Doubling()],
    ids=["fields", "attributes", "frozen", "nested"],
)
def test_a_container_keeps_its_kind(model: _Returning, config: Config) -> None:
    """And so it does in copies; a quantized model returns it, too."""
    batch = vectors(1, 8)
    model.eval()
    expected = model(batch)
    equalized = equalize(model, [batch], config)
    for each in (equalized, copy.deepcopy(equalized), pickle.loads(pickle.dumps(equalized))):  # noqa: S301  our own
        output = each(batch)
        assert type(output) is type(expected)
        torch.testing.assert_close(output.logits, expected.logits)
    assert type(quantize(model, [batch], config)(batch)) is type(expected)


def test_a_dictionary_that_its_items_do_not_make_is_refused() -> None:
    """A plain one would have no default, and not the keys that its type adds."""

    class Counting(dict[str, Any]):
        def __init__(self, items: Any) -> None:
            super().__init__(items, count=len(items))

    def by_default(logits: Tensor) -> Any:
        return defaultdict(list, logits=logits)

    def counting(logits: Tensor) -> Any:
        found = Counting({"logits": logits})
        found["count"] = 3
        return found

    for wrap, why in (
        (by_default, "a defaultdict cannot be made from its items"),
        (counting, "a Counting that is made from its items holds others"),
    ):
        with pytest.raises(NotTraceable, match=why):
            equalize(_Returning(wrap).eval(), [vectors(1, 8)])
