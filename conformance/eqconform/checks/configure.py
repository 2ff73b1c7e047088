"""Claim "configure": which layers are equalized, and with which observers.

Which layers an equalizer touched is read from the layer calls of its model, beside those of the
model as it was: their weights and biases. The networks have a tanh between their layers, which
no scale can be moved through, unless folding is the point.

Sources: PyTorch 2.15, torch/ao/quantization/fx/_equalize.py, EqualizationQConfig and
CUSTOM_MODULE_SUPP_LIST; torch/ao/quantization/qconfig_mapping.py.
"""

from collections.abc import Callable, Collection
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform.checks.examples import sample
from eqconform.checks.verdicts import identical, near, refused, roundings
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded, attempt
from eqconform.judge.judgement import a_module, aligned, recorded
from eqconform.judge.outcome import Evidence, Vacuous, Violation, require
from eqconform.probe import LayerCall, record

_CONFIGURATION = ("configuration", "observer_factories")
_CHANNELS = 4
_Convolution = type[nn.Conv1d] | type[nn.Conv2d] | type[nn.Conv3d]


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


class _Apart(nn.Module):
    """Three Linear, one of them nested, with tanh between them."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(_CHANNELS, 5)
        self.block = nn.Sequential(nn.Linear(5, 5), nn.Tanh())
        self.last = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, 4) to (N, 3)."""
        hidden: Tensor = self.last(self.block(torch.tanh(self.first(x))))
        return hidden


class _Mixed(nn.Module):
    """A convolution and a Linear, with tanh between them."""

    def __init__(self, convolution: _Convolution) -> None:
        super().__init__()
        self.convolution = convolution(_CHANNELS, 5, 1)
        self.linear = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, 4, *spatial) to (N, 3)."""
        pooled = torch.tanh(self.convolution(x)).flatten(2).mean(2)  # (N, 5)
        hidden: Tensor = self.linear(pooled)
        return hidden


class _Projection(nn.Module):
    """A Linear by another name."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out, channels))
        self.bias = nn.Parameter(torch.empty(out))

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, channels) to (N, out)."""
        return F.linear(x, self.weight, self.bias)


class _Subject(NamedTuple):
    """A network, and the layer calls that a choice is to reach."""

    build: Callable[[], nn.Module]
    shape: tuple[int, ...]  # of a batch
    choice: Collection[str] | type[nn.Module] | None
    chosen: frozenset[int]  # places among the layer calls

    def model(self) -> nn.Module:
        """The same every time, in eval mode."""
        with torch.random.fork_rng(devices=[]):
            model = self.build().float().eval()
        for seed, parameter in enumerate(model.parameters()):
            parameter.data = sample(*parameter.shape, seed=seed)
        return model

    def batches(self) -> list[Tensor]:
        """Inputs whose channels, at axis 1, are of different magnitude."""
        spread = torch.logspace(-1, 1, _CHANNELS, dtype=torch.float32)
        spread = spread.view(_CHANNELS, *[1] * (len(self.shape) - 2))
        return [spread * sample(*self.shape, seed=seed) for seed in range(3)]


def _calls(subject: _Subject, result: object) -> list[tuple[LayerCall, LayerCall]]:
    """The layer calls as they were, beside those of the implementation's model."""
    batch = subject.batches()[0]
    after = recorded(a_module(result, "equalizing"), batch)
    return aligned(record(subject.model(), batch), after)


def _touched(pairs: list[tuple[LayerCall, LayerCall]]) -> frozenset[int]:
    """The calls whose weight or bias is not bit by bit what it was."""
    same = [_same(b.weight, a.weight) and _same(b.bias, a.bias) for b, a in pairs]
    return frozenset(place for place, unchanged in enumerate(same) if not unchanged)


def _same(before: Tensor | None, after: Tensor | None) -> bool:
    if before is None or after is None:
        return before is after
    return identical(before, after)


def _require_reached(subject: _Subject, touched: frozenset[int]) -> Evidence:
    """The evidence that every chosen layer call has another weight or bias than before."""
    expected = f"layer calls {sorted(subject.chosen)} equalized, for {subject.choice}"
    missed = sorted(subject.chosen - touched)
    observed = f"calls {missed} as they were" if missed else f"calls {sorted(touched)} changed"
    return require(not missed, Evidence(expected, observed))


def _require_left_alone(subject: _Subject, touched: frozenset[int]) -> Evidence:
    """The evidence that no other layer call has."""
    expected = f"all layer calls but {sorted(subject.chosen)} bit-identical, for {subject.choice}"
    extra = sorted(touched - subject.chosen)
    observed = f"calls {extra} changed" if extra else f"only {sorted(touched)} changed"
    return require(not extra, Evidence(expected, observed))


_CONVOLUTIONS: dict[str, tuple[_Convolution, tuple[int, ...]]] = {
    "conv1d": (nn.Conv1d, (6, _CHANNELS, 3)),
    "conv2d": (nn.Conv2d, (6, _CHANNELS, 3, 2)),
    "conv3d": (nn.Conv3d, (6, _CHANNELS, 3, 2, 2)),
}
_EVERY = {
    "linear": _Subject(_Apart, (6, _CHANNELS), None, frozenset({0, 1, 2})),
    **{
        f"{name}-and-linear": _Subject(partial(_Mixed, kind), shape, None, frozenset({0, 1}))
        for name, (kind, shape) in _CONVOLUTIONS.items()
    },
}


@check("configure.all-layers", needs=("equalize",), over=_EVERY)
def every_layer_is_reached(implementation: Guarded, subject: _Subject) -> Evidence:
    """Without a choice every layer is equalized."""
    result = implementation.equalize(subject.model(), subject.batches())
    return _require_reached(subject, _touched(_calls(subject, result)))


_NAMED = {
    "first": _Subject(_Apart, (6, _CHANNELS), ["first"], frozenset({0})),
    "nested": _Subject(_Apart, (6, _CHANNELS), ["block.0"], frozenset({1})),
    "two-of-three": _Subject(_Apart, (6, _CHANNELS), ["first", "last"], frozenset({0, 2})),
}


@check("configure.by-name", needs=("equalize",), over=_NAMED)
def named_layers_are_reached(implementation: Guarded, subject: _Subject) -> Evidence:
    """The named layers are equalized."""
    result = implementation.equalize(subject.model(), subject.batches(), layers=subject.choice)
    return _require_reached(subject, _touched(_calls(subject, result)))


def _chain() -> nn.Module:
    return nn.Sequential(nn.Linear(_CHANNELS, 5), nn.ReLU(), nn.Linear(5, 3))


_OTHERS = {
    **_NAMED,
    "foldable": _Subject(_chain, (6, _CHANNELS), ["2"], frozenset({1})),
}


@check("configure.unselected-identical", needs=("equalize",), over=_OTHERS)
def other_layers_are_left_alone(implementation: Guarded, subject: _Subject) -> Evidence:
    """What is not named is not touched; that says something only if what is named was."""
    result = implementation.equalize(subject.model(), subject.batches(), layers=subject.choice)
    touched = _touched(_calls(subject, result))
    evidence = _require_left_alone(subject, touched)
    if not touched:
        raise Vacuous("no layer was changed, neither the chosen ones nor the others")
    return evidence


_TYPED = {
    f"{chosen.__name__.lower()}-beside-{other}": _Subject(
        partial(_Mixed, kind), shape, chosen, frozenset({place})
    )
    for name, (kind, shape) in _CONVOLUTIONS.items()
    for place, chosen, other in ((0, kind, "linear"), (1, nn.Linear, name))
}


@check("configure.by-type", needs=("equalize_types",), over=_TYPED)
def layers_of_a_type_are_reached(implementation: Guarded, subject: _Subject) -> Evidence:
    """The layers of the type are equalized, and the others left alone."""
    result = implementation.equalize_types(
        subject.model(), subject.batches(), types=[subject.choice]
    )
    touched = _touched(_calls(subject, result))
    _require_left_alone(subject, touched)
    return _require_reached(subject, touched)


@check(
    "configure.unknown-name",
    needs=("equalize",),
    over={"alone": ["fisrt"], "beside-a-right-one": ["last", "fisrt"]},
)
def unknown_name_is_refused(implementation: Guarded, names: list[str]) -> Evidence:
    """An error that says which name it does not know."""
    subject = _NAMED["first"]
    return refused(
        lambda: implementation.equalize(subject.model(), subject.batches(), layers=names),
        because="no layer is called 'fisrt'",
        naming=["fisrt"],
    )


_CUSTOM = _Subject(
    lambda: nn.Sequential(_Projection(_CHANNELS, 5)), (6, _CHANNELS), _Projection, frozenset({0})
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
    _require_reached(_CUSTOM, _touched(_calls(_CUSTOM, result)))
    fresh = 3 * sample(*_CUSTOM.shape, seed=9)
    weight, bias = (each.detach().double() for each in _CUSTOM.model().parameters())
    magnitudes = F.linear(fresh.double().abs(), weight.abs(), bias.abs())
    tolerance = roundings(_CHANNELS + 4, torch.float32) * magnitudes
    output = recorded(a_module(result, "equalizing"), fresh).output
    if not isinstance(output, Tensor) or output.shape != magnitudes.shape:
        raise Violation(Evidence(f"a tensor of shape {tuple(magnitudes.shape)}", f"{output!r}"))
    return near(output, F.linear(fresh.double(), weight, bias), tolerance, "output")
