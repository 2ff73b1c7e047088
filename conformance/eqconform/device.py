"""Where the suite judges: the CPU, or the device that a run asks for.

Networks are built on the CPU, the same on every machine, and then moved.
"""

from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from eqconform.contract import Batch
from eqconform_models import Network

_chosen = ["cpu"]
_homes: dict[Network, Network] = {}


def use(device: str) -> None:
    """Judge on this device from now on, in this process."""
    _chosen[0] = device


def placed(subject: Any) -> Any:
    """The subject of a case: a network builds itself, and its batches, on the device in use."""
    if isinstance(subject, Network) and _chosen[0] != "cpu":
        return _moved(subject, _chosen[0])
    return subject


def at_home(network: Network) -> Network:
    """The network that `placed` was given: as it is on the CPU."""
    return _homes.get(network, network)


@cache
def _moved(network: Network, device: str) -> Network:
    def build() -> nn.Module:
        return network.build().to(device)

    def calibration() -> list[Batch]:
        return [_batch(each, device) for each in network.calibration()]

    def judgement() -> dict[str, Batch]:
        return {name: _batch(each, device) for name, each in network.judgement().items()}

    moved = replace(network, build=build, calibration=calibration, judgement=judgement)
    _homes[moved] = network
    return moved


def _batch(batch: Batch, device: str) -> Batch:
    if isinstance(batch, Tensor):
        return batch.to(torch.device(device))
    return tuple(each.to(device) for each in batch)
