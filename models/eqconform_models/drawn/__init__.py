"""Networks drawn at random: described in data, built from source, placed by the specification."""

from eqconform_models.drawn.description import Description, from_json, from_plain, to_json
from eqconform_models.drawn.drawing import (
    DTYPES,
    description_of,
    descriptions,
    network_of,
    networks,
)
from eqconform_models.drawn.pinning import Pin, pin, pinned
from eqconform_models.drawn.script import script
from eqconform_models.drawn.shrinking import shrunk
from eqconform_models.drawn.source import in_short

__all__ = [
    "DTYPES",
    "Description",
    "Pin",
    "description_of",
    "descriptions",
    "from_json",
    "from_plain",
    "in_short",
    "network_of",
    "networks",
    "pin",
    "pinned",
    "script",
    "shrunk",
    "to_json",
]
