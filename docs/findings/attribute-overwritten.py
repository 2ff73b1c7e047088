"""A tensor of the model has the name that the pass wants: it is overwritten."""

import copy

import torch
from torch import nn
from torch.ao.quantization import QConfigMapping, get_default_qconfig
from torch.ao.quantization.fx import _equalize
from torch.ao.quantization.quantize_fx import prepare_fx


def equalized(model, batch):
    """The model after PyTorch's pass, called as PyTorch's own tests call it."""
    prepared = prepare_fx(
        copy.deepcopy(model),
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


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.register_buffer("x_equalization_scale0", torch.full((8,), 5.0))

    def forward(self, x):
        return self.layer(x) + self.x_equalization_scale0


torch.manual_seed(0)
model, x = Named().eval(), torch.randn(64, 8)

with torch.no_grad():
    print("expected: the same function")
    print("observed:", difference(model(x), equalized(model, x)(x)))
