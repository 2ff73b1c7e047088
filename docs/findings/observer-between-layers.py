"""A chain to int8: the quantizer between two folded layers keeps its range."""

import copy

import torch
from torch import nn
from torch.ao.quantization import QConfigMapping, default_qconfig
from torch.ao.quantization.fx import _equalize
from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx


def int8(model, batch, equalization):
    """The int8 model, with equalization or (None) without."""
    prepared = prepare_fx(
        copy.deepcopy(model),
        QConfigMapping().set_global(default_qconfig),
        (batch,),
        _equalization_config=equalization,
    )
    prepared(batch)
    return convert_fx(prepared)


def ratio(signal, noisy):
    """Signal to noise, in dB."""
    return 20 * torch.log10(signal.norm() / (signal - noisy).norm()).item()


torch.manual_seed(0)
torch.backends.quantized.engine = "x86"
model = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 32)).eval()
x = torch.randn(256, 32)
with torch.no_grad():
    model[2].weight *= 100  # far wider than its inputs: the scales are more than 1
globally = QConfigMapping().set_global(_equalize.default_equalization_qconfig)

with torch.no_grad():
    plain, equal = (ratio(model(x), int8(model, x, each)(x)) for each in (None, globally))
    better = "at least" if equal >= plain else "less than"
    print("expected: with equalization, the signal-to-noise ratio is at least that without")
    print(f"observed: with equalization, the signal-to-noise ratio is {better} that without")
    print(f"          ({equal:.1f} dB with, {plain:.1f} dB without)")
