"""The networks by name and by tag: the catalogue, and ten of torchvision's."""

import eqconform_models.catalogue  # noqa: F401  importing it fills the catalogue
from eqconform_models.network import CATALOGUE, Network
from eqconform_models.vision import ten


def network(name: str) -> Network:
    """The network of that name.

    Raises:
        KeyError: there is none.
    """
    known = networks()
    if name not in known:
        raise KeyError(f"no network {name!r}; there are: {', '.join(known)}.")
    return known[name]


def networks(*tags: str) -> dict[str, Network]:
    """The networks that have all of the tags, by name, in the order of the catalogue.

    No model is built. The ten torchvision networks under the tag "vision" come last.
    """
    wanted = frozenset(tags)
    return {name: each for name, each in {**CATALOGUE, **ten()}.items() if wanted <= each.tags}
