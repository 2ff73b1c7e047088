"""`eqconform bench`: what an implementation costs, on torchvision's networks."""

import warnings
from collections.abc import Callable
from typing import Annotated

import torch
import typer
from torch import nn
from torchvision.models import get_model

from eqconform import Implementation, LoadError, load
from eqconform_benchmarks.costs import calibration_cost, convert_cost
from eqconform_benchmarks.ratios import Ratio

app = typer.Typer(add_completion=False, no_args_is_help=True)

_Cost = Callable[..., Ratio]
_CALIBRATED = ("resnet18", "vgg11", "densenet121")
_CONVERTED = ("alexnet", "vgg11", "resnet18")


@app.callback()
def bench() -> None:
    """Benchmarks: ratios measured in one process."""


@app.command()
def costs(
    implementations: Annotated[
        list[str], typer.Argument(metavar="IMPL...", help="Names, module:Class or file.py:Class.")
    ],
    pairs: Annotated[int, typer.Option(min=2, help="Pairs of each measurement.")] = 9,
    batch: Annotated[int, typer.Option(min=1, help="Batch size of calibration.")] = 8,
) -> None:
    """Calibration against a plain forward pass, convert against a bare weight pass.

    CPU, one thread, float32, 224 x 224; the median ratio and the quartiles. A minute or two each.
    """
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # theirs; errors are printed
    loaded = {name: _load(name) for name in implementations}
    for name, implementation in loaded.items():
        for network in _CALIBRATED:
            row = _measured(calibration_cost, implementation, network, batch, pairs)
            typer.echo(f"{name:<12} calibrate / forward pass  {network:<12} {row}")
        for network in _CONVERTED:
            row = _measured(convert_cost, implementation, network, 1, pairs)
            typer.echo(f"{name:<12} convert / weight pass     {network:<12} {row}")


def _load(spec: str) -> Implementation:
    try:
        return load(spec)
    except LoadError as error:
        typer.echo(f"eqconform: {error}", err=True)
        raise typer.Exit(3) from error


def _measured(
    cost: _Cost, implementation: Implementation, network: str, batch: int, pairs: int
) -> str:
    model, images = _model(network), torch.rand(batch, 3, 224, 224)
    try:
        ratio = cost(implementation, model, images, pairs=pairs)
    except Exception as error:  # noqa: BLE001  theirs, whatever it is
        return f"{type(error).__name__}: {error}".split("\n")[0]
    quartiles = f"({ratio.lower:.2f} to {ratio.upper:.2f})"
    return f"{ratio.median:6.2f} {quartiles:<15} {ratio.seconds:.2f} s"


def _model(name: str) -> nn.Module:
    torch.manual_seed(0)
    model: nn.Module = get_model(name, weights=None).eval()
    return model
