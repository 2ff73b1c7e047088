"""Claim "equalize": models that do what no tracer sees work all the same, or are refused.

Source: torch.fx, limitations of symbolic tracing: one path is taken, with stand-ins for tensors,
and what the forward makes without them is made once.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from eqconform.checks.equalize_refusals import is_refusal, words_of
from eqconform.contract import Batch
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded
from eqconform.judge.judgement import equalized, judge_engaged
from eqconform.judge.outcome import Evidence, Raised, require
from eqconform_models import Network, network

_CHAIN = network("chain-relu-module")


class _ByValue(nn.Module):
    """Twice its input, or just its input, by what it sees."""

    def forward(self, x: Tensor) -> Tensor:
        """Either."""
        return 2 * x if x.sum() > 0 else x


class _ByType(nn.Module):
    """Twice its input, if that is a tensor."""

    def forward(self, x: Tensor) -> Tensor:
        """Which a stand-in is not."""
        return 2 * x if isinstance(x, Tensor) else x


class _ShapeByType(nn.Module):
    """Its input, and that once more if it is a tensor."""

    def forward(self, x: Tensor) -> Tensor:
        """Of twice the length, then."""
        return torch.cat([x, x]) if isinstance(x, Tensor) else x


class _ChangedConstant(nn.Module):
    """Its input plus the mean, which it adds to a zero of its own making."""

    def forward(self, x: Tensor) -> Tensor:
        """A graph would make the zero once, and go on adding."""
        total = torch.zeros(1).to(x.device)
        return x + total.add_(x.mean())


class _Behind(nn.Module):
    """A network behind a module.

    Args:
        chooser: takes a tensor and returns one.
        inner: likewise.
    """

    def __init__(self, chooser: nn.Module, inner: nn.Module) -> None:
        super().__init__()
        self.chooser = chooser
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """The network, of what the module makes of its input."""
        result: Tensor = self.inner(self.chooser(x))
        return result


def _behind(chooser: Callable[[], nn.Module]) -> Network:
    def both_ways() -> dict[str, Batch]:
        batch = _CHAIN.judgement()["fresh"]
        assert isinstance(batch, Tensor)  # noqa: S101  for the type checker: it has one input
        return {"fresh": batch, "negated": -batch}

    return replace(
        _CHAIN, build=lambda: _Behind(chooser(), _CHAIN.build()).eval(), judgement=both_ways
    )


@check("equalize.untraceable-model", needs=("equalize",))
def untraceable_model(implementation: Guarded, _: None) -> Evidence:
    """A model whose path depends on its values works on every path, or is refused."""
    return _works_or_is_refused(implementation, _behind(_ByValue), naming="")


@check("equalize.untraceable-model-named", needs=("equalize",))
def untraceable_model_is_named(implementation: Guarded, _: None) -> Evidence:
    """A refusal of such a model says in which of its modules the choice is made."""
    return _works_or_is_refused(implementation, _behind(_ByValue), naming="chooser")


_UNSEEN = {
    "path-by-type": _behind(_ByType),
    "shape-by-type": _behind(_ShapeByType),
    "constant-that-is-changed": _behind(_ChangedConstant),
}


@check("equalize.unseen-by-tracing", needs=("equalize",), over=_UNSEEN)
def unseen_by_tracing(implementation: Guarded, subject: Network) -> Evidence:
    """What a tracer passes over without an error is computed all the same, or refused."""
    return _works_or_is_refused(implementation, subject, naming="")


def _works_or_is_refused(implementation: Guarded, subject: Network, *, naming: str) -> Evidence:
    expected = (
        f"the same function whatever is given, or an error that names {naming or 'the reason'}"
    )
    try:
        model = equalized(implementation, subject)
    except Raised as raised:
        said = words_of(raised)
        return require(is_refusal(raised) and naming in said, Evidence(expected, said))
    return judge_engaged(subject, model, on=subject.judgement())
