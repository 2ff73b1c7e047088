"""What the reference does beyond what the suite asks of every implementation."""

import copy
import pickle
import weakref
from collections import namedtuple
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from eqconform_reference import (
    ChannelMismatch,
    ChannelRange,
    Config,
    InputEqualizationObserver,
    NotCalibrated,
    NotFinite,
    NotTraceable,
    convert,
    equalization_scale,
    equalize,
    explain,
    prepare,
)


def _chain() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).eval()


def _batches(count: int = 2) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    spread = torch.logspace(-1, 1, 4)
    return [torch.randn(8, 4, generator=generator) * spread + spread for _ in range(count)]


def _multiplications(model: nn.Module) -> int:
    return sum(node.target is torch.mul for node in model.graph.nodes)


@pytest.mark.parametrize(("fold", "expected"), [("always", 1), ("never", 2)])
def test_fold(fold: str, expected: int) -> None:
    """The second scale goes into the first layer, unless the configuration folds nothing."""
    model, batches = _chain(), _batches()
    equalized = equalize(model, batches, Config(fold=fold))
    assert _multiplications(equalized) == expected
    torch.testing.assert_close(equalized(batches[0] * 3), model(batches[0] * 3))


def test_fold_auto_spares_a_producer_that_would_suffer() -> None:
    """Rows that are even before folding and uneven after it cost the producer its precision."""
    model, batches = _chain(), _batches()
    with torch.no_grad():
        model[2].weight.mul_(torch.logspace(-3, 3, 6))  # so that the second scale is uneven
    assert _multiplications(equalize(model, batches, Config(fold="auto"))) == 2
    with torch.no_grad():
        # The first layer's rows are as uneven, the other way round: folding evens them out.
        model[0].weight.mul_(torch.logspace(6, -6, 6).unsqueeze(1))
        model[0].bias.zero_()
        model[2].weight.mul_(torch.logspace(-6, 6, 6))
    assert _multiplications(equalize(model, batches, Config(fold="auto"))) == 1


def test_absmax_is_the_smoothquant_scale() -> None:
    """With statistic="absmax", s = sqrt(max|W| / max|X|), per input channel."""
    model, batches = nn.Sequential(nn.Linear(4, 3)).eval(), _batches()
    equalized = equalize(model, batches, Config(statistic="absmax"))
    (scale,) = equalized.buffers()
    inputs = torch.cat(batches).abs().amax(0)
    torch.testing.assert_close(scale, (model[0].weight.abs().amax(0) / inputs).sqrt())


def test_keyword_batches_and_optional_arguments() -> None:
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, x: Tensor, mask: Any = None) -> dict[str, Tensor]:
            return {"out": self.layer(x if mask is None else x * mask)}

    model, mask = Masked().eval(), torch.tensor([1.0, 0.0, 1.0, 1.0])
    x = _batches(1)[0]
    masked = equalize(model, [{"x": x, "mask": mask}])
    torch.testing.assert_close(masked(x, mask=mask)["out"], model(x, mask)["out"])
    plain = equalize(model, [x])
    for each in (plain, copy.deepcopy(plain), pickle.loads(pickle.dumps(plain))):  # noqa: S301
        torch.testing.assert_close(each(x)["out"], model(x)["out"])
        with pytest.raises(ValueError, match="argument 'mask' was None when"):
            each(x, mask)


def test_python_that_looks_at_types_is_noticed() -> None:
    class Sly(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x) * (2 if isinstance(x, Tensor) else 1)

    with pytest.raises(NotTraceable, match="Sly computes something else"):
        equalize(Sly().eval(), _batches())


class _Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.kept = 7

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) if x.sum() > 0 else x


class _Around(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.before = _chain()
        self.before.width = 3
        self.branching = _Branching()
        self.after = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.before(self.branching(x))
        return self.after(y[:, : self.before.width])


def test_what_cannot_be_traced_is_named_with_the_ways_out() -> None:
    model, batches = _Around().eval(), _batches()
    said = r"'branching' \(_Branching\).* flow\. Leave .* Config\(leaf_modules=.* Config\(by_parts="
    with pytest.raises(NotTraceable, match=said):
        equalize(model, batches)
    for config in (
        Config(leaf_modules=("branching",)),
        Config(leaf_modules=(_Branching,)),
        Config(by_parts=True),
    ):
        equalized = equalize(model, batches, config)
        torch.testing.assert_close(equalized(-batches[0]), model(-batches[0]))
        torch.testing.assert_close(equalized(batches[0]), model(batches[0]))
        layer = equalized.get_submodule("before.0")
        assert not torch.equal(layer.weight, model.before[0].weight)


def test_the_model_itself_is_no_leaf_and_no_way_out_is_offered_twice() -> None:
    model, batches = _Branching().eval(), _batches()
    said = r"flow\. Equalize .* Config\(by_parts=True\)\."
    with pytest.raises(NotTraceable, match=said) as found:
        equalize(model, batches)
    assert "leaf_modules" not in str(found.value)
    equalized = equalize(model, batches, Config(by_parts=True))
    assert not torch.equal(equalized.get_submodule("layer").weight, model.layer.weight)
    model.layer = nn.Flatten().eval()
    with pytest.raises(NotTraceable, match=r"flow\. No part of it can be traced either\."):
        equalize(model, batches, Config(by_parts=True))


def test_by_parts_leaves_what_is_shared_between_parts() -> None:
    """A weight in two parts would be scaled twice, or in one of them only."""
    model = _Around().eval()
    model.branching.layer.weight = nn.Parameter(torch.randn(4, 4))
    model.before[0] = nn.Linear(4, 4).eval()
    model.before[0].weight = model.branching.layer.weight
    model.before[2] = nn.Linear(4, 3).eval()
    prepared = prepare(model, Config(by_parts=True))
    prepared(_batches(1)[0])
    assert prepared.parts == ["before", "branching.layer", "after"]
    shared = [line for line in explain(prepared).split("\n") if "outside the part" in line]
    assert len(shared) == 2
    x = _batches(1)[0]
    torch.testing.assert_close(convert(prepared)(x), model(x))


def test_hooks_of_the_model_run_and_hooks_of_a_layer_keep_it_as_it_is() -> None:
    model, batches = _chain(), _batches()
    model.register_forward_hook(lambda _module, _args, output: output + 1)
    model[2].register_forward_pre_hook(lambda _module, args: (args[0] ** 2,))
    equalized = equalize(model, batches)
    torch.testing.assert_close(equalized(batches[0]), model(batches[0]))
    assert torch.equal(equalized.get_submodule("2").weight, model[2].weight)


def test_calibration_that_is_not_finite_is_refused_by_layer_and_channel() -> None:
    spoilt = _batches(1)[0]
    spoilt[3, 2] = float("nan")
    with pytest.raises(NotFinite, match=r"layer '0'.*calibration input.*\[2\]"):
        equalize(_chain(), [spoilt])


def test_nothing_seen() -> None:
    model = _chain()
    with pytest.raises(NotCalibrated, match="no calibration batches"):
        equalize(model, [])
    with pytest.raises(NotCalibrated, match="none of the 2 observers"):
        convert(prepare(model))
    with pytest.raises(TypeError, match=r"use \[batch\]"):
        equalize(model, _batches(1)[0])
    with pytest.raises(TypeError, match="convert takes what prepare returns"):
        convert(model)


def test_preparing_twice_or_in_training_is_refused() -> None:
    model = _chain()
    with pytest.raises(ValueError, match="prepared already"):
        prepare(prepare(model))
    model[1].train()
    with pytest.raises(ValueError, match=r"1 \(ReLU\) is in training mode"):
        prepare(model)
    with pytest.raises(TypeError, match=r"torch\.nn\.Module, not str"):
        prepare("model")


def test_batches_are_streamed() -> None:
    """A generator will do, and no batch but the first outlives its turn."""
    kept: list[weakref.ref[Tensor]] = []

    def batches() -> Iterator[Tensor]:
        for tensor in _batches(5):
            fresh = tensor.clone()
            kept.append(weakref.ref(fresh))
            yield fresh
            del fresh
            assert all(ref() is None for ref in kept[1:-1])

    equalize(_chain(), batches())
    assert len(kept) == 5


def test_user_attributes_survive_and_are_not_overwritten() -> None:
    model = _chain()
    model.classes = ["a", "b"]
    setattr(model, "0_equalization_scale_0", "mine")
    equalized = copy.deepcopy(equalize(model, _batches()))
    assert equalized.classes == ["a", "b"]
    assert getattr(equalized, "0_equalization_scale_0") == "mine"


def test_named_tuples_and_functions_with_all_keywords() -> None:
    pair = namedtuple("pair", "left right")  # noqa: PYI024  what users have

    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.randn(3, 4))
            self.register_buffer("k", torch.randn(2, 1, 3))

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            y = F.linear(bias=None, weight=self.w, input=x)
            return pair(y, F.conv1d(input=y.unsqueeze(1), weight=self.k, groups=1))

    model, batches = Functional().eval(), _batches()
    equalized = equalize(model, batches)
    for a, b in zip(equalized(batches[0]), model(batches[0]), strict=True):
        torch.testing.assert_close(a, b)
    assert not torch.equal(equalized.k, model.k)


def test_constants_made_in_the_forward_and_changed_there_are_noticed() -> None:
    """A graph makes them once: from the second call on it would add to what the first left."""

    class Accumulating(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            total = torch.zeros(3)
            total += self.layer(x).mean(0)
            return total

    with pytest.raises(NotTraceable, match="keeps a state"):
        equalize(Accumulating().eval(), _batches())


def test_an_instance_with_a_forward_of_its_own_is_not_what_its_type_says() -> None:
    model, batches = _chain(), _batches()
    model[1].forward = torch.sigmoid
    equalized = equalize(model, batches)
    torch.testing.assert_close(equalized(batches[0] * 3), model(batches[0] * 3))


def test_fold_auto_folds_into_norms() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3)).eval()
    assert _multiplications(equalize(model, _batches(), Config(fold="auto"))) == 0


def test_by_parts_takes_a_part_under_both_of_its_names() -> None:
    model = _Around().eval()
    model.again = model.before
    prepared = prepare(model, Config(by_parts=True))
    assert prepared.model.again is prepared.model.before


class _Reaching(_Around):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + F.linear(x, self.before.get_submodule("0").weight).sum()


@pytest.mark.parametrize("seen", [True, False])
def test_by_parts_makes_no_part_of_what_is_used_otherwise(seen: bool) -> None:
    """Scaled, it would be scaled behind the back of whoever reaches into it."""
    model, batches = _Reaching().eval(), _batches()
    prepared = prepare(model, Config(by_parts=True), example=batches[0] if seen else None)
    if seen:
        prepared(batches[0])
        assert prepared.parts == ["before.2", "branching.layer", "after"]
        torch.testing.assert_close(convert(prepared)(batches[1]), model(batches[1]))
    else:
        with pytest.raises(NotTraceable, match=r"part 'before' is used.*leaf_modules"):
            prepared(batches[0])
    left = equalize(model, batches, Config(by_parts=True, leaf_modules=("before",)))
    torch.testing.assert_close(left(batches[1]), model(batches[1]))
    assert torch.equal(left.before[0].weight, model.before[0].weight)


def test_a_vector_that_is_overwritten_later_does_not_change_what_was_observed() -> None:
    """With nothing to reduce, the range of a vector must not be the vector itself."""
    observer = InputEqualizationObserver(channel_axis=-1)
    vector = torch.tensor([-1.0, 2.0])
    observer(vector)
    vector.zero_()
    seen = observer.range()
    assert seen is not None
    assert seen.min.tolist() == seen.max.tolist() == [-1.0, 2.0]


def test_one_channel_is_not_called_channels() -> None:
    one, four = (ChannelRange(-torch.ones(count), torch.ones(count)) for count in (1, 4))
    with pytest.raises(
        ChannelMismatch, match="with 1 channel, but its weight has 4 input channels"
    ):
        equalization_scale(one, four)
    with pytest.raises(
        ChannelMismatch, match="with 4 channels, but its weight has 1 input channel"
    ):
        equalization_scale(four, one)
