"""From a description to a network, and from seeds or Hypothesis to descriptions."""

import random
from collections.abc import Iterator
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from eqconform_models.drawn import values
from eqconform_models.drawn.description import BATCH, Description
from eqconform_models.drawn.grammar import describe
from eqconform_models.drawn.places import places
from eqconform_models.drawn.source import network_class
from eqconform_models.network import CALIBRATION_BATCHES, Batch, Network

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

DTYPES = {name: getattr(torch, name) for name in ("float32", "float64", "bfloat16")}


def description_of(seed: int) -> Description:
    """The network of a seed: the same on every machine, with every version of Hypothesis."""
    generator = random.Random(seed)  # noqa: S311  networks are no secrets
    # Of all methods of Random, this one alone is promised to stay as it is.
    return describe(lambda count: int(generator.random() * count))


def descriptions() -> "SearchStrategy[Description]":
    """A Hypothesis strategy: descriptions, which shrink to few and plain operations."""
    from hypothesis import strategies as st  # noqa: PLC0415  only those who draw need it

    @st.composite
    def drawn(draw: st.DrawFn) -> Description:
        return describe(lambda count: draw(st.integers(0, count - 1)))

    return drawn()


def networks() -> "SearchStrategy[Network]":
    """A Hypothesis strategy: networks."""
    return descriptions().map(network_of)


def network_of(description: Description) -> Network:
    """The network that a description is about."""
    where = places(description)
    model_class = network_class(description)
    return Network(
        name=f"drawn-{description.fingerprint}",
        summary=description.form,
        build=partial(_built, model_class, description),
        calibration=partial(_calibration, description),
        judgement=partial(_judgement, description),
        folds=MappingProxyType(where.folds),
        multiplied=frozenset(where.multiplied),
        norm_folds=frozenset(where.norm_folds),
        tags=frozenset({"drawn", "traceable"}),
    )


def _built(model_class: type[nn.Module], description: Description) -> nn.Module:
    # Constructors draw initial weights from the global generator, which has to stay as it was.
    before = torch.get_rng_state()
    try:
        return values.filled(model_class(), description.seed, silent=description.silent)
    finally:
        torch.set_rng_state(before)


def _calibration(description: Description) -> list[Batch]:
    return [_batch(description, number, calibration=True) for number in range(CALIBRATION_BATCHES)]


def _judgement(description: Description) -> dict[str, Batch]:
    fresh = _batch(description, CALIBRATION_BATCHES)
    return {"fresh": fresh, "times-3": _times_3(fresh)}


def _batch(description: Description, number: int, *, calibration: bool = False) -> Batch:
    lead = (BATCH,) if description.batched else ()
    found = values.batch(
        [(*lead, *shape) for shape in description.inputs],
        description.axes,
        description.seed,
        number,
        decades=description.decades,
        dead=description.dead and calibration,
        constant=description.constant and calibration,
        channels_last=description.channels_last,
    )
    return found[0] if len(found) == 1 else found


def _times_3(batch: Batch) -> Batch:
    return 3 * batch if isinstance(batch, Tensor) else tuple(3 * each for each in batch)


def descriptions_from(first: int, step: int = 1) -> Iterator[Description]:
    """The networks of the seeds first, first + step, and so on without end."""
    seed = first
    while True:
        yield description_of(seed)
        seed += step
