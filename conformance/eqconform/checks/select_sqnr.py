"""Claim "select", the sensitivities: the signal-to-noise ratio of every layer's output.

Sources: PyTorch 2.15, torch/ao/quantization/fx/_equalize.py, get_layer_sqnr_dict, and
torch/ao/ns/fx/utils.py, compute_sqnr.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from eqconform.checks.portraits import portrait, require_same, with_hooks
from eqconform.checks.select_examples import FUNCTIONAL, KEYS, RATIOS, SEVERAL, Example
from eqconform.checks.select_ratios import (
    by_layer,
    judge_ratio,
    layer_outputs,
    of_layers,
    rounding_of_ratio,
)
from eqconform.checks.verdicts import copies, unchanged
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded
from eqconform.judge.judgement import share
from eqconform.judge.outcome import Evidence, require
from eqconform.judge.process import process_state
from eqconform.judge.sqnr import sqnr

Layers = dict[str, tuple[Tensor, Tensor]]
"""Signal and noisy output of each layer, float64, all its calls in one row."""


@check("select.sqnr", needs=("layer_sqnr",), over=RATIOS)
def ratio_by_the_formula(implementation: Guarded, example: Example) -> Evidence:
    """The ratio of every layer that is named; which are is the matter of another clause."""
    returned = by_layer(implementation.layer_sqnr(*example.models(), example.batch()))
    known = {name: each for name, each in _layers(example).items() if name in returned}
    require(bool(known), Evidence(f"ratios of {sorted(set(example.calls))}", f"{returned}"))
    return _judge_ratios(returned, known)


@check("select.keys", needs=("layer_sqnr",), over=KEYS)
def every_layer_under_its_name(implementation: Guarded, example: Example) -> Evidence:
    """The layers' names, and nothing else."""
    returned = implementation.layer_sqnr(*example.models(), example.batch())
    found = of_layers(returned, example.calls)
    return Evidence(f"the layers {sorted(set(example.calls))}", f"{sorted(found)}")


@check("select.functional-layers", needs=("layer_sqnr",), over=FUNCTIONAL)
def functional_layers_have_ratios(implementation: Guarded, example: Example) -> Evidence:
    """By the name of their weight."""
    return _judge_all(implementation, example)


@check("select.several-inputs", needs=("layer_sqnr",), over=SEVERAL)
def several_inputs_are_taken(implementation: Guarded, example: Example) -> Evidence:
    """All layers behind both of them."""
    return _judge_all(implementation, example)


@check("select.models-untouched", needs=("layer_sqnr",), over={"linear": RATIOS["linear"]})
def models_are_untouched(implementation: Guarded, example: Example) -> Evidence:
    """Everything about both models that a caller could notice is what it was."""
    models = [with_hooks(each) for each in example.models()]
    before = [portrait(each) for each in models]
    implementation.layer_sqnr(*models, example.batch())
    require_same(before[0], portrait(models[0]), "of the float model")
    return require_same(before[1], portrait(models[1]), "of the other model")


@check(
    "select.batch-untouched",
    needs=("layer_sqnr",),
    over={"one-input": RATIOS["linear"], "two-inputs": SEVERAL["two"]},
)
def batch_is_untouched(implementation: Guarded, example: Example) -> Evidence:
    """The inputs hold what they held."""
    batch = example.batch()
    given = batch if isinstance(batch, tuple) else (batch,)
    before = copies(given)
    implementation.layer_sqnr(*example.models(), batch)
    return unchanged(given, before, "the batch")


@check("select.global-state-untouched", needs=("layer_sqnr",), over={"linear": RATIOS["linear"]})
def global_state_is_untouched(implementation: Guarded, example: Example) -> Evidence:
    """Random numbers, modes, backends, warning filters, environment and the like are as before."""
    models, batch = example.models(), example.batch()
    torch.rand(1)  # what a seed would start again with is another state
    before = process_state()
    implementation.layer_sqnr(*models, batch)
    return require_same(before, process_state(), "of the process")


def _judge_all(implementation: Guarded, example: Example) -> Evidence:
    returned = implementation.layer_sqnr(*example.models(), example.batch())
    return _judge_ratios(of_layers(returned, example.calls), _layers(example))


def _judge_ratios(returned: Mapping[str, Any], layers: Layers) -> Evidence:
    found = [
        judge_ratio(returned[name], sqnr(y, noisy), rounding_of_ratio(y, noisy - y), name)
        for name, (y, noisy) in layers.items()
    ]
    return max(found, key=share)


def _layers(example: Example) -> Layers:
    """What the ratios are made of, from the judge's own recordings of both models."""
    found: Layers = {}
    exact, noisy = (layer_outputs(each, example.batch()) for each in example.models())
    for name, (_, y), (_, changed) in zip(example.calls, exact, noisy, strict=True):
        old, new = found.get(name, (y.new_empty(0), y.new_empty(0)))
        found[name] = torch.cat([old, y.flatten()]), torch.cat([new, changed.flatten()])
    return found
