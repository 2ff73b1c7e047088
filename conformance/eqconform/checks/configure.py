"""Claim "configure": with which observers layers are equalized, and which modules are layers.

Which layers are chosen is in `eqconform.checks.choice`.

Sources: PyTorch 2.15, torch/ao/quantization/fx/_equalize.py, EqualizationQConfig and
CUSTOM_MODULE_SUPP_LIST; torch/ao/quantization/qconfig_mapping.py.
"""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform.checks.examples import sample
from eqconform.checks.reached import (
    CHANNELS,
    Subject,
    calls,
    require_reached,
    touched_by,
)
from eqconform.checks.verdicts import near, refused, roundings
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded, attempt
from eqconform.judge.judgement import a_module, recorded
from eqconform.judge.outcome import Evidence, Violation, require

_CONFIGURATION = ("configuration", "observer_factories")


@check("configure.instance-refused", needs=_CONFIGURATION, over={"input": 0, "weight": 1})
def instance_is_refused(implementation: Guarded, side: int) -> Evidence:
    """An observer in place of its factory is a ValueError."""
    given = list(implementation.observer_factories())
    given[side] = attempt("the observer factory", given[side])
    return refused(
        lambda: implementation.configuration(input_observer=given[0], weight_observer=given[1]),
        because="one of the two observers is an instance",
        kind=ValueError,
    )


_Factory = Callable[[], nn.Module]


def _function(factory: _Factory) -> _Factory:
    def make() -> nn.Module:
        return factory()

    return make


_WRAPPINGS = {"as-it-is": lambda factory: factory, "partial": partial, "function": _function}


@check("configure.factory-accepted", needs=_CONFIGURATION, over=_WRAPPINGS)
def factory_is_accepted(implementation: Guarded, wrap: Callable[[_Factory], _Factory]) -> Evidence:
    """Anything that makes an observer will do, and it does make one."""
    factories = [wrap(factory) for factory in implementation.observer_factories()]
    made = [attempt("the observer factory", factory) for factory in factories]
    names = ", ".join(type(each).__name__ for each in made)
    require(all(isinstance(each, nn.Module) for each in made), Evidence("two modules", names))
    implementation.configuration(input_observer=factories[0], weight_observer=factories[1])
    return Evidence("a configuration", f"one, with factories of {names}")


_PER_TENSOR = (torch.per_tensor_affine, torch.per_tensor_symmetric)
_PER_CHANNEL = {
    "affine": torch.per_channel_affine,
    "symmetric": torch.per_channel_symmetric,
}


@check("configure.per-channel-input-refused", needs=("input_observer",), over=_PER_CHANNEL)
def per_channel_input_is_refused(implementation: Guarded, qscheme: torch.qscheme) -> Evidence:
    """A TypeError for a per-channel scheme, and none for a per-tensor one."""
    for accepted in _PER_TENSOR:
        implementation.input_observer(qscheme=accepted)
    return refused(
        lambda: implementation.input_observer(qscheme=qscheme),
        because=f"an input is quantized per tensor, not {qscheme}",
        kind=TypeError,
    )


_HALVES = {"no-input-observer": "input_observer", "no-weight-observer": "weight_observer"}


@check("configure.half-refused", needs=_CONFIGURATION, over=_HALVES)
def half_a_configuration_is_refused(implementation: Guarded, missing: str) -> Evidence:
    """An error where the configuration is made."""
    given = dict(
        zip(("input_observer", "weight_observer"), implementation.observer_factories(), strict=True)
    )
    call = partial(implementation.configuration, **{**given, missing: None})
    return refused(call, because=f"there is no {missing}")


class _Projection(nn.Module):
    """A Linear by another name."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out, channels))
        self.bias = nn.Parameter(torch.empty(out))

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, channels) to (N, out)."""
        return F.linear(x, self.weight, self.bias)


_CUSTOM = Subject(
    lambda: nn.Sequential(_Projection(CHANNELS, 5)), (6, CHANNELS), _Projection, frozenset({0})
)


@check("configure.custom-module", needs=("equalize_custom",))
def custom_module_is_equalized(implementation: Guarded, _: None) -> Evidence:
    """Another weight, the same output.

    The output is a sum of C products and a bias. Each product carries the rounding of the input's
    multiplication and two of the weight's division, done with a reciprocal or not, and its own; the
    sum C more. Higham, section 3.1: C + 4 roundings of the sum of magnitudes.
    """
    result = implementation.equalize_custom(
        _CUSTOM.model(), _CUSTOM.batches(), module_type=_Projection
    )
    require_reached(_CUSTOM, touched_by(calls(_CUSTOM, result)))
    fresh = 3 * sample(*_CUSTOM.shape, seed=9)
    weight, bias = (each.detach().double() for each in _CUSTOM.model().parameters())
    magnitudes = F.linear(fresh.double().abs(), weight.abs(), bias.abs())
    tolerance = roundings(CHANNELS + 4, torch.float32) * magnitudes
    output = recorded(a_module(result, "equalizing"), fresh).output
    if not isinstance(output, Tensor) or output.shape != magnitudes.shape:
        raise Violation(Evidence(f"a tensor of shape {tuple(magnitudes.shape)}", f"{output!r}"))
    return near(output, F.linear(fresh.double(), weight, bias), tolerance, "output")
