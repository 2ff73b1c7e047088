"""Networks as subjects: how to build one, what to feed it, and where its scales belong.

A network of the catalogue is a small module class under `catalogued`. Layer calls are counted in
the order in which the forward of the untouched model makes them: every Linear, Conv1d, Conv2d and
Conv3d, as a module or as a function. Where a scale belongs follows from the rules of the
specification alone, never from what some implementation does.
"""

import re
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from eqconform_models.randomize import InputSpec, draw, randomize, seeded, with_batch_size

Batch: TypeAlias = Tensor | tuple[Tensor, ...]
Change: TypeAlias = Callable[[Tensor], Tensor]
ModuleType = TypeVar("ModuleType", bound=type[nn.Module])

CALIBRATION_BATCHES = 3


@dataclass(frozen=True, eq=False)
class Network:
    """A network, its batches, and where its scales belong.

    Attributes:
        name: a slug that says the pattern, "residual-add".
        summary: one line.
        build: makes the model: the same every time, in eval mode, in float32; the global random
            state stays as it was.
        calibration: three batches, the same every time.
        judgement: batches that were never calibrated on, by name: "fresh"; "times-3", the same
            times three; and, where the network takes them, "batch-of-1", "batch-of-7" and
            "other-size".
        folds: layer call to the earlier layer call whose rows must take its scale.
        multiplied: layer calls whose input must be multiplied right there, once.
        norm_folds: layer calls whose scale a normalization before them can take; it should, but a
            multiplication is right too.
        tags: subjects, and exactly one of "core" and "extended" for a network of the catalogue.
            "traceable" where `torch.fx.symbolic_trace` can trace it.

    A layer call that is in none of the three is judged by its function alone.
    """

    name: str
    summary: str
    build: Callable[[], nn.Module]
    calibration: Callable[[], list[Batch]]
    judgement: Callable[[], dict[str, Batch]]
    folds: Mapping[int, int]
    multiplied: frozenset[int]
    norm_folds: frozenset[int]
    tags: frozenset[str]


@dataclass(frozen=True)
class Feed:
    """How the batches of a network are made.

    Attributes:
        seed: tells this network's batches from those of others.
        inputs: of the forward, one for each positional argument.
        other_size: the same for the judgement batch "other-size"; None: there is none.
        batched: the inputs have a batch axis, and it may be of any length.
        change: done to every floating tensor of every batch.
        calibrated_as: done besides to every floating tensor of the calibration batches.
    """

    seed: int
    inputs: Sequence[InputSpec]
    other_size: Sequence[InputSpec] | None = None
    batched: bool = True
    change: Change | None = None
    calibrated_as: Change | None = None

    def calibration(self) -> list[Batch]:
        """The calibration batches."""
        batches = [self._batch(self.inputs, number) for number in range(CALIBRATION_BATCHES)]
        return [_changed(batch, self.calibrated_as) for batch in batches]

    def judgement(self) -> dict[str, Batch]:
        """The judgement batches by name; none of them is a calibration batch."""
        fresh = self._batch(self.inputs, CALIBRATION_BATCHES)
        batches = {"fresh": fresh, "times-3": _changed(fresh, _three_times)}
        for size in (1, 7) if self.batched else ():
            resized = [with_batch_size(spec, size) for spec in self.inputs]
            batches[f"batch-of-{size}"] = self._batch(resized, CALIBRATION_BATCHES + size)
        if self.other_size is not None:
            batches["other-size"] = self._batch(self.other_size, CALIBRATION_BATCHES)
        return batches

    def _batch(self, inputs: Sequence[InputSpec], number: int) -> Batch:
        tensors = tuple(
            draw(spec, character=self.seed + place, sample=self.seed + 1000 * (number + 1) + place)
            for place, spec in enumerate(inputs)
        )
        return _changed(tensors[0] if len(tensors) == 1 else tensors, self.change)


CATALOGUE: dict[str, Network] = {}
"""What `catalogued` has entered so far, by name; `eqconform_models.listing` has all of it."""


def catalogued(  # noqa: PLR0913  each says one thing of the network
    *,
    inputs: Sequence[InputSpec],
    folds: Mapping[int, int] | None = None,
    multiplied: Collection[int] = (),
    norm_folds: Collection[int] = (),
    tags: Collection[str] = (),
    extended: bool = False,
    traceable: bool = True,
    other_size: Sequence[InputSpec] | None = None,
    batched: bool = True,
    change: Change | None = None,
    calibrated_as: Change | None = None,
) -> Callable[[ModuleType], ModuleType]:
    """Enter a module class, which is built without arguments, into the catalogue.

    Its name is the class name in kebab case, its summary the first line of the docstring. Where
    the class has a method `arrange`, it is called after the weights were drawn.

    Args:
        inputs: see `Feed`.
        folds: see `Network`.
        multiplied: see `Network`.
        norm_folds: see `Network`.
        tags: subjects.
        extended: beyond what every pass should do.
        traceable: `torch.fx.symbolic_trace` can trace it.
        other_size: see `Feed`.
        batched: see `Feed`.
        change: see `Feed`.
        calibrated_as: see `Feed`.
    """
    derived = {"extended" if extended else "core"} | ({"traceable"} if traceable else set())

    def enter(module_type: ModuleType) -> ModuleType:
        name = slug(module_type.__name__)
        if name in CATALOGUE:
            raise ValueError(f"the catalogue has a network {name!r} already; rename the class.")
        feed = Feed(seed_of(name), inputs, other_size, batched, change, calibrated_as)
        CATALOGUE[name] = Network(
            name=name,
            summary=(module_type.__doc__ or "").strip().split("\n")[0],
            build=partial(_built, module_type, feed.seed),
            calibration=feed.calibration,
            judgement=feed.judgement,
            folds=MappingProxyType(dict(folds or {})),
            multiplied=frozenset(multiplied),
            norm_folds=frozenset(norm_folds),
            tags=frozenset(tags) | derived,
        )
        return module_type

    return enter


def slug(class_name: str) -> str:
    """The class name in kebab case."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", class_name).lower()


def seed_of(name: str) -> int:
    """A seed that depends on the name alone."""
    return zlib.crc32(name.encode())


def _built(module_type: type[nn.Module], seed: int) -> nn.Module:
    # Without gradients, for the tensors that old weight_norm and pruning compute: made with
    # gradients they could not be deep-copied, and that is not what the network is about.
    with seeded(seed), torch.no_grad():
        module = module_type()
        randomize(module, seed)
        arrange = getattr(module, "arrange", None)
        if callable(arrange):
            arrange()
    return module.eval()


def _changed(batch: Batch, change: Change | None) -> Batch:
    if change is None:
        return batch
    if isinstance(batch, tuple):
        return tuple(change(x) if x.is_floating_point() else x for x in batch)
    return change(batch) if batch.is_floating_point() else batch


def _three_times(x: Tensor) -> Tensor:
    return 3 * x
