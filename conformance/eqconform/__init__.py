"""eqconform: the conformance suite for input-weight equalization.

`Implementation` is what an adapter subclasses, `load` finds one by its name on the command
line; `eqconform run` judges it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eqconform.contract import Batch, ChannelRange, Implementation, Unsupported
    from eqconform.loading import LoadError, load

__all__ = ["Batch", "ChannelRange", "Implementation", "LoadError", "Unsupported", "load"]

_LOADING = ("LoadError", "load")


def __getattr__(name: str) -> object:
    """The public names, imported when first asked for.

    The pytest plugin is imported by every pytest session of the environment, and `eqconform
    report` reads a file: neither should pay for importing torch.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{'loading' if name in _LOADING else 'contract'}")
    return getattr(module, name)
