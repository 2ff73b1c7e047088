"""Claim "quantize": what calibration sees, whom a scaled range concerns, and the caller's model.

Sources: PyTorch 2.15, torch/ao/quantization/fx/_equalize.py, convert_eq_obs, which moves an
observer behind a multiplication for all who read it.
"""

from collections.abc import Sequence
from copy import deepcopy

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform.checks.decibels import at_least, like, plainly, ratio
from eqconform.checks.drawing import evenly, new_layer, samples, span_columns, span_inputs
from eqconform.checks.portraits import portrait, require_same, with_hooks
from eqconform.checks.sequences import Shape, Tried, balanced, powers_of_two
from eqconform.checks.verdicts import copies, identical, unchanged
from eqconform.judge.cases import check
from eqconform.judge.channels import against_weight
from eqconform.judge.guard import Guarded, expect_error, run
from eqconform.judge.judgement import a_module
from eqconform.judge.noise import by_chance
from eqconform.judge.outcome import Evidence, Vacuous, Violation, require
from eqconform.judge.sqnr import sqnr
from eqconform_models.network import seed_of

_NEEDS = ("quantize",)
_CHANNELS = 32
_BATCHES = 10
_NARROWED = 32
_PLAIN = {"plain": False, "equalized": True}


_EVERY_BATCH = {
    f"{'equalized' if equalize else 'plain'}{order}": (order, equalize)
    for order in ("", "-one-in-ten", "-one-in-forty")
    for equalize in (False, True)
} | {"equalized-channels-apart": ("-channels-apart", True)}


@check("quantize.every-batch", needs=_NEEDS, over=_EVERY_BATCH)
def every_batch(implementation: Guarded, subject: tuple[str, bool]) -> Evidence:
    """What one batch has shown counts, whichever it is and however narrow the others are."""
    order, equalize = subject
    if order == "-channels-apart":
        return _judge_channels_apart(implementation)
    tried = balanced(Shape())
    expected = ratio(plainly(implementation), tried, equalize=equalize)
    worst = min(
        ratio(plainly(implementation), Tried(tried.model, batches, tried.fresh), equalize=equalize)
        for batches in _ORDERS[order](tried.calibration)
    )
    chance = by_chance(tried.smallest_layer())
    return at_least(worst, expected, chance, "as without a narrow batch among the others")


def _narrow_at_an_end(wide: list[Tensor]) -> list[list[Tensor]]:
    narrow = wide[0] / _NARROWED
    return [[narrow, *wide], [*wide, narrow]]


def _one_in_ten(wide: list[Tensor]) -> list[list[Tensor]]:
    """Ten batches, of which the first, one in the middle, or the last alone is wide."""
    whole = torch.cat(wide)
    return [
        [whole if place == at else whole / _NARROWED for place in range(_BATCHES)]
        for at in (0, _BATCHES // 2 - 1, _BATCHES - 1)
    ]


def _one_in_forty(wide: list[Tensor]) -> list[list[Tensor]]:
    """Forty batches, of which the first or the last alone is wide."""
    whole = torch.cat(wide)
    narrow = [whole / _NARROWED] * 39
    return [[whole, *narrow], [*narrow, whole]]


def _judge_channels_apart(implementation: Guarded) -> Evidence:
    """Ten batches, each wide in a tenth of the channels: scales need what they show together.

    A single layer, for what is behind it knows no channels of the input. The range of its input as
    a whole, and that of its output, are those of the same batches without equalization, of which a
    balanced layer has no need: with all ranges alike, all its scales are.
    """
    tried = balanced(Shape(channels=(_CHANNELS, 24)))
    whole = torch.cat(tried.calibration)  # (N, C)
    turn = torch.arange(_CHANNELS) % _BATCHES
    batches = [torch.where(turn == at, whole, whole / _NARROWED) for at in range(_BATCHES)]
    apart = Tried(tried.model, batches, tried.fresh)
    plain, equalized = (
        ratio(plainly(implementation), apart, equalize=equalize) for equalize in (False, True)
    )
    return at_least(equalized, plain, by_chance(tried.smallest_layer()), "as without equalization")


_ORDERS = {"": _narrow_at_an_end, "-one-in-ten": _one_in_ten, "-one-in-forty": _one_in_forty}


@check("quantize.empty-calibration-refused", needs=_NEEDS, over=_PLAIN)
def empty_calibration_refused(implementation: Guarded, equalize: bool) -> Evidence:
    """Without a calibration batch there are no ranges, and so no quantizers."""
    model = balanced(Shape()).model
    return expect_error(
        lambda: implementation.quantize(model, [], equalize=equalize),
        because="there is no calibration batch",
    )


@check("quantize.model-untouched", needs=_NEEDS, over=_PLAIN)
def model_untouched(implementation: Guarded, equalize: bool) -> Evidence:
    """The caller's model and batches are, and compute, what they were and did."""
    tried = balanced(Shape())
    with_hooks(tried.model)
    tried.model(tried.fresh).square().sum().backward()  # gradients, for them to be lost
    before, batches = portrait(tried.model), copies(tried.calibration)
    given = list(tried.calibration)
    with torch.no_grad():
        computed = tried.model(tried.fresh)
        implementation.quantize(tried.model, given, equalize=equalize)
        same = identical(tried.model(tried.fresh), computed)
    handed = [id(batch) for batch in tried.calibration]
    listed = [id(batch) for batch in given]
    require(listed == handed, Evidence(f"the {len(handed)} batches as listed", f"{len(listed)}"))
    unchanged(tried.calibration, batches, "calibration batches")
    require_same(before, portrait(tried.model), "of the caller's model")
    observed = "the same output" if same else "another output"
    return require(same, Evidence("the same output of the caller's model", observed))


class _InputReadByTwoLayers(nn.Module):
    """Only `chosen` is equalized; `plain` reads the same tensor."""

    kind = "linear"

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.chosen = new_layer(self.kind, _CHANNELS, _CHANNELS, generator)
        self.plain = new_layer(self.kind, _CHANNELS, _CHANNELS, generator)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.chosen(x), self.plain(x)


class _HiddenReadByTwoLayers(_InputReadByTwoLayers):
    """As above, of a tensor between layers."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__(generator)
        self.first = new_layer(self.kind, _CHANNELS, _CHANNELS, generator)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = F.relu(self.first(x))
        return self.chosen(hidden), self.plain(hidden)


class _HiddenAlsoAdded(_HiddenReadByTwoLayers):
    """A tensor that is added to another besides."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = F.relu(self.first(x))
        return self.chosen(hidden), self.plain(x) + hidden


class _SumAlsoReturned(_HiddenReadByTwoLayers):
    """A sum, into which nothing can be folded, that the model returns besides."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        total = self.first(x) + x
        return self.chosen(total), total


class _SumThroughFunction(_HiddenReadByTwoLayers):
    """A sum that goes besides into a function that int8 engines compute in float."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        total = self.first(x) + x
        return self.chosen(total), torch.sin(total)


class _PoolInputReturned(_HiddenReadByTwoLayers):
    """A tensor that is pooled, where engines let both sides of the pooling share an observer."""

    kind = "conv2d"

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = F.relu(self.first(x))
        return self.chosen(F.max_pool2d(hidden, 2)), hidden


_Reader = type[_InputReadByTwoLayers]
_READERS: dict[str, _Reader] = {
    "input-read-by-two-layers": _InputReadByTwoLayers,
    "hidden-read-by-two-layers": _HiddenReadByTwoLayers,
    "hidden-also-added": _HiddenAlsoAdded,
    "sum-also-returned": _SumAlsoReturned,
    "sum-through-function": _SumThroughFunction,
    "pool-input-returned": _PoolInputReturned,
}


@check("quantize.shared-observers", needs=_NEEDS, over=_READERS)
def shared_observers(implementation: Guarded, build: _Reader) -> Evidence:
    """Who reads a tensor that is scaled for another layer is no worse off than before."""
    generator = torch.Generator().manual_seed(seed_of(build.__name__))
    model = build(generator).eval()
    with torch.no_grad():  # columns of widely different ranges, and so as many scales
        span_columns(model.chosen.weight, 1, -1, 1)
        factors = powers_of_two(_CHANNELS, 32, seed=0)
        model.chosen.weight *= against_weight(factors, model.chosen.weight, 1)
    calibration = samples(build.kind, _CHANNELS, generator, batches=3)
    span_inputs(calibration, -1, 1)
    batches = list(calibration.chunk(3))
    fresh = 0.9 * evenly(batches[0].shape, generator)
    plain, equalized = (
        _outputs(
            implementation.quantize(deepcopy(model), list(batches), equalize=on, layers=["chosen"]),
            fresh,
        )
        for on in (False, True)
    )
    if identical(plain[0], equalized[0]):
        raise Vacuous("the layer that was chosen computes what it did, bit by bit")
    with torch.no_grad():
        exact = model(fresh)[1]
    before, after = (sqnr(exact, like(exact, each[1]), centred=True) for each in (plain, equalized))
    chance = by_chance(model.plain.weight.numel())
    return at_least(after, before, chance, "as where nothing is equalized")


def _outputs(quantized: object, fresh: Tensor) -> Sequence[Tensor]:
    """What the int8 model returns for a batch.

    Raises:
        Raised: it raised.
        Violation: it is no module, or does not return two tensors.
    """
    returned = run(a_module(quantized, "quantize()"), fresh, who="the int8 model")
    tensors = isinstance(returned, (tuple, list)) and [isinstance(x, Tensor) for x in returned]
    if tensors != [True, True]:
        raise Violation(Evidence("two tensors", type(returned).__name__))
    return returned  # type: ignore[no-any-return]  # just looked at
