"""The premises of the checks of the claim select: exact outputs, and bounds that bound."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from eqconform.checks.select_chains import CHAINS, LAYERS, NORMS, Chain, slacks
from eqconform.checks.select_examples import Example
from eqconform.checks.select_ratios import judge_ratio, layer_outputs
from eqconform.judge.cases import all_checks
from eqconform.judge.outcome import Violation
from eqconform.probe import of_call, record

EXAMPLES = {
    case.id: case.subject
    for check in all_checks()
    for case in check.cases("full")
    if isinstance(case.subject, Example)
}


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_every_output_is_exact_in_its_own_dtype(example: Example) -> None:
    for model in example.models():
        exact = layer_outputs(model, example.batch())
        calls = record(model, example.batch()).calls
        assert len(calls) == len(example.calls)
        for call, (_, y) in zip(calls, exact, strict=True):
            assert torch.equal(of_call(call, call.input, call.weight, call.bias).double(), y)


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_the_rounding_of_a_scaled_chain_stays_within_its_slack(chain: Chain) -> None:
    """With scales that are no powers of two, folded by hand."""
    model, batch = chain.model(), chain.batch(9)
    plain = layer_outputs(model, batch)
    allowed = slacks(model, plain)
    undone = _folded_by_hand([each for each in model.modules() if isinstance(each, LAYERS + NORMS)])
    calls = record(model, batch).calls
    for call, (_, y), slack, scale in zip(calls, plain, allowed, undone, strict=True):
        folded = of_call(call, call.input, call.weight, call.bias)
        unfolded = folded / scale.view(-1, *[1] * (call.weight.ndim - 2))
        assert ((unfolded.double() - y).abs() <= slack).all()


def _folded_by_hand(parts: list[nn.Module]) -> list[Tensor]:
    """Scale each part and the next layer's columns; what each layer's rows took."""
    undone = []
    for before, after in pairwise(parts):
        scale = torch.ones(len(before.weight))
        if isinstance(after, LAYERS):
            scale = torch.linspace(0.3, 3.7, len(scale))
            after.weight.data /= scale.view(-1, *[1] * (after.weight.ndim - 2))
        before.weight.data *= scale.view(-1, *[1] * (before.weight.ndim - 1))
        before.bias.data *= scale
        if isinstance(before, LAYERS):
            undone.append(scale)
    return [*undone, torch.ones(len(parts[-1].weight))]


def test_a_ratio_that_is_no_number_is_no_ratio() -> None:
    for odd in (None, "27 dB", torch.ones(2), [27.0]):
        with pytest.raises(Violation):
            judge_ratio(odd, 27.0, 1.0, "layer")
    assert judge_ratio(torch.tensor(27.0), 27.0, 0.0, "layer").error == 0
