"""Claim "equalize": the result is in eval mode, and follows the untouched model into other modes.

Under autocast a layer computes in bfloat16 from what it is given in float32; in train mode dropout
drops, and a batch norm goes by its batch and moves its running statistics. Both are judged as
networks of their own: the untouched model, in that mode, is the truth, and so the stand-ins of
`eqconform.judge.rounding` commit the roundings of that mode. In float64, where truth is computed,
autocast changes nothing.

Sources: torch.autocast (its list of operations, and that it leaves float64 alone);
torch.nn.Module.train; torch.nn.BatchNorm2d and Dropout.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from eqconform.checks.portraits import with_settings
from eqconform.checks.subjects import REPRESENTATIVE, named
from eqconform.checks.verdicts import speaks
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded, attempt
from eqconform.judge.judgement import a_module, equalized, judge_function, require_engaged
from eqconform.judge.outcome import Evidence, Raised, require, said
from eqconform_models import Network, network

_IN_EVAL_MODE = named(
    *("chain-three-layers", "residual-block", "norm-conv-batch-norm-conv", "chain-dropout-module")
)


@check("equalize.mode-kept", needs=("equalize",), over=_IN_EVAL_MODE)
def mode_kept(implementation: Guarded, network: Network) -> Evidence:
    """The result is in eval mode, and so is every module in it; or its only mode is that one.

    An exported program says `training` of itself, and refuses train() and eval(): its mode was
    decided when it was exported. Then what it computes tells which it is.
    """
    model = equalized(implementation, network)
    require_engaged(network, model)
    modes = {name or "the model": each.training for name, each in model.named_modules()}
    training = [name for name, mode in modes.items() if mode]
    if training and _has_one_mode(model):
        return judge_function(network, model)
    observed = f"in train mode: {', '.join(training)}" if training else "all of them"
    return require(not training, Evidence("every module in eval mode", observed))


def _has_one_mode(model: nn.Module) -> bool:
    """Whether the model refuses train mode."""
    try:
        attempt("train()", model.train)
    except Raised:
        return True
    return False


class _Autocast(nn.Module):
    """A model under autocast to bfloat16, on the device of its input.

    Args:
        inner: takes a tensor.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """What the model returns there."""
        with torch.autocast(x.device.type, dtype=torch.bfloat16):
            return self.inner(x)  # type: ignore[no-any-return]  # a module is not typed


def _wrapped(network: Network, wrapper: Callable[[nn.Module], nn.Module]) -> Network:
    return replace(network, build=lambda: wrapper(network.build()))


_CAST = {
    name: (network, _wrapped(network, _Autocast))
    for name, network in named(*REPRESENTATIVE).items()
}


@check("equalize.autocast", needs=("equalize",), over=_CAST)
def autocast(implementation: Guarded, subject: tuple[Network, Network]) -> Evidence:
    """Under autocast the result is what the untouched model is there, in the same dtype."""
    network, cast = subject
    model = equalized(implementation, network)
    require_engaged(network, model)
    return judge_function(cast, _Autocast(model))


class _Trained(nn.Module):
    """What a copy of a model returns in train mode, and in eval mode right after.

    Args:
        inner: takes a tensor and returns one.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The first with dice that fall the same every time."""
        model = copy.deepcopy(self.inner).train()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            returned = model(x)
        return returned, model.eval()(x)


@dataclass(frozen=True)
class _Trainable:
    """A network of the catalogue with settings that no module has by default.

    No `Network` itself, for it stays on the CPU, where float32 and float64 draw the same dropout.
    """

    name: str

    def network(self) -> Network:
        """The network, in eval mode."""
        base = network(self.name)
        return replace(base, build=lambda: with_settings(base.build()))


_TRAINED = {
    name: _Trainable(name)
    for name in (
        "chain-dropout-module",
        "norm-linear-batch-norm-linear",
        "norm-conv-batch-norm-conv",
    )
}


@check("equalize.train-mode-function", needs=("equalize",), over=_TRAINED)
def train_mode_function(implementation: Guarded, trainable: _Trainable) -> Evidence:
    """In train mode, and after it, the result is what the untouched model is, or refuses."""
    subject = trainable.network()
    made = implementation.equalize(subject.build(), subject.calibration())
    model = a_module(made, "equalize()")
    require_engaged(subject, model)
    try:
        attempt("train()", model.train)
    except Raised as raised:
        expected = "train mode, or an error that says what is wrong with it"
        return require(speaks(raised), Evidence(expected, said(raised.cause)))
    return judge_function(_wrapped(subject, _Trained), _Trained(model))
