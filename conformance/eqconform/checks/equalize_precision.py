"""Claim "equalize": the same function in the other precisions, to bounds of their own.

For float64 there are two: PyTorch keeps its statistics in float32, so that a float64 model may be
rounded like a float32 one (MUST); an implementation that works in the model's own dtype comes out
at float64 roundings (SHOULD).
"""

import torch

from eqconform.checks.subjects import REPRESENTATIVE, named, tagged
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded
from eqconform.judge.judgement import equalized, judge_engaged
from eqconform.judge.outcome import Evidence
from eqconform_models import Network

_EVERYWHERE = {**tagged("core"), **tagged("vision")}


@check("equalize.float64", needs=("equalize",), over=named(*REPRESENTATIVE), full=_EVERYWHERE)
def float64(implementation: Guarded, network: Network) -> Evidence:
    """A float64 model comes out a float64 model with its function, to float32 roundings."""
    model = equalized(implementation, network, dtype=torch.float64)
    return judge_engaged(network, model, dtype=torch.float64, precision=torch.float32)


@check("equalize.float64-exact", needs=("equalize",), over=named(*REPRESENTATIVE), full=_EVERYWHERE)
def float64_exact(implementation: Guarded, network: Network) -> Evidence:
    """A float64 model comes out a float64 model with its function, to float64 roundings."""
    model = equalized(implementation, network, dtype=torch.float64)
    return judge_engaged(network, model, dtype=torch.float64)


@check("equalize.bfloat16", needs=("equalize",), over=named(*REPRESENTATIVE), full=tagged("core"))
def bfloat16(implementation: Guarded, network: Network) -> Evidence:
    """A bfloat16 model comes out a bfloat16 model with its function, to bfloat16 roundings."""
    model = equalized(implementation, network, dtype=torch.bfloat16)
    return judge_engaged(network, model, dtype=torch.bfloat16)


@check("equalize.float16", needs=("equalize",), over=named(*REPRESENTATIVE))
def float16(implementation: Guarded, network: Network) -> Evidence:
    """A float16 model comes out a float16 model with its function, to float16 roundings."""
    model = equalized(implementation, network, dtype=torch.float16)
    return judge_engaged(network, model, dtype=torch.float16)
