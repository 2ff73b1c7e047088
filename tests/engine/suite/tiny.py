"""The checks of the small registry beside this file."""

import os
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from eqconform.contract import ChannelRange
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded, run
from eqconform.judge.judgement import a_module
from eqconform.judge.outcome import Evidence, Vacuous, require, within


@dataclass(frozen=True)
class Subject:
    """Stands for a network: a name, a summary, and a width."""

    name: str
    summary: str
    width: int

    def build(self) -> nn.Module:
        return nn.Linear(self.width, 2).eval()


FIRST_OF_MORE = 100  # the width of the first model that the environment asks for

MODELS = {
    name: Subject(name, f"A layer with {width} inputs.", width)
    for width, name in enumerate(
        (
            "one",
            "leave",
            "interrupt",
            "skip",
            "die",
            "segfault",
            "hang",
            "hang[c]",
            "shrug",
            "mute",
        ),
        start=1,
    )
}
FIRST = {"only": MODELS["one"]}
_MORE = filter(None, os.environ.get("TINY_MORE", "").split(","))
MODELS |= {
    name: Subject(name, "One more.", FIRST_OF_MORE + index) for index, name in enumerate(_MORE)
}


@check("observe.two", needs=("observe_input",), over={"first": 1.0, "second": 2.0})
def both_ends(implementation: Guarded, top: float) -> Evidence:
    batch = torch.tensor([[0.0], [top]])
    if os.environ.get("TINY_CHECK_FAULT"):
        raise RuntimeError("the check itself is wrong")
    seen = implementation.observe_input([batch], channel_axis=1)
    return require(bool(seen.max == top), Evidence(f"{top}", f"{seen.max}"))


@check("observe.merged", needs=("merge_ranges",))
def never_right(implementation: Guarded, _: None) -> Evidence:
    one = ChannelRange(torch.zeros(1), torch.ones(1))
    implementation.merge_ranges(one, one)
    return require(holds=False, evidence=Evidence("something else", "this"))


@check("scale.root", needs=("equalization_scale",), over={"four": 4.0}, full={"nine": 9.0})
def square_root(implementation: Guarded, width: float) -> Evidence:
    zero = torch.zeros(1, dtype=torch.get_default_dtype())
    scale = implementation.equalization_scale(
        ChannelRange(zero, zero + 1), ChannelRange(zero, zero + width)
    )
    error = (scale.double() - width**0.5).abs().max().item()
    return within(error, 1e-6, expected=f"{width**0.5}", observed=f"{scale}")


@check("equalize.same", needs=("equalize",), over=MODELS)
def same_function(implementation: Guarded, subject: Subject) -> Evidence:
    model = subject.build()
    batch = torch.randn(4, subject.width)
    expected, weight = model(batch), model.weight.clone()
    equalized = a_module(implementation.equalize(model, [batch]), "equalize()")
    error = (_output(equalized, batch) - expected).abs().max().item()
    evidence = within(error, 1e-4, expected="the same output", observed=f"{error} off")
    if torch.equal(equalized.weight, weight):
        raise Vacuous("no weight was changed")
    return evidence


@check("equalize.engages", needs=("equalize",), over=FIRST)
def weights_change(implementation: Guarded, subject: Subject) -> Evidence:
    model = subject.build()
    equalized = implementation.equalize(model, [torch.randn(4, subject.width)])
    return require(not torch.equal(equalized.weight, model.weight), Evidence("change", "none"))


def _output(model: nn.Module, batch: Tensor) -> Tensor:
    return run(model, batch).detach()
