"""The caller's model: its weights are those of the result."""

import torch
from torch import nn
from torch.ao.quantization import QConfigMapping, get_default_qconfig
from torch.ao.quantization.fx import _equalize
from torch.ao.quantization.quantize_fx import prepare_fx


def equalized(model, batch):
    """The model after PyTorch's pass, called as PyTorch's own tests call it."""
    prepared = prepare_fx(
        model,
        QConfigMapping().set_global(get_default_qconfig("fbgemm")),
        (batch,),
        _equalization_config=QConfigMapping().set_global(_equalize.default_equalization_qconfig),
    )
    prepared(batch)
    return _equalize._convert_equalization_ref(prepared)


def difference(one, other):
    """In words, so that what is expected and what is observed can be compared."""
    error = ((one - other).abs().max() / one.abs().max()).item()
    return "the same function" if error < 1e-5 else f"off by {error:.2g} times the largest output"


torch.manual_seed(0)
model, x = nn.Sequential(nn.Linear(8, 8)).eval(), torch.randn(64, 8)

with torch.no_grad():
    before = model(x)
    equalized(model, x)
    print("expected: the same function")
    print("observed:", difference(before, model(x)))
