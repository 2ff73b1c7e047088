"""The premises of the checks of the claim select: exact outputs, and bounds that bound."""

import pytest
import torch
from torch import nn

from eqconform.checks import select_folded, select_sqnr
from eqconform.checks.select_sqnr import Example, layer_outputs, of_call
from eqconform.judge.cases import all_checks
from eqconform.probe import record

EXAMPLES = {
    case.id: case.subject
    for check in all_checks()
    for case in check.cases("full")
    if isinstance(case.subject, Example)
}


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_every_output_is_exact_in_float32(example: Example) -> None:
    for model in example.models():
        exact = layer_outputs(model, example.batch())
        calls = record(model, example.batch()).calls
        assert len(calls) == len(example.calls)
        for call, (_, y) in zip(calls, exact, strict=True):
            assert torch.equal(of_call(call, call.input, call.weight, call.bias).double(), y)


@pytest.mark.parametrize("chain", select_folded._CHAINS.values(), ids=select_folded._CHAINS)
def test_the_rounding_of_a_scaled_chain_stays_within_its_slack(
    chain: select_folded._Chain,
) -> None:
    """With scales that are no powers of two, folded by hand."""
    model, batch = chain.model(), chain.batch(9)
    plain = layer_outputs(model, batch)
    layers = [each for each in model.modules() if isinstance(each, (nn.Linear, nn.Conv2d))]
    scales = [torch.linspace(0.3, 3.7, len(layer.weight)) for layer in layers[:-1]]
    for before, after, scale in zip(layers, layers[1:], scales, strict=False):
        before.weight.data *= scale.view(-1, *[1] * (before.weight.ndim - 1))
        before.bias.data *= scale
        after.weight.data /= scale.view(-1, *[1] * (after.weight.ndim - 2))
    calls = record(model, batch).calls
    slack = select_folded._slack(plain)
    for call, (_, y), allowed, scale in zip(calls, plain, slack, [*scales, None], strict=True):
        folded = of_call(call, call.input, call.weight, call.bias)
        undone = folded if scale is None else folded / scale.view(-1, *[1] * (call.weight.ndim - 2))
        assert ((undone.double() - y).abs() <= allowed).all()


def test_a_ratio_that_is_no_number_is_no_ratio() -> None:
    for odd in (None, "27 dB", torch.ones(2), [27.0]):
        with pytest.raises(select_sqnr.Violation):
            select_sqnr.judge_ratio(odd, 27.0, 1.0, "layer")
    assert select_sqnr.judge_ratio(torch.tensor(27.0), 27.0, 0.0, "layer").error == 0
