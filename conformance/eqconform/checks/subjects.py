"""Which networks of the catalogue a clause is judged on, at which budget."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from eqconform.contract import Batch
from eqconform.judge.judgement import BEYOND_CALIBRATION
from eqconform_models import Network, network, networks

FAMILIES = {
    "vision": "equalize.vision",
    "parametrized": "equalize.parametrized-weights",
    "hazard": "equalize.not-homogeneous",
    "shared": "equalize.shared-layers",
    "functional": "equalize.functional-layers",
    "grouped": "equalize.grouped",
    "unbatched": "equalize.unbatched-convolution",
    "norm": "equalize.normalizations",
    "rank": "equalize.linear-at-any-rank",
    "outputs": "equalize.every-output",
    "inputs": "equalize.several-inputs",
    "graph": "equalize.branches",
    "values": "equalize.odd-values",
    "names": "equalize.odd-names",
    "left-alone": "equalize.unsupported-left-alone",
    "layer-type": "equalize.layer-types",
    "hooks": "equalize.hooks",
}
"""Tag of a network to the clause that it is judged under; the first that it has counts."""

REPRESENTATIVE = (
    "chain-three-layers",
    "chain-four-convolutions",
    "residual-block",
    "depthwise-separable-chain",
    "norm-conv-batch-norm-conv",
    "functional-linear",
    "linear-rank3",
    "attention",
)
"""One network of each common kind, for clauses that cost too much for all."""

_REST = "equalize.same-function"
_SCATTERED = 33  # batches; the last ones hold extremes, however few channels there are
_LONG = 1100  # samples
_FAR = 12  # times as long, along each axis of an image
_OUTSTANDING = 16  # times the largest magnitude: the scale is less than half of that without it


def families() -> dict[str, dict[str, Network]]:
    """Every network of the catalogue under one clause, for a verdict that reads as a diagnosis."""
    found: dict[str, dict[str, Network]] = {clause: {} for clause in [_REST, *FAMILIES.values()]}
    for name, each in networks().items():
        clause = next((FAMILIES[tag] for tag in FAMILIES if tag in each.tags), _REST)
        found[clause][name] = each
    return found


def budgets(subjects: Mapping[str, Network]) -> dict[str, Any]:
    """The arguments of `check` that judge the core at every budget and the rest at the full one."""
    rest = {name: each for name, each in subjects.items() if "extended" in each.tags}
    return {
        "over": {name: each for name, each in subjects.items() if name not in rest},
        "full": rest,
    }


def named(*names: str) -> dict[str, Network]:
    """These networks."""
    return {name: network(name) for name in names}


def tagged(*tags: str, without: tuple[str, ...] = ()) -> dict[str, Network]:
    """The networks that have all of `tags` and none of `without`."""
    found = networks(*tags)
    return {name: each for name, each in found.items() if not each.tags & set(without)}


def other_sizes(network: Network) -> list[str]:
    """The judgement batches that differ from the calibration batches in size."""
    return [name for name in network.judgement() if name not in BEYOND_CALIBRATION]


def of_several_sizes() -> dict[str, Network]:
    """The hand-made networks that take inputs of several sizes."""
    made = tagged(without=("vision", "parametrized"))
    return {name: each for name, each in made.items() if other_sizes(each)}


@cache
def of_other_numbers(network: Network) -> Network:
    """The same architecture with other weights, calibrated on other batches: other scales."""

    def build() -> nn.Module:
        model = network.build()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(1.5)
        return model

    def calibration() -> list[Batch]:
        return [
            tuple(4 * each for each in batch) if isinstance(batch, tuple) else 4 * batch
            for batch in network.calibration()
        ]

    return replace(network, build=build, calibration=calibration)


@cache
def of_scattered_extremes(network: Network) -> Network:
    """The network, calibrated on 33 batches, of which the last hold the extremes of a channel each.

    They lie in the last sample of their batch, and one batch has 1100 samples: whoever stops after
    some batches, or looks at some samples of each, misses the range of some channel by a factor.

    Args:
        network: takes one input, of shape (N, C, ...).
    """

    def calibration() -> list[Batch]:
        base = network.calibration()[0]
        assert isinstance(base, Tensor)  # noqa: S101  for the type checker: it has one input
        batches = [base.clone() for _ in range(_SCATTERED)]
        times = [-(-_LONG // len(base)), *[1] * (base.ndim - 1)]
        batches[-2] = base.repeat(times)[:_LONG]
        for channel in range(base.shape[1]):
            largest = base[:, channel].abs().amax()
            batches[-1 - channel % _SCATTERED][-1, channel] = _OUTSTANDING * largest
        return list(batches)

    return replace(network, calibration=calibration)


def of_late_extremes(network: Network) -> Network:
    """The network, calibrated on a large input whose last place has the extreme of every channel.

    Args:
        network: takes one input, of shape (N, C, ...), whose spatial axes may be of any length.
    """

    def calibration() -> list[Batch]:
        base = network.calibration()[0]
        assert isinstance(base, Tensor)  # noqa: S101  for the type checker: it has one input
        large = base.repeat(1, 1, *[_FAR] * (base.ndim - 2))
        for channel in large.movedim(1, 0):
            channel[(-1,) * channel.ndim] = _OUTSTANDING * channel.abs().amax()
        return [large]

    return replace(network, calibration=calibration)


@cache
def in_long_batches() -> dict[str, Network]:
    """Networks of each common kind, judged on batches far longer than those of calibration."""
    found = {
        name: each
        for name, each in named(*REPRESENTATIVE).items()
        if "batch-of-7" in each.judgement()
    }
    return {f"{name}-in-long-batches": _in_long_batches(each) for name, each in found.items()}


def _in_long_batches(network: Network) -> Network:
    def judgement() -> dict[str, Batch]:
        given = network.judgement()
        seven = given["batch-of-7"]
        assert isinstance(seven, Tensor)  # noqa: S101  for the type checker: it has one input
        return {
            **{name: given[name] for name in BEYOND_CALIBRATION},
            "batch-of-70": seven.repeat(10, *[1] * (seven.ndim - 1)),
        }

    return replace(network, judgement=judgement)
