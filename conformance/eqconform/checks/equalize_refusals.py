"""Claim "equalize": what cannot be equalized is refused with an error that says so.

A refusal is an exception with a message. An `AttributeError` deep inside, or another exception
that Python itself raises for a mistake in code, refuses nothing: it is an accident.

Source: SPEC.md; an error says what, values, place and way out.
"""

from collections.abc import Callable

import torch
from torch import nn

from eqconform.checks.subjects import named
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded
from eqconform.judge.outcome import Evidence, Raised, Violation, require
from eqconform_models import Network, network

_ACCIDENTS = (
    *(AttributeError, LookupError, NameError, RecursionError, ArithmeticError, StopIteration),
    SystemExit,
)
_MODAL = (nn.modules.batchnorm._BatchNorm, nn.Dropout)  # noqa: SLF001  no public name
_CHAIN = network("chain-relu-module")
_NO_MODULES = {"text": "a model", "none": None, "function": torch.relu}
_NO_TENSORS = {"text": "a batch", "number": 1.0, "none": None, "nested": (["a batch"],)}


@check(
    "equalize.train-mode-refused",
    needs=("equalize",),
    over=named("norm-conv-batch-norm-conv", "chain-dropout-module"),
)
def train_mode_is_refused(implementation: Guarded, subject: Network) -> Evidence:
    """A model in train mode computes something else from call to call: it is refused.

    So is one of which a part alone was left in train mode.
    """
    model = subject.build().train()
    partly = subject.build()
    next(each for each in partly.modules() if isinstance(each, _MODAL)).train()
    _refused(
        lambda: implementation.equalize(partly, subject.calibration()),
        because="a module of the model is in train mode",
    )
    return _refused(
        lambda: implementation.equalize(model, subject.calibration()),
        because="the model is in train mode",
    )


@check(
    "equalize.empty-calibration-refused",
    needs=("equalize",),
    over=named("chain-relu-module", "residual-block"),
)
def empty_calibration_is_refused(implementation: Guarded, subject: Network) -> Evidence:
    """Without a calibration batch there are no ranges, and so no scales."""
    model = subject.build()
    return _refused(
        lambda: implementation.equalize(model, []), because="there is no calibration batch"
    )


@check(
    "equalize.no-calibration-refused",
    needs=("prepare", "convert"),
    over=named("chain-relu-module", "residual-block"),
)
def no_calibration_is_refused(implementation: Guarded, subject: Network) -> Evidence:
    """A prepared model that never saw a batch can not be converted."""
    prepared = implementation.prepare(subject.build())
    return _refused(
        lambda: implementation.convert(prepared), because="the prepared model was never called"
    )


@check("equalize.not-a-module-refused", needs=("equalize",), over=_NO_MODULES)
def not_a_module_is_refused(implementation: Guarded, given: object) -> Evidence:
    """What is no module is refused as such."""
    return _refused(
        lambda: implementation.equalize(given, _CHAIN.calibration()),
        because=f"{given!r} is no module",
    )


@check("equalize.not-a-tensor-refused", needs=("equalize",), over=_NO_TENSORS)
def not_a_tensor_is_refused(implementation: Guarded, given: object) -> Evidence:
    """A batch that is no tensor, nor a tuple of tensors, is refused as such."""
    return _refused(
        lambda: implementation.equalize(_CHAIN.build(), [given]),
        because=f"the batch {given!r} is no tensor",
    )


def _refused(call: Callable[[], object], *, because: str) -> Evidence:
    """The evidence that `call` is refused.

    Args:
        call: a call through `Guarded`.
        because: what is wrong with it, for the reader.

    Raises:
        Violation: it went through, or raised by accident.
    """
    expected = f"an error that says what is wrong: {because}"
    try:
        returned = call()
    except Raised as raised:
        return require(is_refusal(raised), Evidence(expected, words_of(raised)))
    raise Violation(Evidence(expected, f"no error, and a {type(returned).__name__}"))


def is_refusal(raised: Raised) -> bool:
    """Whether an exception has a message, and is none that Python raises for a mistake in code."""
    return bool(str(raised.cause).strip()) and not isinstance(raised.cause, _ACCIDENTS)


def words_of(raised: Raised) -> str:
    """Type and message of an exception."""
    return f"{type(raised.cause).__name__}: {str(raised.cause).strip() or 'no message'}"
