"""Which layers an equalizer reached: its layer calls beside those of the model as it was.

A layer was reached where its weight or its bias is another one, bit by bit. The networks have a
tanh between their layers, which no scale can be moved through, unless folding is the point.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple

import torch
from torch import Tensor, nn

from eqconform.checks.examples import sample
from eqconform.checks.verdicts import identical
from eqconform.judge.alignment import aligned
from eqconform.judge.judgement import a_module, recorded
from eqconform.judge.outcome import Evidence, require
from eqconform.probe import LayerCall, record

CHANNELS = 4
"""Of every input."""

Convolution = type[nn.Conv1d] | type[nn.Conv2d] | type[nn.Conv3d]


class Apart(nn.Module):
    """Three Linear, one of them nested, with tanh between them."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(CHANNELS, 5)
        self.block = nn.Sequential(nn.Linear(5, 5), nn.Tanh())
        self.last = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, 4) to (N, 3)."""
        hidden: Tensor = self.last(self.block(torch.tanh(self.first(x))))
        return hidden


class Mixed(nn.Module):
    """A convolution and a Linear, with tanh between them."""

    def __init__(self, convolution: Convolution) -> None:
        super().__init__()
        self.convolution = convolution(CHANNELS, 5, 1)
        self.linear = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, 4, *spatial) to (N, 3)."""
        pooled = torch.tanh(self.convolution(x)).flatten(2).mean(2)  # (N, 5)
        hidden: Tensor = self.linear(pooled)
        return hidden


class Subject(NamedTuple):
    """A network, and the layer calls that a choice is to reach."""

    build: Callable[[], nn.Module]
    shape: tuple[int, ...]  # of a batch
    choice: Collection[str] | type[nn.Module] | None
    chosen: frozenset[int]  # places among the layer calls

    def model(self) -> nn.Module:
        """The same every time, in eval mode."""
        with torch.random.fork_rng(devices=[]):
            model = self.build().float().eval()
        for seed, parameter in enumerate(model.parameters()):
            parameter.data = sample(*parameter.shape, seed=seed)
        return model

    def batches(self) -> list[Tensor]:
        """Inputs whose channels, at axis 1, are of different magnitude."""
        spread = torch.logspace(-1, 1, CHANNELS, dtype=torch.float32)
        spread = spread.view(CHANNELS, *[1] * (len(self.shape) - 2))
        return [spread * sample(*self.shape, seed=seed) for seed in range(3)]


def calls(subject: Subject, result: object) -> list[tuple[LayerCall, LayerCall]]:
    """The layer calls as they were, beside those of the implementation's model."""
    batch = subject.batches()[0]
    after = recorded(a_module(result, "equalizing"), batch)
    return aligned(record(subject.model(), batch), after)


def touched_by(pairs: list[tuple[LayerCall, LayerCall]]) -> frozenset[int]:
    """The calls whose weight or bias is not bit by bit what it was."""
    same = [_same(b.weight, a.weight) and _same(b.bias, a.bias) for b, a in pairs]
    return frozenset(place for place, unchanged in enumerate(same) if not unchanged)


def _same(before: Tensor | None, after: Tensor | None) -> bool:
    if before is None or after is None:
        return before is after
    return identical(before, after)


def require_reached(subject: Subject, touched: frozenset[int]) -> Evidence:
    """The evidence that every chosen layer call has another weight or bias than before."""
    expected = f"layer calls {sorted(subject.chosen)} equalized, for {subject.choice}"
    missed = sorted(subject.chosen - touched)
    observed = f"calls {missed} as they were" if missed else f"calls {sorted(touched)} changed"
    return require(not missed, Evidence(expected, observed))


def require_left_alone(subject: Subject, touched: frozenset[int]) -> Evidence:
    """The evidence that no other layer call has."""
    expected = f"all layer calls but {sorted(subject.chosen)} bit-identical, for {subject.choice}"
    extra = sorted(touched - subject.chosen)
    observed = f"calls {extra} changed" if extra else f"only {sorted(touched)} changed"
    return require(not extra, Evidence(expected, observed))
