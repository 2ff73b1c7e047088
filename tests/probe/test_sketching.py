"""Sketches: what was given, what was made of it, and nothing where that cannot be told."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from eqconform import Implementation
from eqconform.judge.cases import Case, Check
from eqconform.judge.guard import Guarded
from eqconform.judge.judgement import equalized
from eqconform.judge.outcome import Evidence, Violation
from eqconform.judge.sketching import sketch_of
from eqconform.loading import load
from eqconform.sketches import MOST_STEPS, Sketch
from eqconform_models.listing import network


class Odd(Implementation):
    """Whose equalized model is whatever it was made with."""

    name, version = "odd", "1"

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def equalize(self, model: nn.Module, batches: Sequence[Tensor], **_: object) -> nn.Module:
        del model, batches
        return self.model

    def quantize(self, model: nn.Module, batches: Sequence[Tensor], **_: object) -> nn.Module:
        return self.equalize(model, batches)


def sketched(implementation: Implementation, name: str) -> Sketch:
    """What is drawn once the implementation has equalized a network of the catalogue."""
    guarded = Guarded(implementation)
    equalized(guarded, network(name))
    sketch = sketch_of(guarded, None)
    assert sketch is not None
    return sketch


def test_a_chain() -> None:
    """The operations before and after, where each scale is due, and that the ranges meet."""
    sketch = sketched(load("reference"), "chain-relu-module")
    assert [step.op for step in sketch.steps] == ["input", "linear", "relu", "linear", "output"]
    assert [step.op for step in sketch.after] == [
        "input",
        "mul",
        "linear",
        "relu",
        "linear",
        "output",
    ]
    assert [step.layer for step in sketch.steps] == [None, 0, None, 1, None]
    assert [step.inputs for step in sketch.steps] == [(), (0,), (1,), (2,), (3,)]
    assert [(each.due, each.producer) for each in sketch.layers] == [
        ("multiply", None),
        ("fold", 0),
    ]
    first, last = sketch.layers
    assert last.input != last.input_after
    assert last.input_after == pytest.approx(last.weight_after, rel=0.01)  # three digits
    assert first.input_after != pytest.approx(first.weight_after, rel=0.01)  # its rows took s too
    assert first.sqnr is None
    assert not sketch.cut


def test_a_branch_is_drawn_as_one() -> None:
    """What takes two results has two inputs, whatever the model is made of."""
    sketch = sketched(load("reference"), "residual-add")
    add = next(step for step in sketch.steps if step.op == "add")
    assert len(add.inputs) == 2


class Quiet(nn.Module):
    """Makes copies, and looks at its input beside the way."""

    def forward(self, x: Tensor) -> Tensor:
        x.abs().max()
        return x.detach().clone().to(torch.float64).relu()


def test_what_leaves_values_as_they_are_is_not_drawn() -> None:
    """Nor is what does not reach the output."""
    guarded = Guarded(Odd(Quiet()))
    guarded.equalize(Quiet(), [torch.ones(2, 3)])
    sketch = sketch_of(guarded, None)
    assert sketch is not None
    assert [(step.op, step.inputs) for step in sketch.steps] == [
        ("input", ()),
        ("relu", (0,)),
        ("output", (1,)),
    ]


class Raises(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise ValueError(x.shape)


def test_a_model_that_does_not_run_leaves_half_a_sketch() -> None:
    """The untouched network can be drawn all the same."""
    sketch = sketched(Odd(Raises()), "chain-relu-module")
    assert sketch.steps
    assert not sketch.after
    assert [each.input_after for each in sketch.layers] == [(), ()]


def test_a_given_model_that_does_not_run_leaves_none() -> None:
    guarded = Guarded(Odd(nn.Identity()))
    assert sketch_of(guarded, None) is None
    guarded.equalize(Raises(), [torch.ones(1)])
    assert sketch_of(guarded, None) is None


def test_a_long_model_is_cut() -> None:
    """A result file stays small, and says that it does not hold everything."""
    long = nn.Sequential(nn.Linear(40, 40), *[nn.ReLU() for _ in range(60)])
    guarded = Guarded(Odd(long))
    guarded.equalize(long, [torch.ones(2, 40)])
    sketch = sketch_of(guarded, None)
    assert sketch is not None
    assert sketch.cut
    assert len(sketch.steps) == MOST_STEPS
    assert len(sketch.layers[0].input) == 32


def test_what_int8_costs_each_layer() -> None:
    """The ratio of a layer's input: without noise none, whatever it was scaled by."""
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    noisy = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    noisy.load_state_dict(plain.state_dict())
    with torch.no_grad():
        noisy[0].weight.mul_(2)
        noisy[0].bias.mul_(2).add_(0.02 * torch.randn(4))
        noisy[1].weight.div_(2)
    guarded = Guarded(Odd(noisy))
    guarded.quantize(plain, [torch.randn(64, 4)], equalize=True)
    sketch = sketch_of(guarded, None)
    assert sketch is not None
    first, second = (each.sqnr for each in sketch.layers)
    assert first is None or first > 300  # to the rounding of float64
    assert second is not None
    assert 20 < second < 80


def test_a_case_that_breaks_its_clause_has_one() -> None:
    """What a check raises carries the sketch away; what it calls need not know."""

    def violate(implementation: Guarded, _: object) -> Evidence:
        equalized(implementation, network("residual-add"))
        raise Violation(Evidence("this", "that"))

    case = Case(Check("equalize.same", violate, (), {}), "only", None)
    with pytest.raises(Violation) as raised:
        case.judge(load("reference"))
    assert raised.value.sketch is not None
