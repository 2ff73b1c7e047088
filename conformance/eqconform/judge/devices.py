"""Carries a case to another device: the implementation works there, the judge stays at home.

A network is built there and fed there. The tensors that a check hands to a method are carried
out, and what comes back is carried home, so that checks know nothing of devices. What is not
carried: the models that a check makes itself, and what it feeds to an observer module.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from eqconform_models import Network

HOME = torch.device("cpu")


def placed(subject: Any, device: torch.device) -> Any:
    """The subject, with every network in it built and fed on the device."""
    if isinstance(subject, Network):
        return _network_on(subject, device)
    if type(subject) in (tuple, list):
        return type(subject)(placed(each, device) for each in subject)
    return subject


def call_there(
    device: torch.device, function: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]
) -> Any:
    """What `function` returns when its tensors are on the device, carried home again.

    What it did to its arguments is done to the originals. A call with a model is made as it is:
    the model and its batches are where they belong already.
    """
    if any(isinstance(each, nn.Module) for each in (*args, *kwargs.values())):
        return function(*args, **kwargs)
    carried: list[tuple[Tensor, Tensor]] = []

    def carry(tensor: Tensor) -> Tensor:
        if tensor.device.type == device.type:
            return tensor
        carried.append((tensor, tensor.to(device)))
        return carried[-1][1]

    result = function(*_each(args, carry), **_each(kwargs, carry))
    for original, there in carried:
        original.data.copy_(there.data)
    return _each(result, lambda tensor: tensor.to(HOME)) if carried else result


@lru_cache(maxsize=1000)  # more than the catalogue has, and an end to drawn ones
def _network_on(network: Network, device: torch.device) -> Network:
    # The same network every time, for what is measured of it is kept by its identity.
    def there(value: Any) -> Any:
        return _each(value, lambda tensor: tensor.to(device))

    return replace(
        network,
        build=lambda: network.build().to(device),
        calibration=lambda: there(network.calibration()),
        judgement=lambda: there(network.judgement()),
    )


def _each(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The value with every tensor in it changed; named tuples keep their type."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _each(each, change) for key, each in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_each(each, change) for each in value))
    if type(value) in (tuple, list):
        return type(value)(_each(each, change) for each in value)
    return value
