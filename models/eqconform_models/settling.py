"""Random weights for deep networks: no parameter constant, no activation beyond measure.

A deep network keeps the initialization of its library; drawn anew as in `randomize`, its
activations would grow or vanish from layer to layer. What the library sets to a constant (norms,
zeroed heads, layer scales) is varied, and batch normalization gets the statistics of a real batch,
varied too.
"""

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn

from eqconform_models.randomize import generator_of

_BatchNorm = nn.modules.batchnorm._BatchNorm  # noqa: SLF001  no public name


@torch.no_grad()
def settle(model: nn.Module, batches: Sequence[Tensor], seed: int) -> None:
    """Vary what is constant in `model`, and fit its statistics to `batches`.

    Args:
        model: in eval mode, with the weights of its library's initialization.
        batches: of at least two samples each; their sizes may differ. Without any, the statistics
            are random.
        seed: decides the variation.
    """
    generator = generator_of(seed)
    for parameter in model.parameters():
        if (parameter == parameter.flatten()[0]).all():
            _vary_constant(parameter, generator)
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    _fit_statistics(model, norms, batches)
    for norm in norms:
        _vary_statistics(norm, generator)


def _vary_constant(parameter: Tensor, generator: Generator) -> None:
    constant = parameter.flatten()[0].item()
    if constant:  # a factor: of a norm, or of a layer whose initial 1e-6 would silence it
        factor = torch.empty(parameter.shape).uniform_(0.5, 1.5, generator=generator)
        parameter.copy_(math.copysign(max(abs(constant), 0.1), constant) * factor)
    elif parameter.ndim == 1:
        parameter.normal_(0, 0.1, generator=generator)
    else:
        fan_in = math.prod(parameter.shape[1:])
        parameter.normal_(0, 1 / math.sqrt(fan_in), generator=generator)


def _fit_statistics(
    model: nn.Module, norms: Sequence[_BatchNorm], batches: Sequence[Tensor]
) -> None:
    """Give each norm the mean and variance of the batches, as they are behind the norms before."""
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.train()
        norm.momentum = None  # the average over the batches
        norm.reset_running_stats()
    for batch in batches if norms else ():
        model(batch)
    for norm, momentum in zip(norms, usual, strict=True):
        norm.eval()
        norm.momentum = momentum


def _vary_statistics(norm: _BatchNorm, generator: Generator) -> None:
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        return
    # A channel with next to no variance in two small images would blow up on others.
    variance.clamp_(min=0.3 * variance.mean().item())
    shift = torch.randn(mean.shape, generator=generator)
    mean.add_(0.2 * variance.sqrt() * shift)
    variance.mul_(torch.empty(mean.shape).uniform_(0.6, 1.6, generator=generator))
