"""The signal-to-noise ratio, by hand."""

import math

import pytest
import torch

from eqconform.judge.sqnr import sqnr

SIGNAL = torch.tensor([[10.0, 0.0], [0.0, 10.0]])


def test_a_tenth_of_the_amplitude_is_20_decibels() -> None:
    assert sqnr(SIGNAL, 1.1 * SIGNAL) == pytest.approx(20, abs=1e-5)


def test_centred_the_mean_over_the_batch_is_no_signal() -> None:
    """Of two samples that differ by 10 in each of two places, 5 each way is signal."""
    noisy = SIGNAL + 0.5
    expected = pytest.approx(20)
    assert sqnr(SIGNAL, noisy, centred=True) == expected
    assert sqnr(SIGNAL + 1000, noisy + 1000, centred=True) == expected


def test_centred_a_shift_is_still_noise() -> None:
    assert sqnr(SIGNAL, SIGNAL + 5, centred=True) == pytest.approx(0)


def test_no_noise_is_infinite_and_no_signal_is_minus_infinite() -> None:
    zeros = torch.zeros(2, 2)
    assert sqnr(SIGNAL, SIGNAL) == math.inf
    assert sqnr(zeros, zeros) == math.inf
    assert sqnr(zeros, SIGNAL) == -math.inf


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_has_no_ratio(value: float) -> None:
    assert math.isnan(sqnr(SIGNAL, torch.full_like(SIGNAL, value)))
    assert math.isnan(sqnr(torch.full_like(SIGNAL, value), SIGNAL))


def test_float16_does_not_overflow() -> None:
    large = torch.full((2,), 60000.0, dtype=torch.float16)
    assert sqnr(large, large / 2) == pytest.approx(20 * math.log10(2))


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"\(2, 2\) to one of shape \(2,\)"):
        sqnr(SIGNAL, SIGNAL[0])


def test_one_sample_cannot_be_centred() -> None:
    with pytest.raises(ValueError, match="two samples"):
        sqnr(SIGNAL[:1], SIGNAL[:1], centred=True)
