"""Claim "quantize": the int8 model is a module of its own, and fixed once it is made.

Sources: PyTorch 2.15, torch/ao/quantization/quantize_fx.py, convert_fx, whose quantizers keep scale
and zero point in the state_dict and take them from calibration alone; Jacob et al. 2017
(arXiv 1712.05877), section 2.4, where biases have 32 bits and the step of the products.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn

from eqconform.checks.decibels import at_least, like
from eqconform.checks.drawing import evenly, new_layer, samples, span_inputs
from eqconform.checks.spread import Spread, exactly, owed, spread_over
from eqconform.checks.subjects import named, of_other_numbers
from eqconform.checks.verdicts import identical, near, roundings, speaks
from eqconform.checks.wirings import wirings
from eqconform.contract import Batch
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded, attempt, expect_error, run
from eqconform.judge.judgement import a_module
from eqconform.judge.noise import FEWEST_LEVELS, LEVELS, by_chance
from eqconform.judge.outcome import Evidence, Raised, require, within
from eqconform.judge.sqnr import sqnr
from eqconform_models import Network
from eqconform_models.network import seed_of

_NEEDS = ("quantize",)
_CHANNELS = 64
_PLAIN = {"plain": False, "equalized": True}
_KEPT = ("residual-added", "residual-of-convolutions", "shared-layer", "functional-layers")
_NETWORKS = {
    f"{name}-{how}": (wirings()[name], equalize)
    for name in _KEPT
    for how, equalize in _PLAIN.items()
}


@check("quantize.state-dict-round-trip", needs=_NEEDS, over=_NETWORKS)
def state_dict_round_trip(implementation: Guarded, subject: tuple[Network, bool]) -> Evidence:
    """Loaded over the int8 model of other numbers, the state_dict makes this one."""
    network, equalize = subject
    model = _quantized(implementation, network, equalize=equalize)
    other = _quantized(implementation, of_other_numbers(network), equalize=equalize)
    attempt("load_state_dict()", lambda: other.load_state_dict(model.state_dict()))
    return _judge_twin(network, model, other)


@check("quantize.deepcopy", needs=_NEEDS, over=_NETWORKS)
def deep_copies(implementation: Guarded, subject: tuple[Network, bool]) -> Evidence:
    """A deep copy computes the same, whatever is loaded into the first one afterwards."""
    network, equalize = subject
    model = _quantized(implementation, network, equalize=equalize)
    before = _output(model, network)
    duplicate = attempt("copy.deepcopy()", lambda: deepcopy(model))
    other = _quantized(implementation, of_other_numbers(network), equalize=equalize)
    attempt("load_state_dict()", lambda: model.load_state_dict(other.state_dict()))
    return _judge_same(before, _output(duplicate, network), "as before it was copied")


@check("quantize.result-is-independent", needs=_NEEDS, over=_NETWORKS)
def result_is_independent(implementation: Guarded, subject: tuple[Network, bool]) -> Evidence:
    """Writing into the caller's model and batches does not reach the int8 model."""
    network, equalize = subject
    model, batches = network.build(), network.calibration()
    result = a_module(implementation.quantize(model, batches, equalize=equalize), "quantize()")
    before = _output(result, network)
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.mul_(-2)
        for batch in batches:
            for tensor in batch if isinstance(batch, tuple) else (batch,):
                tensor.zero_()
    return _judge_same(before, _output(result, network), "as before the caller's were overwritten")


@check(
    "quantize.train-mode-refused",
    needs=_NEEDS,
    over=named("norm-conv-batch-norm-conv", "chain-dropout-module"),
)
def train_mode_is_refused(implementation: Guarded, network: Network) -> Evidence:
    """A model in train mode computes something else from call to call: it is refused."""
    return expect_error(
        lambda: implementation.quantize(
            network.build().train(), network.calibration(), equalize=False
        ),
        because="the model is in train mode",
    )


@check("quantize.ranges-of-calibration", needs=_NEEDS, over=_PLAIN)
def ranges_of_calibration(implementation: Guarded, equalize: bool) -> Evidence:
    """Steps are those of calibration: what is far outside stops at the end, what is tiny is zero.

    Calibrated between -1 and 1, the finest step is 2/255 and everything below half of it is the
    level 0. The coarsest step is 2/127, and an engine that leaves a bit unused may come to use it:
    then the end is 255 of these away at most. The weight 1 may be half a step of its own too large.
    """
    generator = torch.Generator().manual_seed(seed_of("ranges"))
    given = evenly((_CHANNELS, _CHANNELS), generator)
    given[0], given[1] = 1, -1
    layer = nn.Linear(_CHANNELS, _CHANNELS, bias=False)
    layer.weight = nn.Parameter(torch.eye(_CHANNELS))
    quantized = implementation.quantize(nn.Sequential(layer).eval(), [given], equalize=equalize)
    model = a_module(quantized, "quantize()")
    tiny, huge = given / (LEVELS + 1), given * (LEVELS + 1)
    near(_returned(model, tiny), torch.zeros_like(given), 0.0, "the output of a tiny batch")
    furthest = LEVELS * 2 / FEWEST_LEVELS * (1 + 1 / (LEVELS - 1))
    reached = _returned(model, huge).abs().amax().item()
    words = f"of a batch times {LEVELS + 1}, no output beyond {furthest:.3f}"
    return within(reached, furthest, expected=words, observed=f"{reached:.4g}")


def _returned(model: nn.Module, batch: Tensor) -> Tensor:
    """What a model that keeps the shape returns, float64."""
    return like(batch, run(model, batch, who="the int8 model")).double()


@check("quantize.biases", needs=_NEEDS, over={"linear": "linear", "conv2d": "conv2d"})
def biases(implementation: Guarded, kind: str) -> Evidence:
    """A bias is kept in 32 bits or in floating point: an input of zeros brings it out again."""
    generator = torch.Generator().manual_seed(seed_of(kind))
    layer = new_layer(kind, _CHANNELS, _CHANNELS, generator)
    given = samples(kind, _CHANNELS, generator)
    span_inputs(given, -1, 1)
    model = nn.Sequential(layer).eval()
    with torch.no_grad():
        layer.weight /= layer(given).abs().amax()
        layer.bias = nn.Parameter(_BIAS * evenly((_CHANNELS,), generator))
        largest = model(given).abs().amax().item()
        exact = model(torch.zeros_like(given)).double()
    quantized = implementation.quantize(model, [given], equalize=False)
    zeros = run(a_module(quantized, "quantize()"), torch.zeros_like(given), who="the int8 model")
    product = 2 / FEWEST_LEVELS * 2 * layer.weight.abs().amax().item() / (LEVELS - 1)
    allowed = (2 * largest / FEWEST_LEVELS + product) / 2 + roundings(4, torch.float32) * largest
    return near(like(exact, zeros).double(), exact, allowed, "the output of zeros")


_BIAS = 16
"""Times as large as all else in the output is a bias: lost bits of it are then lost for good."""
_OTHER_DTYPES = {
    f"{str(dtype).removeprefix('torch.')}-{kind}-{how}": (dtype, Spread(kind), equalize)
    for dtype in (torch.float64, torch.bfloat16)
    for kind in ("linear", "conv2d")
    for how, equalize in _PLAIN.items()
}


@check("quantize.other-dtypes", needs=_NEEDS, over=_OTHER_DTYPES)
def other_dtypes(implementation: Guarded, subject: tuple[torch.dtype, Spread, bool]) -> Evidence:
    """In another dtype a model is quantized right, or refused: by an error that says something."""
    try:
        return _judge_dtype(implementation, *subject)
    except Raised as raised:
        expected = "an int8 model in the dtype of the model, or an error that says what is wrong"
        return require(speaks(raised), Evidence(expected, str(raised)))


@check("quantize.other-dtypes-work", needs=_NEEDS, over=_OTHER_DTYPES)
def other_dtypes_work(
    implementation: Guarded, subject: tuple[torch.dtype, Spread, bool]
) -> Evidence:
    """In another dtype a model is quantized, and its outputs are of that dtype."""
    return _judge_dtype(implementation, *subject)


def _judge_dtype(
    implementation: Guarded, dtype: torch.dtype, spread: Spread, equalize: bool
) -> Evidence:
    tried = spread_over(spread, dtype)
    batches: list[Batch] = list(tried.calibration)
    quantized = implementation.quantize(deepcopy(tried.model), batches, equalize=equalize)
    model = a_module(quantized, "quantize()")
    exact = exactly(tried)
    returned = like(exact, run(model, tried.fresh, who="the int8 model"))
    require(returned.dtype == dtype, Evidence(f"an output of {dtype}", f"one of {returned.dtype}"))
    observed = sqnr(exact, returned, centred=True)
    words = f"by 8 bits for weights, 7 for the rest, and two more roundings to {dtype}"
    return at_least(observed, owed(tried), by_chance(tried.smallest_layer()), words)


def _quantized(implementation: Guarded, network: Network, *, equalize: bool) -> nn.Module:
    result = implementation.quantize(network.build(), network.calibration(), equalize=equalize)
    return a_module(result, "quantize()")


def _output(model: nn.Module, network: Network) -> Tensor:
    batch = network.judgement()["fresh"]
    returned = run(model, batch, who="the int8 model")
    exact = run(network.build(), batch, who="the untouched model")
    return like(exact, returned).clone()


def _judge_same(before: Tensor, after: Tensor, words: str) -> Evidence:
    """The evidence that one program gave the same twice, bit by bit."""
    same = identical(before, after)
    off = (before.double() - after.double()).abs().amax().item()
    return require(same, Evidence(f"the output {words}", f"one that is {off:.3g} off"))


def _judge_twin(network: Network, model: nn.Module, twin: nn.Module) -> Evidence:
    """The evidence that two int8 models compute one thing: their steps are the same."""
    own, other = (_output(each, network) for each in (model, twin))
    return _judge_same(own, other, "of the model whose state_dict was loaded")
