"""`eqconform accuracy`: what int8 costs a trained network, and what equalization gives back.

A few small networks are trained on real data, each from a seed of its own, and quantized by the
implementation, with and without equalization. The figures tell how much it is worth here; no
verdict depends on them.
"""

import json
import math
import platform
import statistics
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.table import Table
from torch import nn

from eqconform.console import exits, leave, stdout
from eqconform.contract import Implementation
from eqconform.engine.planning import NotStarted
from eqconform.files import require_writable_file, write_whole
from eqconform.judge.sqnr import sqnr
from eqconform.loading import LoadError, load
from eqconform.selection import UsageError
from eqconform_models.digits import Digits, digits, trained

app = typer.Typer(add_completion=False)

_CALIBRATION_BATCHES = 8
_MODELS = {"float": None, "int8": False, "int8 with equalization": True}
"""What is measured, and whether it is equalized; None: it is not quantized."""


@dataclass(frozen=True)
class Figure:
    """What came of one model.

    Attributes:
        seed: that the network was trained from.
        model: one of `_MODELS`.
        accuracy: on the images that were held out, from 0 to 1; None where the implementation
            raised.
        sqnr: of the logits, centred, in dB; None for the float model, which is the signal.
        message: what was raised, or "".
    """

    seed: int
    model: str
    accuracy: float | None
    sqnr: float | None
    message: str = ""


def figures(implementation: Implementation, seeds: int) -> Iterator[Figure]:
    """The figures of the networks trained from the seeds 0, 1 and so on, as they are measured.

    Raises:
        ImportError: scikit-learn is not installed.
    """
    examples, held_out = digits()
    for seed in range(seeds):
        network = trained(seed, examples)
        for model in _MODELS:
            yield _figure(implementation, network, examples, held_out, seed=seed, model=model)


def _figure(  # noqa: PLR0913  what a figure depends on
    implementation: Implementation,
    network: nn.Module,
    examples: Digits,
    held_out: Digits,
    *,
    seed: int,
    model: str,
) -> Figure:
    equalize = _MODELS[model]
    with torch.no_grad():
        logits = network(held_out.images)
        if equalize is None:
            return Figure(seed, model, _accuracy(logits, held_out), None)
        batches = examples.batches()[:_CALIBRATION_BATCHES]
        try:
            quantized = implementation.quantize(network, batches, equalize=equalize)
            noisy = quantized(held_out.images)
        except Exception as error:  # noqa: BLE001  theirs, whatever it is
            return Figure(
                seed, model, None, None, f"{type(error).__name__}: {error}".split("\n")[0]
            )
    return Figure(seed, model, _accuracy(noisy, held_out), sqnr(logits, noisy, centred=True))


def _accuracy(logits: torch.Tensor, held_out: Digits) -> float:
    return (logits.argmax(1) == held_out.labels).double().mean().item()


@app.command()
def accuracy(
    implementation: Annotated[
        str, typer.Argument(metavar="IMPL", help="Name, module:Class or file.py:Class.")
    ] = "reference",
    *,
    seeds: Annotated[int, typer.Option(min=1, help="How many networks; seeds 0, 1, ...")] = 10,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures there.")
    ] = None,
) -> None:
    """Train small networks on handwritten digits, and print what int8 costs them.

    Accuracy is that on images held out of training and calibration; the noise of the logits is
    the centred signal-to-noise ratio. Needs scikit-learn, which the extra "digits" installs.
    Exits with 1 where the implementation raised.
    """
    with exits():
        judged = _load(implementation)
        if json_file is not None:
            require_writable_file(json_file)
        torch.set_num_threads(1)
        warnings.simplefilter("ignore")  # theirs; what they raise is printed
        try:
            found = list(figures(judged, seeds))
        except ImportError as error:
            raise UsageError(str(error)) from error
        stdout().print(_table(found))
        for message in dict.fromkeys(each.message for each in found if each.message):
            stdout().print(message, soft_wrap=True)
        if json_file is not None:
            write_whole(json_file, _record(judged, found))
        leave(1 if any(each.message for each in found) else 0)


def _load(spec: str) -> Implementation:
    try:
        loaded = load(spec)
    except LoadError as error:
        raise NotStarted(str(error)) from error
    if not loaded.claims("quantize"):
        raise UsageError(f"{loaded.name} does not claim quantize: it has no method of that name")
    return loaded


def _table(found: list[Figure]) -> Table:
    """A row per seed, a column per model, and the means below."""
    table = Table("seed", *_MODELS, box=None, pad_edge=False)
    for seed in dict.fromkeys(each.seed for each in found):
        table.add_row(str(seed), *(_cell([each]) for each in found if each.seed == seed))
    by_model = [[each for each in found if each.model == model] for model in _MODELS]
    table.add_section()
    table.add_row("mean", *map(_cell, by_model))
    return table


def _cell(found: list[Figure]) -> str:
    """The means of figures of one model."""
    accuracies = [each.accuracy for each in found if each.accuracy is not None]
    ratios = [each.sqnr for each in found if each.sqnr is not None]
    if len(accuracies) < len(found):
        return "raised"
    text = f"{statistics.fmean(accuracies):.2%}"
    return f"{text}  {statistics.fmean(ratios):.1f} dB" if ratios else text


def _record(implementation: Implementation, found: list[Figure]) -> str:
    """The figures as JSON, with what they depend on."""
    versions = {name: version(name) for name in ("torch", "scikit-learn")}
    record = {
        "implementation": {"name": implementation.name, "version": implementation.version},
        "versions": {"python": platform.python_version(), **versions},
        "platform": platform.platform(),
        "figures": [{**asdict(each), "sqnr": _number(each.sqnr)} for each in found],
    }
    return json.dumps(record, indent=1, allow_nan=False) + "\n"


def _number(value: float | None) -> float | str | None:
    """The value, or what stands for one that JSON cannot hold: "nan", "inf" or "-inf"."""
    return value if value is None or math.isfinite(value) else str(value)
