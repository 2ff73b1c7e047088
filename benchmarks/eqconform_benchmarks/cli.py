"""`eqconform bench`: what an implementation costs, on torchvision's networks."""

import warnings
from collections.abc import Callable
from typing import Annotated

import torch
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from torch import nn
from torchvision.models import get_model

from eqconform import Implementation, LoadError, load
from eqconform_benchmarks.costs import calibration_cost, convert_cost
from eqconform_benchmarks.ratios import Ratio

app = typer.Typer(help="Benchmarks: ratios measured in one process.", no_args_is_help=True)

_Cost = Callable[..., Ratio]
_CALIBRATED = ("resnet18", "vgg11", "densenet121")
_CONVERTED = ("alexnet", "vgg11", "resnet18")


@app.callback()
def bench() -> None:
    """Benchmarks: ratios measured in one process."""


@app.command()
def costs(
    implementations: Annotated[list[str], typer.Argument(metavar="IMPL...")],
    pairs: Annotated[int, typer.Option(min=2, help="Pairs of each measurement.")] = 9,
    batch: Annotated[int, typer.Option(min=1, help="Batch size of calibration.")] = 8,
) -> None:
    """Calibration against a plain forward pass, convert against a bare weight pass.

    CPU, one thread, float32, 224 x 224.
    """
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # theirs; errors stand in the table
    table = Table("implementation", "cost", "network", "ratio", "quartiles", "s", box=box.SIMPLE)
    console = Console()
    for name in implementations:
        implementation = _load(name)
        for network in _CALIBRATED:
            row = _measured(calibration_cost, implementation, network, batch, pairs)
            table.add_row(name, "calibrate/forward", network, *row)
        for network in _CONVERTED:
            row = _measured(convert_cost, implementation, network, 1, pairs)
            table.add_row(name, "convert/weights", network, *row)
    console.print(table)


def _load(spec: str) -> Implementation:
    try:
        return load(spec)
    except LoadError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(3) from error


def _measured(
    cost: _Cost, implementation: Implementation, network: str, batch: int, pairs: int
) -> list[str]:
    model, images = _model(network), torch.rand(batch, 3, 224, 224)
    try:
        ratio = cost(implementation, model, images, pairs=pairs)
    except Exception as error:  # noqa: BLE001  theirs, whatever it is
        return [f"{type(error).__name__}: {error}", "", ""]
    quartiles = f"{ratio.lower:.2f}-{ratio.upper:.2f}"
    return [f"{ratio.median:.3f}", quartiles, f"{ratio.seconds:.2f}"]


def _model(name: str) -> nn.Module:
    torch.manual_seed(0)
    model: nn.Module = get_model(name, weights=None).eval()
    return model
