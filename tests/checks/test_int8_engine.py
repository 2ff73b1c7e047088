"""The adapter for PyTorch's int8 engines, where there is one and where there is none."""

import pytest
import torch
from torch import nn

from eqconform import Unsupported
from eqconform.adapters import torch_ao


def quantized() -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 4)).eval()
    return torch_ao.TorchAo().quantize(model, [torch.rand(8, 4)], equalize=False)  # type: ignore[no-any-return]  # untyped there


def test_without_an_engine_the_claim_is_out_of_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_ao, "_ENGINES", ("abacus",))
    with pytest.raises(Unsupported, match="none of the int8 engines abacus"):
        quantized()


def test_the_engine_is_what_it_was_before() -> None:
    before = torch.backends.quantized.engine
    if not set(torch_ao._ENGINES) & set(torch.backends.quantized.supported_engines):
        pytest.skip("no int8 engine here")
    assert quantized()(torch.rand(2, 4)).shape == (2, 4)
    assert torch.backends.quantized.engine == before
