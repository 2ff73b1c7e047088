"""eqconform: the conformance suite for input-weight equalization.

`Implementation` is what an adapter subclasses, `load` finds one by its name on the command
line; `eqconform run` judges it.
"""

from eqconform.contract import Batch, ChannelRange, Implementation, Unsupported
from eqconform.loading import LoadError, load

__all__ = ["Batch", "ChannelRange", "Implementation", "LoadError", "Unsupported", "load"]
