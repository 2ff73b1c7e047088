"""Where the scales went: the layer calls of an equalized model beside those of the float one.

For every layer call the formula's scale s is known (`eqconform.judge.expectation`), and the network
says which producer must take it (`Network.folds`). That leaves nothing open: the call's input is s
x; its weight is diag(r) W diag(1/s), its bias r b, where r is the scale of the consumer that is
folded into its rows, or 1; and the multiplications of the whole model are one for each scale that
no producer takes. Each is judged for itself, so that a verdict says which of them is off.

Sources: Nagel et al. 2019, arXiv 1906.04721, section 4.1; PyTorch 2.15,
torch/ao/quantization/fx/_equalize.py, scale_weight_node and scale_weight_functional.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from functools import cached_property, partial, wraps

import torch
from torch import Tensor, nn

from eqconform.judge.alignment import aligned
from eqconform.judge.causes import with_cause, wrong_scales
from eqconform.judge.channels import against_input, against_weight, rows_against_weight
from eqconform.judge.expectation import ExpectedScale, expected_scales
from eqconform.judge.guard import Guarded
from eqconform.judge.judgement import equalized, recorded, share, worst_of
from eqconform.judge.outcome import Evidence, Violation, require
from eqconform.judge.rounding import Bounds, bounds, unit_roundoff
from eqconform.judge.underflow import allowing, losses, scales_of_what_is_left
from eqconform.probe import LayerCall, Recording, module_of, record
from eqconform_models import Network

_PRODUCTS = 4
"""Roundings of a weight: of the reciprocal, the two products, and the scale once stored."""


@dataclass(frozen=True)
class Placement:
    """An equalized network on its batch "fresh", beside the untouched one.

    Attributes:
        network: which.
        before: the untouched network's recording.
        after: the equalized model's.
        scales: the formula's, for every layer call.
        formula: "range" or "absmax".
        left_out: layer calls that were not to be equalized.
        draws: see `eqconform.judge.rounding.bounds`.
        lossy: bounds that hold what underflow may do; see `allowing_underflow`.
    """

    network: Network
    before: Recording
    after: Recording
    scales: tuple[ExpectedScale, ...]
    formula: str
    left_out: frozenset[int] = frozenset()
    draws: int | None = None
    lossy: Bounds | None = None

    @property
    def limits(self) -> Bounds:
        """Of the untouched network on the batch, to rounding or as `lossy` says."""
        return self.lossy or bounds(self.network, "fresh", draws=self.draws)

    @cached_property
    def allowing_underflow(self) -> "Placement | None":
        """The same, judged by what underflow may do besides; None where nothing is too small."""
        batches = ("fresh", *(f"calibration-{i}" for i in range(len(self.network.calibration()))))
        if self.lossy or not any(losses(self.network, each) for each in batches):
            return None
        scales = scales_of_what_is_left(self.network, self.formula)
        return replace(self, scales=scales, lossy=allowing(self.network, "fresh"))

    @cached_property
    def calls(self) -> list[tuple[LayerCall, LayerCall]]:
        """The layer calls side by side.

        Raises:
            Violation: their numbers differ.
        """
        return aligned(self.before, self.after)

    @property
    def determined(self) -> list[int]:
        """The layer calls of which the network says where their scale belongs."""
        due = {*self.network.folds, *self.network.multiplied, *self.network.norm_folds}
        return sorted(due)

    @property
    def undetermined(self) -> int:
        """How many layer calls there are besides."""
        return len(self.before.calls) - len(self.determined) - len(self.left_out)

    def name(self, index: int) -> str:
        """What to call a layer call in a verdict."""
        kind = self.before.calls[index].kind
        return f"layer call {index} ({kind})"


def placement(implementation: Guarded, network: Network) -> Placement:
    """Equalize the network and look where the scales went.

    Raises:
        Raised, Unsupported: the implementation did.
        Violation: it returned no module.
    """
    return placement_in(equalized(implementation, network), network, implementation.formula)


def placement_in(
    model: nn.Module, network: Network, formula: str, *, draws: int | None = None
) -> Placement:
    """Look where the scales went in a model that was equalized before.

    Args:
        model: the implementation's, in float32.
        network: what it was made from.
        formula: the implementation's.
        draws: see `eqconform.judge.rounding.bounds`; with any, tolerances are lower bounds.

    Raises:
        Raised: the model raised.
    """
    batch = network.judgement()["fresh"]
    before, after = record(network.build(), batch), recorded(model, batch)
    scales = expected_scales(network, formula, measured=draws is None)
    return Placement(network, before, after, scales, formula, draws=draws)


def placement_of_one(implementation: Guarded, network: Network, index: int) -> Placement:
    """Equalize one layer call's module alone: nothing is folded, and its input is multiplied.

    Args:
        implementation: whose.
        network: in which the layer call is a module's, and the module's only one.
        index: of the layer call.

    Raises:
        Raised, Unsupported: the implementation did.
        Violation: it returned no module.
    """
    batch, model = network.judgement()["fresh"], network.build()
    before = record(model, batch)
    chosen = module_of(before.calls[index], model)
    assert chosen is not None  # noqa: S101  for the type checker: the layer call is a module's
    after = recorded(equalized(implementation, network, layers=[chosen]), batch)
    alone = replace(network, folds={}, multiplied=frozenset({index}), norm_folds=frozenset())
    others = frozenset(range(len(before.calls))) - {index}
    formula = implementation.formula
    scales = expected_scales(network, formula)
    return Placement(alone, before, after, scales, formula, left_out=others)


def judge_everything(placed: Placement) -> Evidence:
    """The evidence that every scale went where it belongs.

    Raises:
        Violation: an input, weight or bias is not scaled as it should be, or a multiplication is
            missing or too many.
    """
    judges = (judge_inputs, judge_weights, judge_biases, judge_multiplications)
    return _worst([judge(placed) for judge in judges])


def _or_with_underflow(judge: Callable[[Placement], Evidence]) -> Callable[[Placement], Evidence]:
    """A judgement that is made again, with what underflow may do, where it finds a violation."""

    @wraps(judge)
    def judged(placed: Placement) -> Evidence:
        try:
            return judge(placed)
        except Violation:
            if placed.allowing_underflow is None:
                raise
            return judge(placed.allowing_underflow)

    return judged


@_or_with_underflow
def judge_inputs(placed: Placement) -> Evidence:
    """The evidence that the input of every determined layer call is s x, by the formula's s.

    Raises:
        Violation: one is not.
    """
    limits = placed.limits
    return _worst(
        _judge_input(placed, index, limits.inputs[index], limits.input_tolerance[index])
        for index in placed.determined
    )


@_or_with_underflow
def judge_weights(placed: Placement) -> Evidence:
    """The evidence that every determined weight is diag(r) W diag(1/s).

    Raises:
        Violation: one is not.
    """
    return _worst(
        _judge_weight(placed, index) for index in _with_known_rows(placed, placed.determined)
    )


@_or_with_underflow
def judge_biases(placed: Placement) -> Evidence:
    """The evidence that every determined bias is r b.

    Raises:
        Violation: one is not.
    """
    return _worst(
        _judge_bias(placed, index) for index in _with_known_rows(placed, placed.determined)
    )


def judge_multiplications(placed: Placement) -> Evidence:
    """The evidence that one multiplication was spent on each scale that no producer takes.

    A scale that a norm can take, and one of which the network says nothing, may cost one or none.

    Raises:
        Violation: there are more, or fewer.
    """
    spent = placed.after.multiplications - placed.before.multiplications
    due = len(placed.network.multiplied)
    most = due + len(placed.network.norm_folds) + placed.undetermined
    between = f"{due}" if due == most else f"{due} to {most}"
    return require(
        due <= spent <= most,
        Evidence(f"{between} more multiplications than without equalization", f"{spent} more"),
    )


def judge_left_out(placed: Placement) -> Evidence:
    """The evidence that weights and biases of the layers that were left out are bit-identical.

    Raises:
        Violation: one is not.
    """
    touched = [
        placed.name(index)
        for index in sorted(placed.left_out)
        if not _identical(*placed.calls[index])
    ]
    expected = f"weight and bias of {len(placed.left_out)} layers as they were, bit by bit"
    return require(not touched, Evidence(expected, ", ".join(touched) or "as they were"))


def _identical(before: LayerCall, after: LayerCall) -> bool:
    if before.bias is None or after.bias is None:
        return before.bias is after.bias and torch.equal(before.weight, after.weight)
    return torch.equal(before.weight, after.weight) and torch.equal(before.bias, after.bias)


def _judge_input(placed: Placement, index: int, exact: Tensor, tolerance: Tensor) -> Evidence:
    """S x, to the rounding of x where it is computed, and of s, and to what underflows in both.

    Args:
        placed: the model.
        index: of the layer call.
        exact: x in float64.
        tolerance: of x, shape (C,).
    """
    before, after = placed.calls[index]

    def judge(scale: ExpectedScale) -> Evidence:
        s = against_input(scale.value, before.weight)
        expected = s * exact
        allowed = s * against_input(tolerance, before.weight)
        allowed = allowed + expected.abs() * against_input(scale.uncertainty, before.weight)
        # Of a number below the smallest normal one few digits are left, or none: a softmax makes
        # them, and float64 knows them still. What a layer before makes of them: `losses`.
        allowed = allowed + (1 + s) * _smallest(after)
        return _judge(after.input, expected, allowed, f"input of {placed.name(index)}, scaled")

    right = placed.scales[index]
    mistakes = partial(wrong_scales, placed.network, index, placed.formula, right)
    return with_cause(judge, right, mistakes)


def _judge_weight(placed: Placement, index: int) -> Evidence:
    before, after = placed.calls[index]
    weight, scale, rows = before.weight.double(), placed.scales[index], _rows(placed, index)
    assert rows is not None  # noqa: S101  for the type checker: `_with_known_rows`
    factor = rows_against_weight(rows.value, weight)
    columns = against_weight(scale.value, weight, before.groups)
    expected = weight * factor / columns
    relative = rows_against_weight(rows.uncertainty, weight) + _PRODUCTS * _unit(before)
    relative = relative + against_weight(scale.uncertainty, weight, before.groups)
    # Either product may come first, and be too small before the other one makes it larger.
    allowed = expected.abs() * relative + (1 + factor + 1 / columns) * _smallest(after)
    return _judge(after.weight, expected, allowed, f"weight of {placed.name(index)}, scaled")


def _judge_bias(placed: Placement, index: int) -> Evidence:
    before, after = placed.calls[index]
    rows = _rows(placed, index)
    assert rows is not None  # noqa: S101  for the type checker: `_with_known_rows`
    bias = torch.zeros_like(rows.value) if before.bias is None else before.bias.double()
    seen = torch.zeros_like(bias) if after.bias is None else after.bias
    expected = bias * rows.value
    relative = rows.uncertainty + _PRODUCTS * _unit(before)
    allowed = expected.abs() * relative + (1 + rows.value) * _smallest(before)
    return _judge(seen, expected, allowed, f"bias of {placed.name(index)}, scaled")


def _judge(seen: Tensor, expected: Tensor, allowed: Tensor, place: str) -> Evidence:
    if seen.shape != expected.shape:
        shapes = tuple(expected.shape), tuple(seen.shape)
        raise Violation(Evidence(f"{place}: shape {shapes[0]}", f"shape {shapes[1]}"))
    worst = worst_of(seen.double(), expected, allowed, place)
    return require(share(worst) <= 1, worst)


def _rows(placed: Placement, index: int) -> ExpectedScale | None:
    """The factor of each row of a layer call's weight; None where the network leaves it open."""
    consumers = [call for call, producer in placed.network.folds.items() if producer == index]
    if consumers:
        return placed.scales[consumers[0]]
    if placed.undetermined:
        return None
    weight = placed.before.calls[index].weight
    ones = weight.new_ones(weight.shape[0], dtype=torch.float64)
    return ExpectedScale(ones, torch.zeros_like(ones))


def _with_known_rows(placed: Placement, indices: Collection[int]) -> list[int]:
    return [index for index in indices if _rows(placed, index) is not None]


def _unit(call: LayerCall) -> float:
    return unit_roundoff(call.weight.dtype)


def _smallest(call: LayerCall) -> float:
    """The smallest normal number; one below it may be lost."""
    return torch.finfo(call.weight.dtype).smallest_normal


def _worst(judged: Iterable[Evidence]) -> Evidence:
    """The piece of evidence that comes closest to its tolerance."""
    return max(judged, key=_share, default=Evidence("nothing is due", "nothing was judged"))


def _share(evidence: Evidence) -> float:
    return 0.0 if evidence.error is None else share(evidence)
