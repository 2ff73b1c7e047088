"""Claim "equalize": a model that cannot be taken whole is equalized part by part.

Its forward chooses by the values of its input, so that no graph holds all of it; the parts that it
chooses from can be traced. What they share, and what was not calibrated, is where parts go wrong.

Source: torch.fx, limitations of symbolic tracing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from eqconform.contract import Batch
from eqconform.judge.alignment import aligned
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded
from eqconform.judge.judgement import a_module, judge_function, recorded
from eqconform.judge.outcome import Evidence, require
from eqconform.probe import record
from eqconform_models import Network, network


class _Choosing(nn.Module):
    """Parts that can be traced, and a choice between them that cannot.

    Args:
        first: takes a tensor, of shape (N, C), and always runs.
        second: takes one of the same shape, and runs where the input's sum is above 0.
        third: likewise, and runs where it is not; None: `second` does, on another input.
    """

    def __init__(self, first: nn.Module, second: nn.Module, third: nn.Module | None) -> None:
        super().__init__()
        self.first = first
        self.second = second
        self.third = third

    def forward(self, x: Tensor) -> Tensor:
        """The choice is made by the input, which no rounding moves."""
        middle = self.first(x).mean()
        if x.sum() > 0:
            chosen: Tensor = self.second(x + middle)
        elif self.third is None:
            chosen = self.second(x - middle)
        else:
            chosen = self.third(x - middle)
        return chosen


@dataclass(frozen=True)
class _Parts:
    """A model in parts.

    Attributes:
        build: makes the model.
        one_way: calibration takes the same path every time.
        left_alone: layer calls, on the path that is calibrated, that may keep their weight.
    """

    build: Callable[[], nn.Module]
    one_way: bool = False
    left_alone: frozenset[int] = frozenset()

    def network(self) -> Network:
        """With inputs of either sign of the sum, of which none is calibrated on."""
        base = network("chain-relu-module")

        def judgement() -> dict[str, Batch]:
            fresh = _positive(base.judgement()["fresh"])
            return {"fresh": fresh, "times-3": 3 * fresh, "negated": -fresh}

        def calibration() -> list[Batch]:
            positive = [_positive(batch) for batch in base.calibration()]
            return [*positive] if self.one_way else [*positive, *(-each for each in positive)]

        return replace(
            base, build=lambda: self.build().eval(), calibration=calibration, judgement=judgement
        )


def _positive(batch: Batch) -> Tensor:
    """The batch, shifted to a mean of 1/10."""
    assert isinstance(batch, Tensor)  # noqa: S101  for the type checker: there is one input
    return batch - batch.mean() + 0.1


def _pair() -> nn.Module:
    """Linear, ReLU, Linear."""
    return network("chain-relu-module").build()


def _two_parts() -> nn.Module:
    return _Choosing(_pair(), network("chain-three-layers").build(), None)


def _three_parts() -> nn.Module:
    return _Choosing(_pair(), network("chain-three-layers").build(), _pair())


def _sharing(name: str) -> Callable[[], nn.Module]:
    """Two parts whose first layers share a parameter."""

    def build() -> nn.Module:
        parts = _pair(), _pair()
        lender, borrower = (part.get_submodule("first") for part in parts)
        setattr(borrower, name, getattr(lender, name))
        return _Choosing(*parts, None)

    return build


def _one_part_twice() -> nn.Module:
    second = network("chain-three-layers").build()
    return _Choosing(_pair(), second, second)


def _inside_a_part() -> nn.Module:
    """Behind a part without tensors, a part that chooses between parts."""
    return nn.Sequential(nn.Identity(), _two_parts())


class _Shifted(nn.Module):
    """Linear, ReLU, Linear, and a sum with what may be given."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = _pair()

    def forward(self, x: Tensor, shift: Tensor | None = None) -> Tensor:
        """Which of the two functions it is shows in the call alone."""
        result: Tensor = self.layers(x)
        return result if shift is None else result + shift


class _CallingTwice(_Choosing):
    """Calls a part in two ways."""

    def forward(self, x: Tensor) -> Tensor:
        """With a shift, and without."""
        plain = super().forward(x)
        shifted: Tensor = self.second(x, plain)
        return shifted


def _called_in_two_ways() -> nn.Module:
    return _CallingTwice(_pair(), _Shifted(), None)


class _Reading(_Choosing):
    """Adds up a weight of the first part besides."""

    def forward(self, x: Tensor) -> Tensor:
        """As before, and the sum."""
        return super().forward(x) + self.first.get_parameter("first.weight").sum()


def _read_outside() -> nn.Module:
    return _Reading(_pair(), _pair(), None)


class _Noting(nn.Module):
    """Linear, ReLU, Linear; it keeps what its first layer made, and before that a number."""

    def __init__(self) -> None:
        super().__init__()
        pair = _pair()
        self.one = pair.get_submodule("first")
        self.two = pair.get_submodule("second")
        self.made: Any = 0.0

    def forward(self, x: Tensor) -> Tensor:
        """What a graph would return, but not what it would keep."""
        self.made = self.one(x)
        result: Tensor = self.two(torch.relu(self.made))
        return result


class _Asking(_Choosing):
    """Adds what the first part kept."""

    def forward(self, x: Tensor) -> Tensor:
        """The call of the part comes before, so that it has kept something."""
        chosen, part = super().forward(x), self.first
        assert isinstance(part, _Noting)  # noqa: S101  for the type checker
        mean: Tensor = part.made.mean()
        return chosen + mean


def _kept_by_a_part() -> nn.Module:
    return _Asking(_Noting(), _pair(), None)


_SUBJECTS = {
    "two-parts": _Parts(_two_parts),
    "part-inside-a-part": _Parts(_inside_a_part),
    "part-under-two-names": _Parts(_one_part_twice),
    "part-called-in-two-ways": _Parts(_called_in_two_ways),
    "path-never-calibrated": _Parts(_three_parts, one_way=True),
    "weight-in-two-parts": _Parts(_sharing("weight"), left_alone=frozenset({0, 2})),
    "bias-in-two-parts": _Parts(_sharing("bias")),
    "result-kept-by-a-part": _Parts(_kept_by_a_part),
}
_FULL = {"weight-read-outside": _Parts(_read_outside, left_alone=frozenset({0}))}


@check("equalize.by-parts", needs=("equalize_parts",), over=_SUBJECTS, full=_FULL)
def by_parts(implementation: Guarded, parts: _Parts) -> Evidence:
    """Every part is equalized, and the function stays on every path."""
    subject = parts.network()
    made = implementation.equalize_parts(subject.build(), subject.calibration())
    model = a_module(made, "equalize_parts()")
    evidence = judge_function(subject, model, on=subject.judgement())
    batch = subject.judgement()["fresh"]
    calls = aligned(record(subject.build(), batch), recorded(model, batch))
    kept = [i for i, (old, new) in enumerate(calls) if torch.equal(old.weight, new.weight)]
    idle = [index for index in kept if index not in parts.left_alone]
    expected = f"another weight at each of {len(calls) - len(parts.left_alone)} layer calls"
    require(not idle, Evidence(expected, f"the same ones at layer calls {idle}"))
    return evidence
