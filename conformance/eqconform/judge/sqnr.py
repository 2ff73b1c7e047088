"""The signal-to-noise ratio of a quantized tensor: what int8 costs, in decibels.

Source: PyTorch 2.15, torch/ao/ns/fx/utils.py, compute_sqnr, which leaves the mean in the signal
and takes norms in the dtype of the tensors.
"""

import math

from torch import Tensor


def sqnr(signal: Tensor, noisy: Tensor, *, centred: bool = False) -> float:
    """10 log10(|signal|² / |noisy - signal|²), summed over all elements in float64.

    Without noise it is inf, of whatever signal; with noise and no signal -inf. A NaN or an
    infinity on either side gives NaN, which no bound holds for.

    Args:
        signal: the exact values, any shape; for `centred` the batch is axis 0.
        noisy: the same shape.
        centred: count as signal only what differs between the samples of the batch, by taking
            the mean over axis 0 out of it. A network with random weights answers nearly the same
            to every input, and that answer would hide what the noise does to the differences.
            The noise keeps its mean: a shift of the output is an error too.

    Raises:
        ValueError: the shapes differ, or `centred` has no two samples to tell apart.
    """
    if signal.shape != noisy.shape:
        raise ValueError(
            f"cannot compare a signal of shape {tuple(signal.shape)} to one of shape "
            f"{tuple(noisy.shape)}: both must be outputs for the same batch."
        )
    exact = signal.detach().double()
    noise = noisy.detach().to(exact.device).double() - exact
    if centred:
        exact = exact - _mean_over_batch(exact)
    return _decibels(exact.square().sum().item(), noise.square().sum().item())


def _mean_over_batch(exact: Tensor) -> Tensor:
    if exact.ndim == 0 or len(exact) < 2:  # noqa: PLR2004  one sample is its own mean
        raise ValueError(
            f"cannot centre a signal of shape {tuple(exact.shape)}: axis 0 must hold at least "
            "two samples. Give a larger batch, or use centred=False."
        )
    return exact.mean(0)


def _decibels(signal: float, noise: float) -> float:
    if not (math.isfinite(signal) and math.isfinite(noise)):
        return math.nan
    if noise == 0:
        return math.inf
    return -math.inf if signal == 0 else 10 * math.log10(signal / noise)
