"""Claim "equalize": the result is right however it is used.

The other modules feed a result inputs like those it was calibrated on, once, in order, and without
gradients. Here it meets inputs that calibration gave no idea of, other strides, other modes of
autograd and many calls in a row. Truth and tolerance are those of the function
(`eqconform.judge.rounding`); gradients are judged as the outputs of a network that returns them.

Source: SPEC.md; torch.nn.Module, whose forward is a function of its input and state.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from eqconform.checks.observe import LAYOUTS
from eqconform.checks.subjects import REPRESENTATIVE, named
from eqconform.checks.verdicts import speaks
from eqconform.contract import Batch
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded, attempt, run
from eqconform.judge.judgement import (
    Leaves,
    equalized,
    judge_engaged,
    judge_function,
    judge_returned,
    require_comparable,
    require_engaged,
    share,
)
from eqconform.judge.outcome import Evidence, Raised, require, said
from eqconform.judge.rounding import bounds
from eqconform.probe import outputs
from eqconform_models import Network, network

_NEEDS = ("equalize",)
_NETWORKS = named(
    "chain-three-layers", "residual-block", "norm-conv-batch-norm-conv", "functional-linear"
)


def _judged_on(network: Network, name: str, change: Callable[[Tensor], Tensor]) -> Network:
    """The network, with one more judgement batch: "fresh", changed."""

    def judgement() -> dict[str, Batch]:
        fresh = network.judgement()["fresh"]
        assert isinstance(fresh, Tensor)  # noqa: S101  for the type checker: it has one input
        return {"fresh": fresh, name: change(fresh)}

    return replace(network, judgement=judgement)


_FAR: dict[str, Callable[[Tensor], Tensor]] = {
    "times-1024": lambda x: 1024 * x,
    "negated": torch.neg,
    "zeros": torch.zeros_like,
}
_FAR_AWAY = {
    f"{name}-{kind}": _judged_on(network, "far", change)
    for name, network in named(*REPRESENTATIVE).items()
    for kind, change in _FAR.items()
}


@check("equalize.far-from-calibration", needs=_NEEDS, over=_FAR_AWAY)
def far_from_calibration(implementation: Guarded, network: Network) -> Evidence:
    """Nothing saturates, and no sign or absence of a signal is a special case."""
    return judge_engaged(network, equalized(implementation, network), on=["far"])


_LAID_OUT = {
    f"{name}-{layout}": _judged_on(network, "laid-out", change)
    for name, network in named("chain-conv2d", "linear-rank4").items()
    for layout, change in LAYOUTS.items()
}


def _norm_pair(norm: Callable[[], nn.Module]) -> Network:
    """Linear, a norm of its 6 features, ReLU, Linear; and 6 tokens of them as another batch."""
    base = network("norm-linear-batch-norm-linear")

    def build() -> nn.Module:
        model, other = base.build(), norm()
        other.load_state_dict(model.get_submodule("1").state_dict(), strict=False)
        model.add_module("1", other)
        return model.eval()

    changed = _judged_on(base, "tokens", lambda x: torch.stack([x / i for i in range(1, 7)], 1))
    return replace(changed, build=build)


_OF_TWO_RANKS = {
    "batch-norm": _norm_pair(lambda: nn.BatchNorm1d(6)),
    "group-norm": _norm_pair(lambda: nn.GroupNorm(2, 6)),
}


@check("equalize.unseen-rank", needs=_NEEDS, over=_OF_TWO_RANKS)
def unseen_rank(implementation: Guarded, network: Network) -> Evidence:
    """A norm over axis 1 has the features there in one rank, and the tokens in another."""
    model = equalized(implementation, network)
    judge_engaged(network, model, on=["fresh"])
    try:
        return judge_engaged(network, model, on=["tokens"])
    except Raised as raised:
        expected = "the same function at another rank, or an error that says what is wrong"
        return require(speaks(raised), Evidence(expected, said(raised.cause)))


@check("equalize.memory-layout", needs=_NEEDS, over=_LAID_OUT)
def memory_layout(implementation: Guarded, network: Network) -> Evidence:
    """An input is its values, however they lie in memory."""
    return judge_engaged(network, equalized(implementation, network), on=["laid-out"])


@check("equalize.inputs-untouched", needs=_NEEDS, over=_NETWORKS)
def inputs_untouched(implementation: Guarded, network: Network) -> Evidence:
    """Calling the result changes nothing of what it is called with."""
    model = equalized(implementation, network)
    given, before = network.judgement(), outputs(network.judgement())
    for batch in given.values():
        run(model, batch)
    require_engaged(network, model)
    after = outputs(given)
    changed = [place for place, value in before.items() if not torch.equal(value, after[place])]
    return require(not changed, Evidence("every input as it was", f"changed: {changed}"))


_ROUNDS = 3


@check("equalize.calls-do-not-matter", needs=_NEEDS, over=_NETWORKS)
def calls_do_not_matter(implementation: Guarded, network: Network) -> Evidence:
    """What the result returned stays, and comes again, bit by bit, whatever it saw in between."""
    model, given = equalized(implementation, network), network.judgement()
    require_engaged(network, model)
    first = {name: outputs(run(model, batch)) for name, batch in given.items()}
    require_comparable(first)
    copies = {name: _copied(leaves) for name, leaves in first.items()}
    for number in range(_ROUNDS):
        for name, batch in given.items():
            again = outputs(run(model, batch))
            _require_equal(copies[name], again, f"{name}, once more ({number + 1})")
    for name, leaves in first.items():
        _require_equal(copies[name], leaves, f"{name}, what was returned at first")
    return Evidence("the same from every call", f"{_ROUNDS} rounds of {len(given)} batches")


_MODES: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "with-gradients": torch.enable_grad,
    "in-inference-mode": torch.inference_mode,
}
_IN_MODES = {
    f"{name}-{mode}": (network, enter)
    for name, network in _NETWORKS.items()
    for mode, enter in _MODES.items()
}


@check("equalize.modes-do-not-matter", needs=_NEEDS, over=_IN_MODES)
def modes_do_not_matter(
    implementation: Guarded,
    subject: tuple[Network, Callable[[], AbstractContextManager[object]]],
) -> Evidence:
    """With gradients on, as in inference mode, the result computes the same function."""
    network, enter = subject
    model = equalized(implementation, network)
    require_engaged(network, model)
    found = []
    for name in ("fresh", "times-3"):
        batch = network.judgement()[name]
        with enter():
            returned = outputs(attempt("calling the equalized model", partial(model, batch)))
        own = {place: value.detach().clone() for place, value in returned.items()}
        found.append(judge_returned(network, own, bounds(network, name), name))
    return max(found, key=share)


class _Gradient(nn.Module):
    """Returns the gradient, with respect to the input, of half the sum of squared outputs.

    Args:
        inner: takes a tensor and returns one.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """Of the shape of `x`."""
        with torch.enable_grad():
            leaf = x.detach().clone().requires_grad_()
            half = self.inner(leaf).square().sum() / 2
            (gradient,) = torch.autograd.grad(half, leaf)
        return gradient


def _gradient_of(network: Network) -> Network:
    return replace(network, build=lambda: _Gradient(network.build()))


_GRADIENTS = {
    name: (network, _gradient_of(network)) for name, network in named(*REPRESENTATIVE).items()
}


@check("equalize.gradients", needs=_NEEDS, over=_GRADIENTS)
def gradients(implementation: Guarded, subject: tuple[Network, Network]) -> Evidence:
    """The gradient with respect to the input is that of the untouched model, to rounding."""
    network, gradient = subject
    model = equalized(implementation, network)
    require_engaged(network, model)
    return judge_function(gradient, _Gradient(model))


def _copied(leaves: Leaves) -> dict[str, Tensor]:
    return {place: value.detach().clone() for place, value in leaves.items()}


def _require_equal(before: Leaves, after: Leaves, what: str) -> None:
    same = before.keys() == after.keys() and all(
        torch.equal(value, after[place]) for place, value in before.items()
    )
    require(same, Evidence(f"{what}: the same outputs, bit by bit", "others"))
