"""The simulated int8 model, by hand."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from eqconform_reference import (
    Config,
    InputEqualizationObserver,
    NotCalibrated,
    NotFinite,
    Observers,
    Quantizer,
    fake_quantize,
    quantize,
)


def test_values_go_to_the_nearest_level_and_stop_at_the_ends() -> None:
    x = torch.tensor([-9.0, -0.6, 0.2, 0.3, 1.0, 300.0])
    levels = fake_quantize(x, torch.tensor(0.5), torch.tensor(2), dtype=torch.quint8)
    assert levels.tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0, 126.5]


def test_a_row_has_its_own_step() -> None:
    x = torch.tensor([[1.2, 0.7], [1.2, 0.7]])
    steps, zeros = torch.tensor([1.0, 0.25]), torch.zeros(2, dtype=torch.int64)
    rounded = fake_quantize(x, steps, zeros, dtype=torch.qint8)
    assert rounded.tolist() == [[1.0, 1.0], [1.25, 0.75]]


def chain() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3)).eval()


def quantizers(model: nn.Module) -> list[Quantizer]:
    return [module for module in model.modules() if isinstance(module, Quantizer)]


def test_the_quantizer_between_folded_layers_has_the_scaled_range() -> None:
    model, batch = chain(), torch.randn(64, 4)
    simulated = quantize(model, [batch])
    seen: list[Tensor] = []
    between = quantizers(simulated)[1]
    between.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    simulated(batch)
    assert between.scale.item() == pytest.approx(seen[0].max().item() / 255, rel=0.05)


def test_the_same_quantizers_stand_with_and_without_equalization() -> None:
    model, batch = chain(), torch.randn(64, 4)
    counts = [len(quantizers(quantize(model, [batch], equalize=on))) for on in (False, True)]
    chosen = quantize(model, [batch], Config.only(names=["2"]))
    assert [*counts, len(quantizers(chosen))] == [2, 2, 2]


def test_weights_are_rounded_and_the_model_is_not_touched() -> None:
    model, batch = chain(), torch.randn(64, 4)
    before = model[0].weight.clone()  # type: ignore[index]  # a Sequential
    simulated = quantize(model, [batch], equalize=False)
    weight = simulated.get_parameter("0.weight")
    step = before.abs().max() / 127.5
    assert torch.allclose(weight, (before / step).round().clamp(max=127) * step)
    assert torch.equal(model[0].weight, before)  # type: ignore[index]  # a Sequential


def test_the_configuration_tells_how_inputs_and_weights_are_quantized() -> None:
    model, batch = chain(), torch.randn(64, 4)
    symmetric = partial(InputEqualizationObserver, qscheme=torch.per_tensor_symmetric)
    config = Config(default=Observers(input=symmetric))
    scheme = torch.per_channel_symmetric
    simulated = quantize(model, [batch], config, equalize=False, weight_qscheme=scheme)
    assert [int(each.zero_point) for each in quantizers(simulated)] == [128, 128]
    weight, row = simulated.get_parameter("0.weight"), model.get_parameter("0.weight")[1]
    step = row.abs().max() / 127.5
    assert torch.allclose(weight[1], (row / step).round().clamp(max=127) * step)


@pytest.mark.parametrize("equalize", [False, True])
def test_no_batch_is_an_error(equalize: bool) -> None:
    with pytest.raises(NotCalibrated):
        quantize(chain(), [], equalize=equalize)
    with pytest.raises(TypeError, match=r"use \[batch\]"):
        quantize(chain(), torch.zeros(1, 4), equalize=equalize)  # type: ignore[arg-type]  # on purpose


def computes_float16() -> bool:
    """Whether this torch has a Linear of float16 on the CPU; 2.1 has none."""
    try:
        nn.Linear(1, 1).half()(torch.zeros(1, 1).half())
    except RuntimeError:
        return False
    return True


needs_float16 = pytest.mark.skipif(
    not computes_float16(), reason="this torch has no Linear of float16 here"
)


@needs_float16
def test_a_wide_range_of_float16_has_a_finite_step() -> None:
    """The width of the range, 80,000, is more than float16 holds."""
    layer = nn.Linear(4, 2, bias=False).half().eval()
    layer.weight.data.fill_(0.01)
    x = torch.linspace(-40_000, 40_000, 8).half().view(2, 4)
    assert quantize(layer, [x], equalize=False)(x).isfinite().all()


def test_the_simulation_is_in_eval_mode_throughout() -> None:
    x = torch.randn(8, 4)
    simulated = quantize(chain(), [x])
    assert not any(module.training for module in simulated.modules())


@pytest.mark.parametrize("equalize", [True, False])
def test_an_unknown_name_is_refused_whether_it_is_equalized_or_not(equalize: bool) -> None:
    with pytest.raises(ValueError, match=r"'3'.*no layer.*'0', '2'"):
        quantize(chain(), [torch.randn(8, 4)], Config.only(names=["3"]), equalize=equalize)


def test_batches_that_can_be_gone_through_once_are_refused() -> None:
    with pytest.raises(TypeError, match=r"use list\(batches\)"):
        quantize(chain(), (torch.randn(8, 4) for _ in range(2)))  # type: ignore[arg-type]  # on purpose


def test_no_scheme_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(TypeError, match=r"scheme None: use one of torch\.per_tensor_affine"):
        quantize(chain(), [torch.randn(8, 4)], weight_qscheme=None)  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(
    "dtype",
    [
        pytest.param(torch.float16, marks=needs_float16),
        torch.bfloat16,
        torch.float32,
        torch.float64,
    ],
)
def test_a_layer_that_saw_nothing_but_zeros_gives_its_bias(dtype: torch.dtype) -> None:
    """The step of an empty range is less than float16 can hold."""
    layer = nn.Linear(4, 2).to(dtype).eval()
    x = torch.zeros(8, 4, dtype=dtype)
    assert torch.equal(quantize(layer, [x], equalize=False)(x), layer(x))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_has_no_step(bad: float) -> None:
    """Refused by name, whether the layer is equalized or not: every output would be NaN."""
    batch = torch.randn(8, 4)
    batch[0, 0] = bad
    for equalize in (True, False):
        with pytest.raises(NotFinite, match=r"layer '0'.* NaN or infinity"):
            quantize(chain(), [batch], equalize=equalize)
