"""`eqconform models`: how far an implementation moves torchvision's networks, one by one.

Every network gets random weights and randomized normalization statistics; the figure is the
largest error of any output, relative to that output's largest magnitude, on inputs that were not
calibrated on. It tells how well a pass does on networks that people use; the verdict of
`eqconform run` does not depend on it.
"""

import gc
import json
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor, nn

from eqconform.console import exits, leave, stdout
from eqconform.contract import Implementation
from eqconform.detectors import Undecided
from eqconform.engine.planning import NotStarted
from eqconform.files import require_writable_file, write_whole
from eqconform.judge.rounding import cast
from eqconform.loading import LoadError, load
from eqconform.probe import outputs
from eqconform.selection import UsageError
from eqconform_models import Network
from eqconform_models.vision import FAMILIES, vision_names, vision_network

app = typer.Typer(add_completion=False)

LIMITS = {"float32": 1e-5, "float64": 1e-10}
"""Largest relative error of a pass that keeps the function. Rounding of a deep network in float32
is some 10^-6 of the largest output; a scale that is lost or applied twice shows in the first digit.
Where the untouched network itself rounds more than half of that, twice its own rounding counts:
two models with one function may each be off by as much, on either side."""


@dataclass(frozen=True)
class Figure:
    """What came of one network.

    Attributes:
        name: torchvision's.
        error: relative; None where the implementation raised.
        allowed: the limit, or twice the untouched network's own rounding.
        changed: how many weights are not what they were, or no longer where they were.
        seconds: of the equalization.
        message: what was raised, or "".
    """

    name: str
    error: float | None
    allowed: float
    changed: int
    seconds: float
    message: str = ""

    @property
    def holds(self) -> bool:
        """Whether the network still computes its function."""
        return self.error is not None and self.error <= self.allowed


def figures(
    implementation: Implementation,
    names: list[str],
    dtype: torch.dtype,
    *,
    giants: bool = False,
    fitted: bool = False,
) -> Iterator[Figure]:
    """The figure of each network, measured when it is asked for.

    Args:
        implementation: whose.
        names: of `vision_names()`.
        dtype: one of `LIMITS`.
        giants: measure those too.
        fitted: see `vision_network`.
    """
    for name in names:
        network = vision_network(name, fitted=fitted)
        if giants or "giant" not in network.tags:
            yield _figure(implementation, network, dtype)
            gc.collect()  # graphs are cycles, and two large networks are too much for some machines


def _figure(implementation: Implementation, network: Network, dtype: torch.dtype) -> Figure:
    model = network.build().to(dtype)
    batches = [cast(batch, dtype) for batch in network.calibration()]
    detection = "detection" in network.tags
    way = implementation.equalize_parts if detection else implementation.equalize
    limit = LIMITS[str(dtype).removeprefix("torch.")]
    start = time.perf_counter()
    try:
        # Of another copy: some implementations change the model that they are given.
        equalized = way(network.build().to(dtype), batches)
        seconds = time.perf_counter() - start
        error = _error(network, model, equalized, dtype)
    except Exception as raised:  # noqa: BLE001  theirs, whatever it is
        message = f"{type(raised).__name__}: {raised}".split("\n")[0]
        return Figure(network.name, None, limit, 0, time.perf_counter() - start, message)
    changed = _changed(model, equalized)
    if error > limit:
        limit = max(limit, 2 * _own_rounding(network, model, dtype))
    return Figure(network.name, error, limit, changed, seconds)


def _error(network: Network, model: nn.Module, equalized: nn.Module, dtype: torch.dtype) -> float:
    before, after = (_judged(network, each, dtype) for each in (model, equalized))
    return _distance(before, after)


def _own_rounding(network: Network, model: nn.Module, dtype: torch.dtype) -> float:
    rounded = _judged(network, model, dtype)
    return _distance(_judged(network, model.double(), torch.float64), rounded)


def _judged(network: Network, model: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    """The outputs on the batch that is judged."""
    batch = cast(network.judgement()["fresh"], dtype)
    with torch.no_grad():
        return outputs((Undecided(model) if "detection" in network.tags else model)(batch))


def _distance(before: dict[str, Tensor], after: dict[str, Tensor]) -> float:
    if before.keys() != after.keys():
        return float("inf")
    return max(
        float((after[place] - value).abs().max() / value.abs().max())
        for place, value in before.items()
    )


def _changed(model: nn.Module, equalized: nn.Module) -> int:
    after = dict(equalized.named_parameters())
    weights = ((name, weight) for name, weight in model.named_parameters() if weight.ndim > 1)
    return sum(name not in after or not torch.equal(after[name], w) for name, w in weights)


@app.command()
def models(  # noqa: PLR0913  one argument per option
    implementation: Annotated[
        str, typer.Argument(metavar="IMPL", help="Name, module:Class or file.py:Class.")
    ] = "reference",
    *,
    name: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Networks of these names; repeatable.")
    ] = None,
    family: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(FAMILIES)}; repeatable.")
    ] = None,
    dtype: Annotated[str, typer.Option(help="float32 or float64.")] = "float32",
    every: Annotated[
        bool, typer.Option("--all", help="The giant ones too, of over 150 million parameters.")
    ] = False,
    fitted: Annotated[
        bool, typer.Option("--fitted", help="Normalization statistics of images, not random ones.")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures there.")
    ] = None,
) -> None:
    """Equalize torchvision's networks, and print how far each moved.

    Exits with 1 where one moved further than rounding would, or was refused.
    """
    with exits():
        names = _names(name, family)
        if dtype not in LIMITS:
            raise UsageError(f"no dtype {dtype!r}; there are {', '.join(LIMITS)}")
        if json_file is not None:
            require_writable_file(json_file)
        torch.set_num_threads(1)
        warnings.simplefilter("ignore")  # theirs; what they raise is printed
        judged, found = _load(implementation), list[Figure]()
        for figure in figures(judged, names, getattr(torch, dtype), giants=every, fitted=fitted):
            stdout().print(_line(figure), soft_wrap=True)
            found.append(figure)
        if json_file is not None:
            write_whole(json_file, _record(judged, found, dtype=dtype, fitted=fitted))
        good = sum(figure.holds for figure in found)
        stdout().print(f"{good} of {len(found)} networks compute what they did")
        leave(0 if good == len(found) > 0 else 1)


def _record(
    implementation: Implementation, found: list[Figure], *, dtype: str, fitted: bool
) -> str:
    """The figures as JSON, with what they depend on."""
    about = {"name": implementation.name, "version": implementation.version}
    record = {
        "implementation": about,
        "versions": {name: version(name) for name in ("torch", "torchvision")},
        "dtype": dtype,
        "fitted": fitted,
        "networks": [asdict(figure) for figure in found],
    }
    return json.dumps(record, indent=1) + "\n"


def _line(figure: Figure) -> str:
    mark = "ok  " if figure.holds else "FAIL"
    if figure.error is None:
        return f"{mark}  {figure.name:<38} {figure.message}"
    measured = f"{figure.error:.1e} (allowed {figure.allowed:.1e})"
    changed = f"{figure.changed:>4} weights changed"
    return f"{mark}  {figure.name:<38} {measured}  {changed}  {figure.seconds:5.1f} s"


def _names(globs: list[str] | None, family: list[str] | None) -> list[str]:
    if unknown := set(family or ()) - set(FAMILIES):
        raise UsageError(f"no family {unknown.pop()!r}; there are {', '.join(FAMILIES)}")
    known = vision_names(*(family or ()))
    found = {glob: [each for each in known if fnmatchcase(each, glob)] for glob in globs or ["*"]}
    for glob, names in found.items():
        if not names:
            raise UsageError(f"torchvision has no network that matches {glob!r}")
    return list(dict.fromkeys(name for names in found.values() for name in names))


def _load(spec: str) -> Implementation:
    try:
        return load(spec)
    except LoadError as error:
        raise NotStarted(str(error)) from error
