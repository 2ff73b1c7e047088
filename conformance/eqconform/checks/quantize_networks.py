"""Claim "quantize": networks of every common kind come out as int8 models that run.

How near their outputs are to those of the float model is not asked here: outside the scope of
`quantize.never-worse` the formula itself may cost more than it wins.
"""

import torch
from torch import nn

from eqconform.checks.subjects import REPRESENTATIVE, named
from eqconform.contract import Batch
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded, run
from eqconform.judge.judgement import Leaves, a_module
from eqconform.judge.outcome import Evidence, require
from eqconform.probe import outputs
from eqconform_models import Network

_WITH_AND_WITHOUT = (False, True)
_TWO_INPUTS = "several-inputs"
_BATCHES = ("fresh", "batch-of-7")  # of the size that was calibrated on, and of another


@check("quantize.networks", needs=("quantize",), over=named(*REPRESENTATIVE, _TWO_INPUTS))
def networks(implementation: Guarded, network: Network) -> Evidence:
    """With equalization and without, the outputs are what they were: as many, as large, finite."""
    return [_in_form(implementation, network, equalize) for equalize in _WITH_AND_WITHOUT][-1]


def _in_form(implementation: Guarded, network: Network, equalize: bool) -> Evidence:
    batches, judgement = network.calibration(), network.judgement()
    quantized = implementation.quantize(network.build(), batches, equalize=equalize)
    model: nn.Module = a_module(quantized, "quantize()")
    words = f"{'with' if equalize else 'without'} equalization"
    return [_alike(network, model, judgement[name], f"{name}, {words}") for name in _BATCHES][-1]


def _alike(network: Network, model: nn.Module, batch: Batch, words: str) -> Evidence:
    expected = _form(outputs(run(network.build(), batch, who="the untouched model")))
    observed = _form(outputs(run(model, batch, who="the int8 model")))
    return require(observed == expected, Evidence(f"{expected}, {words}", observed))


def _form(leaves: Leaves) -> str:
    """Place, dtype and shape of every output, and whether it is finite."""
    parts = [
        f"{place} {value.dtype} {list(value.shape)}"
        f"{'' if torch.isfinite(value).all() else ' with NaN or infinity'}"
        for place, value in sorted(leaves.items())
    ]
    return ", ".join(parts)
