"""The border between the suite and the implementation: whose exception is it?

Everything that an implementation raises, in a method or in a model that it made, leaves here
as `Raised`. Any other exception that leaves a check is the suite's own fault.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import torch
from torch import nn

from eqconform.contract import Batch, Implementation, Unsupported
from eqconform.judge.devices import HOME, call_there
from eqconform.judge.outcome import Evidence, Raised, Violation, said
from eqconform_models import Network

T = TypeVar("T")

_MAKERS = ("equalize", "quantize", "quantize_observing")

# SystemExit too: an implementation that exits has failed its case, not ended the run.
_THEIRS = (Exception, SystemExit)


def attempt(where: str, call: Callable[[], T]) -> T:
    """The result of `call`, which runs the implementation's code.

    Raises:
        Raised: `call` raised; `where` says what was called.
        Unsupported: the adapter says that this is outside the implementation's scope.
    """
    try:
        return call()
    except Unsupported:
        raise
    except _THEIRS as error:
        raise Raised(where, error) from error


@dataclass(frozen=True)
class Made:
    """A model, and what a method of the implementation made of it.

    Attributes:
        method: its name.
        model: that it was given.
        batches: that it was given.
        network: that the model was built from, where that was said.
        returned: by it; None where it raised.
    """

    method: str
    model: nn.Module
    batches: Sequence[Batch]
    network: Network | None = None
    returned: object = None


class Guarded:
    """An implementation whose methods raise only `Raised` and `Unsupported`.

    Args:
        implementation: whom to call.
        device: where it works; see `eqconform.judge.devices`.

    Attributes:
        made: of a model by the last method that takes one with its batches, or None.
        network: that the next model is built from, or None where that is not known.
    """

    def __init__(self, implementation: Implementation, device: torch.device = HOME) -> None:
        self.implementation = implementation
        self.device = device
        self.made: Made | None = None
        self.network: Network | None = None

    def __getattr__(self, name: str) -> Any:
        """The attribute; a method comes guarded."""
        value = getattr(self.implementation, name)
        if not callable(value):
            return value
        if self.device != HOME:
            value = partial(_call_there, self.device, value)
        if name in _MAKERS:
            return partial(self._make, name, value)
        return lambda *args, **kwargs: attempt(f"{name}()", lambda: value(*args, **kwargs))

    def _make(self, name: str, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a method that makes a model of a model and its batches, and remember both.

        What is made without equalization is there to be compared with, and not remembered.
        """
        given = None
        match args:
            case (nn.Module() as model, (list() | tuple()) as batches, *_) if batches:
                given = Made(name, model, batches, self.network)
        self.network = None
        if given is None or kwargs.get("equalize") is False:
            return attempt(f"{name}()", lambda: method(*args, **kwargs))
        self.made = given
        returned = attempt(f"{name}()", lambda: method(*args, **kwargs))
        self.made = replace(given, returned=returned)
        return returned


def _call_there(device: torch.device, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return call_there(device, method, args, kwargs)


def run(model: nn.Module, batch: Batch, *, who: str = "the equalized model") -> Any:
    """The output of an implementation's model on a batch, without gradients.

    Raises:
        Raised: the model is not callable, or raised.
    """
    arguments = batch if isinstance(batch, tuple) else (batch,)
    with torch.no_grad():
        return attempt(f"calling {who}", lambda: model(*arguments))


def expect_error(call: Callable[[], object], *, because: str) -> Evidence:
    """The evidence that `call` is refused with an exception that says something.

    Args:
        call: a call through `Guarded`.
        because: what is wrong with the call, for the reader.

    Raises:
        Violation: the call went through, or raised without a message.
    """
    expected = f"an error that says what is wrong, because {because}"
    try:
        call()
    except Raised as raised:
        if isinstance(raised.cause, SystemExit) or not said(raised.cause).strip():
            silent = f"{type(raised.cause).__name__} without a message"
            raise Violation(Evidence(expected, silent)) from raised
        return Evidence(expected, f"{type(raised.cause).__name__}: {said(raised.cause)}")
    raise Violation(Evidence(expected, "no error"))
