"""Claim "quantize": what quantizing a model, and calling what comes of it, leaves as it was.

Source: the same of equalized models, in `eqconform.checks.equalize_caller` and `equalize_use`.
"""

import torch
from torch import nn

from eqconform.checks.portraits import require_same
from eqconform.checks.verdicts import copies, unchanged
from eqconform.checks.wirings import wirings
from eqconform.contract import Batch
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded, attempt
from eqconform.judge.judgement import a_module
from eqconform.judge.outcome import Evidence, require
from eqconform.judge.process import process_state
from eqconform.probe import outputs
from eqconform_models import Network

_NEEDS = ("quantize",)


def _networks(*names: str) -> dict[str, tuple[Network, bool]]:
    """These, each with equalization and without."""
    return {
        f"{name}-{how}": (wirings()[name], equalize)
        for name in names
        for how, equalize in (("plain", False), ("equalized", True))
    }


@check(
    "quantize.global-state-untouched",
    needs=_NEEDS,
    over=_networks("residual-added", "residual-of-convolutions"),
)
def global_state_untouched(implementation: Guarded, subject: tuple[Network, bool]) -> Evidence:
    """Random numbers, modes, backends and the like are as before, after calls of the model too."""
    network, equalize = subject
    model, batches = network.build(), network.calibration()
    torch.rand(1)  # what a seed would start again with is another state
    before = process_state()
    made = implementation.quantize(model, batches, equalize=equalize)
    require_same(before, process_state(), "of the process, when the int8 model is made")
    _called(a_module(made, "quantize()"), network.judgement()["fresh"])
    return require_same(before, process_state(), "of the process, when it has been called")


@check(
    "quantize.inputs-untouched",
    needs=_NEEDS,
    over=_networks("residual-added", "two-inputs", "padded-by-reflection"),
)
def inputs_untouched(implementation: Guarded, subject: tuple[Network, bool]) -> Evidence:
    """Calling the int8 model changes nothing of what it is called with."""
    network, equalize = subject
    made = implementation.quantize(network.build(), network.calibration(), equalize=equalize)
    batch = network.judgement()["fresh"]
    given = batch if isinstance(batch, tuple) else (batch,)
    before = copies(given)
    _called(a_module(made, "quantize()"), batch)
    return unchanged(given, before, "the inputs of the int8 model")


@check(
    "quantize.nothing-to-train",
    needs=_NEEDS,
    over=_networks("residual-added", "convolutions-with-norm", "functional-layers"),
)
def nothing_to_train(implementation: Guarded, subject: tuple[Network, bool]) -> Evidence:
    """What is on levels is for no optimizer to move: no parameter and no output has a gradient."""
    network, equalize = subject
    made = implementation.quantize(network.build(), network.calibration(), equalize=equalize)
    int8 = a_module(made, "quantize()")
    returned = outputs(_called(int8, network.judgement()["fresh"]))
    trainable = [
        *(name for name, each in int8.named_parameters() if each.requires_grad),
        *(place for place, each in returned.items() if each.requires_grad),
    ]
    observed = f"gradients of {', '.join(trainable)}" if trainable else "none"
    return require(
        not trainable, Evidence("no parameter, and no output, with a gradient", observed)
    )


def _called(model: nn.Module, batch: Batch) -> object:
    """What the model returns, gradients being on.

    Raises:
        Raised: the model raised.
    """
    arguments = batch if isinstance(batch, tuple) else (batch,)
    return attempt("calling the int8 model", lambda: model(*arguments))
