"""What implementations are tried on: networks, and the batches that go with them."""

from eqconform_models.listing import network, networks
from eqconform_models.network import Batch, Network
from eqconform_models.renaming import renamed, renamed_network
from eqconform_models.vision import vision_names, vision_network

__all__ = [
    "Batch",
    "Network",
    "network",
    "networks",
    "renamed",
    "renamed_network",
    "vision_names",
    "vision_network",
]
