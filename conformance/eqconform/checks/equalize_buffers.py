"""Claim "equalize": buffers that are not saved, which belong to the model all the same.

Source: PyTorch 2.15, torch.nn.Module.register_buffer, persistent=False: in the module's buffers, so
that `.to()` moves it, and not in its `state_dict`.
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from eqconform.checks.subjects import named
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded, attempt
from eqconform.judge.judgement import equalized, judge_engaged
from eqconform.judge.outcome import Evidence, require
from eqconform_models import Network

# Two numbers each: an observer may keep one that it has seen.
_SAVED, _OWN, _OF_A_PART = (1.5, 0.25), (0.75, 0.125), (0.625, 0.375)


@check(
    "equalize.non-persistent-buffers",
    needs=("equalize",),
    over=named("chain-three-layers", "residual-block", "norm-conv-batch-norm-conv"),
)
def non_persistent_buffers(implementation: Guarded, network: Network) -> Evidence:
    """Each is a buffer with its value, is not in the state_dict, and moves with the model."""
    subject = replace(network, build=lambda: _Buffered(network.build()).eval())
    model = equalized(implementation, subject)
    judge_engaged(subject, model)
    saved, held = _pairs(model.state_dict()), _pairs(dict(model.named_buffers()))
    for pair in (_OWN, _OF_A_PART):
        where = f"the non-persistent buffer that holds {pair}"
        require(pair in held, Evidence(f"{where} among the buffers", f"pairs there: {held}"))
        require(pair not in saved, Evidence(f"{where} out of the state_dict", "it is in there"))
    wide = attempt(".double()", model.double)
    return judge_engaged(subject, wide, dtype=torch.float64, precision=torch.float32)


class _Part(nn.Module):
    """Adds a buffer that is not saved."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("offset", torch.tensor(_OF_A_PART), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Of the shape of x: 2 x + 1."""
        return _plus_each(x, self.get_buffer("offset"))


class _Buffered(nn.Module):
    """A network between buffers, saved and not, of its own and of a part.

    Args:
        inner: takes a tensor and returns one.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.part = _Part()
        self.inner = inner
        self.register_buffer("factor", torch.tensor(_SAVED))
        self.register_buffer("offset", torch.tensor(_OWN), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """The network's output of 2 x + 1, four times, plus 4.375."""
        inner: Tensor = self.inner(self.part(x))
        return _plus_each(_plus_each(inner, self.get_buffer("factor")), self.get_buffer("offset"))


def _plus_each(x: Tensor, pair: Tensor) -> Tensor:
    """The sum of x + a and x + b."""
    return (x.unsqueeze(-1) + pair).sum(-1)


def _pairs(tensors: Mapping[str, Tensor]) -> list[tuple[float, ...]]:
    """What the tensors of two numbers hold."""
    return [tuple(each.tolist()) for each in tensors.values() if each.shape == (2,)]
