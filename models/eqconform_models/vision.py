"""torchvision's networks with random weights, at small input sizes."""

from eqconform_models.network import Network


def ten() -> dict[str, Network]:
    """The ten networks that every run may try, by name."""
    return {}


def vision_network(name: str, size: int = 64) -> Network:
    """A torchvision network."""
    raise NotImplementedError(name, size)
