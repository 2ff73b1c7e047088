"""The probe sees every layer call and every multiplication, however they are spelled."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from packaging.version import Version
from torch import Tensor, nn

from eqconform.probe import layer_arguments, of_call, outputs, record


class Chain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 5)
        self.second = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.relu(self.first(x)))


class Calling(nn.Module):
    """Calls a function of its parameters."""

    def __init__(self, function: Any, **parameters: Tensor) -> None:
        super().__init__()
        self.function = function
        for name, value in parameters.items():
            self.register_parameter(name, nn.Parameter(value))

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(self, *inputs)


def exported(model: nn.Module, batch: Tensor) -> nn.Module:
    if Version(torch.__version__) < Version("2.2"):
        pytest.skip("torch exports nothing where it has compiled something before")
    return torch.export.export(model, (batch,)).module()


FORMS: dict[str, Any] = {
    "eager": lambda model, _: model,
    "fx": lambda model, _: torch.fx.symbolic_trace(model),
    "exported": exported,
}


@pytest.mark.parametrize("form", FORMS)
def test_layers_are_seen_in_every_form_of_a_model(form: str) -> None:
    batch, model = torch.randn(2, 4), Chain()
    made = FORMS[form](model, batch)
    if form == "exported" and "aten.linear" not in str(made.graph):
        pytest.skip(f"torch {torch.__version__} exports no layers, but what they are made of")
    seen = record(made, batch)
    first, second = seen.calls
    assert [first.kind, second.kind] == ["linear", "linear"]
    assert torch.equal(first.input, batch)
    assert torch.equal(first.weight, model.first.weight)
    assert torch.equal(second.input, torch.relu(model.first(batch)))
    assert second.bias is not None
    assert torch.equal(second.bias, model.second.bias)
    assert torch.equal(seen.output, model(batch))


LAYERS = {
    "positional": lambda m, x: F.linear(x, m.w, m.b),
    "bias by keyword": lambda m, x: F.linear(x, m.w, bias=m.b),
    "all by keyword": lambda m, x: F.linear(bias=m.b, weight=m.w, input=x),
    "aten": lambda m, x: torch.ops.aten.linear.default(x, m.w, m.b),
    "aten packet": lambda m, x: torch.ops.aten.linear(x, m.w, m.b),
}


@pytest.mark.parametrize("spelling", LAYERS)
def test_every_spelling_of_a_layer(spelling: str) -> None:
    model = Calling(LAYERS[spelling], w=torch.randn(3, 4), b=torch.randn(3))
    (call,) = record(model, torch.randn(2, 4)).calls
    assert torch.equal(call.weight, model.w)
    assert call.bias is not None
    assert torch.equal(call.bias, model.b)


CONVOLUTIONS = {
    "conv1d": (nn.Conv1d(4, 6, 3, groups=2), (2, 4, 9), 2),
    "conv2d": (nn.Conv2d(4, 6, 3), (2, 4, 5, 5), 1),
    "conv3d": (nn.Conv3d(4, 6, 2, bias=False), (2, 4, 3, 3, 3), 1),
}


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_convolutions_with_their_groups(kind: str) -> None:
    model, shape, groups = CONVOLUTIONS[kind]
    (call,) = record(model, torch.randn(shape)).calls
    assert (call.kind, call.groups, call.channels) == (kind, groups, 4)
    assert (call.bias is None) == (model.bias is None)


def test_channels_of_an_unbatched_input() -> None:
    (call,) = record(nn.Conv2d(4, 6, 3), torch.randn(4, 5, 5)).calls
    assert call.channels == 4
    (call,) = record(nn.Linear(4, 6), torch.randn(4)).calls
    assert call.channels == 4


def test_the_general_convolution_counts_when_it_is_not_transposed() -> None:
    def convolve(m: Any, x: Tensor, *, transposed: bool) -> Tensor:
        return torch.convolution(x, m.w, None, [1], [0], [1], transposed, [0], 1)

    forward = Calling(lambda m, x: convolve(m, x, transposed=False), w=torch.randn(3, 4, 2))
    (call,) = record(forward, torch.randn(1, 4, 6)).calls
    assert call.kind == "conv1d"
    backward = Calling(lambda m, x: convolve(m, x, transposed=True), w=torch.randn(4, 3, 2))
    assert record(backward, torch.randn(1, 4, 6)).calls == ()


@pytest.mark.parametrize("form", ["eager", "exported"])
def test_a_call_gives_again_what_it_gave(form: str) -> None:
    model = nn.Conv2d(4, 6, 2, stride=(1, 2), padding=1, dilation=2, groups=2).eval()
    batch = torch.randn(2, 4, 5, 6)
    made = exported(model, batch) if form == "exported" else model
    (call,) = record(made, batch).calls
    assert torch.equal(of_call(call, call.input, call.weight, call.bias), model(batch))


def test_a_padded_convolution_is_one_call_with_the_padded_input() -> None:
    model = nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect")
    (call,) = record(model, torch.randn(1, 2, 5, 5)).calls
    assert call.input.shape == (1, 2, 7, 7)


MULTIPLICATIONS = {
    "operator": lambda x, s: x * s,
    "operator, swapped": lambda x, s: s * x,
    "division": lambda x, s: x / s,
    "torch.mul": torch.mul,
    "by keyword": lambda x, s: torch.mul(input=x, other=s),
    "into an output": lambda x, s: torch.mul(x, s, out=torch.empty(2, 4)),
    "torch.multiply": torch.multiply,
    "torch.div": torch.div,
    "torch.divide": torch.divide,
    "torch.true_divide": torch.true_divide,
    "method": lambda x, s: x.mul(s),
    "method in place": lambda x, s: x.clone().mul_(s),
    "division in place": lambda x, s: x.clone().div_(s),
    "multiply_": lambda x, s: x.clone().multiply_(s),
    "addcmul": lambda x, s: torch.addcmul(torch.zeros(4), x, s),
    "aten": torch.ops.aten.mul.Tensor,
    "aten in place": lambda x, s: torch.ops.aten.mul_.Tensor(x.clone(), s),
    "aten division": torch.ops.aten.div.Tensor,
}


@pytest.mark.parametrize("spelling", MULTIPLICATIONS)
def test_every_spelling_of_a_multiplication_counts_once(spelling: str) -> None:
    multiply = MULTIPLICATIONS[spelling]
    model = Calling(
        lambda m, x: F.linear(multiply(x, m.s), m.w), s=torch.rand(4), w=torch.ones(1, 4)
    )
    seen = record(model, torch.randn(2, 4))
    assert seen.calls[0].multiplications == seen.multiplications == 1


def test_augmented_assignment_counts_once() -> None:
    def scale(m: Any, x: Tensor) -> Tensor:
        x = x.clone()
        x *= m.s
        return F.linear(x, m.w)

    seen = record(Calling(scale, s=torch.rand(4), w=torch.ones(1, 4)), torch.randn(2, 4))
    assert seen.multiplications == 1


@pytest.mark.parametrize(
    "other",
    [
        lambda x: x * 2,
        lambda x: 2 / x,
        lambda x: x * torch.tensor(2.0),
        lambda x: x + x,
        lambda _: torch.arange(4) * torch.arange(4),
        F.gelu,
        F.hardswish,
    ],
)
def test_what_scales_no_channel_does_not_count(other: Any) -> None:
    assert record(Calling(lambda _, x: other(x)), torch.randn(2, 4)).multiplications == 0


def test_multiplications_are_counted_between_the_calls() -> None:
    def forward(m: Any, x: Tensor) -> Tensor:
        return F.linear(F.linear(x * m.s, m.w) * m.s * m.s, m.w) * m.s

    model = Calling(forward, s=torch.rand(4), w=torch.randn(4, 4))
    seen = record(model, torch.randn(2, 4))
    assert [call.multiplications for call in seen.calls] == [1, 2]
    assert seen.trailing_multiplications == 1
    assert seen.multiplications == 4


def test_a_later_change_in_place_does_not_reach_the_recording() -> None:
    batch = torch.randn(2, 4)
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True), nn.Linear(4, 2))
    before = batch.clone(), model[0].weight.clone(), model[2].bias.clone()
    between = model[:2](batch).clone()

    def spoil(_: Any, inputs: Any, __: Tensor) -> None:
        inputs[0].zero_()

    model[2].register_forward_hook(spoil)
    seen = record(model, batch)
    batch.zero_()
    for parameter in model.parameters():
        parameter.data.zero_()
    assert torch.equal(seen.calls[0].input, before[0])
    assert torch.equal(seen.calls[0].weight, before[1])
    assert seen.calls[1].bias is not None
    assert torch.equal(seen.calls[1].bias, before[2])
    assert torch.equal(seen.calls[1].input, between)


def test_calls_of_one_weight_share_its_key() -> None:
    def forward(m: Any, x: Tensor) -> Tensor:
        y = F.linear(F.linear(x, m.shared), m.shared)
        return F.linear(F.linear(y, m.own + 0), m.own + 0)  # computed: never the same

    model = Calling(forward, shared=torch.randn(4, 4), own=torch.randn(4, 4))
    first, again, computed, computed_again = record(model, torch.randn(2, 4)).calls
    assert first.weight_key == again.weight_key
    keys = {first.weight_key, computed.weight_key, computed_again.weight_key}
    assert len(keys) == 3


def test_no_gradient_is_kept_and_grad_mode_is_restored() -> None:
    seen = record(Chain(), torch.randn(2, 4))
    assert not seen.output.requires_grad
    assert not seen.calls[0].weight.requires_grad
    assert torch.is_grad_enabled()


def test_several_arguments_come_as_a_tuple() -> None:
    model = Calling(lambda m, x, y: F.linear(x + y, m.w), w=torch.ones(1, 4))
    (call,) = record(model, (torch.ones(2, 4), torch.ones(2, 4))).calls
    assert torch.equal(call.input, torch.full((2, 4), 2.0))


@dataclass
class Result:
    logits: Tensor
    hidden: tuple[Tensor, ...]


def test_outputs_of_every_shape_are_named_by_place() -> None:
    one, two = torch.ones(1), torch.zeros(2)
    named = outputs({"out": one, "aux": [two, None, (3, "text")], "more": Result(one, (two,))})
    assert list(named) == [
        "output['out']",
        "output['aux'][0]",
        "output['aux'][2][0]",
        "output['more'].logits",
        "output['more'].hidden[0]",
    ]
    assert outputs(one) == {"output": one}


def test_the_call_of_an_int8_engine_is_no_layer_call() -> None:
    """It is called linear as well, and takes a packed weight that is no tensor."""
    arguments = (torch.ones(2, 4), object(), 1.0, 0)
    assert layer_arguments(torch.ops.quantized.linear, arguments, {}) is None
