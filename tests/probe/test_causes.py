"""A verdict on a wrong scale names the mistake that explains it, where one does."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from eqconform.judge.outcome import Violation
from eqconform.judge.placement import judge_inputs, placement_in
from eqconform_models import network

NETWORK = network("linear-rank3")


class Scaled(nn.Module):
    """The network, whose input is multiplied."""

    def __init__(self, scale: Tensor) -> None:
        super().__init__()
        self.inner = NETWORK.build()
        self.register_buffer("scale", scale)

    def forward(self, x: Tensor) -> Tensor:
        scaled: Tensor = self.inner(x * self.scale)
        return scaled


def scale(batches: slice = slice(None)) -> Tensor:
    """The formula's, of the first layer, from some of the batches."""
    weight = next(NETWORK.build().parameters())
    x = torch.cat([each.flatten(0, -2) for each in NETWORK.calibration()[batches]])  # type: ignore[union-attr]
    widths = weight.amax(0) - weight.amin(0), x.amax(0) - x.amin(0)
    return (widths[0] / widths[1]).sqrt().detach()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: torch.ones_like(scale()), "as if it were not scaled"),
        (lambda: 1 / scale(), "as if the scale were inverted"),
        (lambda: scale().square(), "as if the scale were squared"),
        (lambda: scale(slice(-1, None)), "as if calibrated on the last batch alone"),
        (lambda: scale(slice(1)), "as if calibrated on the first batch alone"),
    ],
)
def test_mistake_is_named(wrong: Callable[[], Tensor], words: str) -> None:
    with pytest.raises(Violation) as found:
        judge_inputs(placement_in(Scaled(wrong()), NETWORK, "range"))
    assert words in found.value.evidence.observed


def test_what_no_mistake_explains_has_no_cause() -> None:
    with pytest.raises(Violation) as found:
        judge_inputs(placement_in(Scaled(1.1 * scale()), NETWORK, "range"))
    assert "as if" not in found.value.evidence.observed
