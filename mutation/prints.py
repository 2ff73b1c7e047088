"""What the reference makes of every network of the catalogue, in a few bytes.

Where a mutant makes the same of a network, bit by bit, no case that equalizes it whole can tell the
two apart. That takes a fraction of judging the case.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256

from torch import nn
from torch.fx import GraphModule

from eqconform_models import Network, networks

_LEFT_OUT = {"vision", "parametrized"}  # which take as long as all others


def prints() -> dict[str, str]:
    """The digest of each network's equalized model, by name."""
    return {name: _print(network) for name, network in _subjects().items()}


def differing(before: Mapping[str, str]) -> Iterator[str]:
    """The networks whose digests are others now, as they are found."""
    subjects = _subjects()
    return (name for name, digest in before.items() if _print(subjects[name]) != digest)


def _subjects() -> dict[str, Network]:
    return {name: each for name, each in networks().items() if not _LEFT_OUT & each.tags}


def _print(network: Network) -> str:
    from eqconform_reference import equalize  # noqa: PLC0415  mutated

    try:
        model = equalize(network.build(), network.calibration())
    except Exception as error:  # noqa: BLE001  an outcome like any other
        return type(error).__name__
    digest = sha256(repr([(n, type(m)) for n, m in model.named_modules()]).encode())
    for part in model.modules():
        digest.update(part.code.encode() if isinstance(part, GraphModule) else b"")
        digest.update(repr([(n, len(h)) for n, h in vars(part).items() if "hooks" in n]).encode())
    for name, tensor in model.state_dict(keep_vars=True).items():
        kind = name, isinstance(tensor, nn.Parameter), tensor.requires_grad, tensor.dtype
        digest.update(repr(kind).encode())
        digest.update(tensor.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()[:8]
