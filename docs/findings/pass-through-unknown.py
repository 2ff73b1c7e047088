"""Dropout between two layers: a multiplication where the scale could be folded."""

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


torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(), nn.Linear(8, 8)).eval()
graph = equalized(model, torch.randn(64, 8)).graph
count = sum(node.target is torch.mul for node in graph.nodes)

print("expected: multiplications: 1, of the network's own input")
print("observed: multiplications:", "1, of the network's own input" if count == 1 else count)
