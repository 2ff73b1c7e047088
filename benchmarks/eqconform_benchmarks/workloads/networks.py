"""Suites "calibrate", "convert" and "models": whole networks; "weights": scaling one.

Limits: a calibration pass is held against the plain forward pass; convert against a bare pass over
the weights, which finds each column's range and scales it in place; prepare against copying and
tracing; the equalized model's forward pass against the original's. How convert grows with the graph
shows on chains of equal layers, where a thousand are held against ten times a hundred.
"""

import copy
import itertools
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor, nn
from torch.fx import symbolic_trace

from eqconform import Implementation
from eqconform_benchmarks.pairing import Work, work
from eqconform_benchmarks.workloads.answers import require_function
from eqconform_benchmarks.workloads.following import (
    CHANGES,
    require_calibrated_anew,
    require_converted_anew,
    require_prepared_anew,
)
from eqconform_benchmarks.workloads.tensors import LINEAR
from eqconform_benchmarks.workloads.workload import Timed, Workload

NETWORKS = (
    "alexnet",
    "vgg11",
    "resnet18",
    "resnet50",
    "mobilenet_v2",
    "densenet121",
    "efficientnet_b0",
    "vit_b_16",
)
_QUICK = ("alexnet", "resnet18")
_QUICK_CALIBRATION = "densenet121"
# 5 % of the calibration pass, as a multiple of the plain one.
_CALIBRATION_GOALS = {"densenet121": 1 / (1 - 0.05)}
_CONVERT_GOALS = {"alexnet": 2.0, "vgg11": 2.0}
_CALIBRATION_BATCH = 8
_STEPS = ("equalize", "prepare", "convert")
_CHAIN = "equalize.same-function/chain-three-layers"
_WIDTH = 16  # of a chain: small, so that the graph is what costs
_MOST_BYTES = 1 << 30  # of the copies for one sample

Make = Callable[[nn.Module, Tensor, Implementation], Timed]


def listed() -> Iterator[Workload]:
    """Every network in every suite, and the chains."""
    for name in NETWORKS:
        yield from _of_network(name)
    yield from _chains()
    yield Workload(
        suite="weights",
        name="linear-scaled",
        limit="bare weight pass",
        needs=_STEPS,
        relies_on=(_CHAIN,),
        make=_one_linear,
        quick=True,
    )


def _of_network(name: str) -> Iterator[Workload]:
    """What is measured of one of torchvision's networks."""
    case, quick = f"equalize.vision/{name}", name in _QUICK
    yield Workload(
        suite="calibrate",
        name=name,
        limit="plain forward pass",
        needs=_STEPS,
        relies_on=(case,),
        make=partial(_on_network, name, _CALIBRATION_BATCH, _calibrate),
        goal=_CALIBRATION_GOALS.get(name),
        quick=quick or name == _QUICK_CALIBRATION,
    )
    yield Workload(
        suite="convert",
        name=name,
        limit="bare weight pass",
        needs=_STEPS,
        relies_on=(case,),
        make=partial(_on_network, name, 1, _convert),
        goal=_CONVERT_GOALS.get(name),
        quick=quick,
    )
    ends: dict[str, tuple[str, tuple[str, ...], Make]] = {
        "prepare": ("copy and trace", ("equalize", "prepare"), _prepare),
        "forward": ("original's forward pass", ("equalize",), _forward),
    }
    for what, (limit, needs, make) in ends.items():
        yield Workload(
            suite="models",
            name=f"{name}-{what}",
            limit=limit,
            needs=needs,
            relies_on=(case,),
            make=partial(_on_network, name, 1, make),
            quick=quick,
        )


def _chains() -> Iterator[Workload]:
    for layers, of in ((10, 10), (100, 10), (1000, 100)):
        yield Workload(
            suite="convert",
            name=f"chain-of-{layers}",
            limit="bare weight pass" if layers == of else f"{layers // of} x chain of {of}",
            needs=_STEPS,
            relies_on=(_CHAIN,),
            make=partial(_grown_chain, layers, of) if layers > of else partial(_chain, layers),
            goal=1.3 if layers > of else None,
            quick=True,
        )


def network(name: str, batch: int, device: torch.device) -> tuple[nn.Module, Tensor]:
    """A torchvision network with random weights, and images of 224 x 224 for it."""
    from torchvision.models import get_model  # noqa: PLC0415  slow, and not every suite needs it

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model: nn.Module = get_model(name, weights=None).eval().to(device)
        return model, torch.rand(batch, 3, 224, 224).to(device)


def chain(layers: int, device: torch.device) -> tuple[nn.Module, Tensor]:
    """Linear layers with ReLU between them, and a batch for them."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        parts = [part for _ in range(layers) for part in (nn.Linear(_WIDTH, _WIDTH), nn.ReLU())]
        return nn.Sequential(*parts).eval().to(device), torch.randn(2, _WIDTH).to(device)


def calibrated(model: nn.Module, images: Tensor, implementation: Implementation) -> nn.Module:
    """The prepared model, called once; of a copy, for some change the model that they are given."""
    prepared = implementation.prepare(copy.deepcopy(model))
    with torch.no_grad():
        prepared(images)
    return prepared


def weight_pass(model: nn.Module) -> Callable[[], None]:
    """What convert cannot do without: each column's range, and one multiplication in place."""
    weights = [w.detach().clone() for w in model.parameters() if w.ndim > 1]

    def scan_and_scale() -> None:
        for weight in weights:
            low, high = weight.amin(0), weight.amax(0)  # rows first: by far the fastest
            if kernel := tuple(range(1, low.ndim)):
                low, high = low.amin(kernel), high.amax(kernel)
            ones = torch.ones_like(high - low)  # the same weight, and the same work, again
            weight.mul_(ones.view(-1, *[1] * (weight.ndim - 2)))

    return scan_and_scale


def _on_network(
    name: str, batch: int, make: Make, implementation: Implementation, device: torch.device
) -> Timed:
    return make(*network(name, batch, device), implementation)


def _calibrate(model: nn.Module, images: Tensor, implementation: Implementation) -> Timed:
    prepared = implementation.prepare(copy.deepcopy(model))
    return Timed(
        _called(prepared, images),
        _called(model, images),
        follow=partial(require_calibrated_anew, prepared, model, images, implementation),
    )


def _forward(model: nn.Module, images: Tensor, implementation: Implementation) -> Timed:
    equalized = implementation.equalize(copy.deepcopy(model), [images])

    def follow() -> None:
        for change in CHANGES:
            change(images)
            require_function(equalized, model, images)

    return Timed(_called(equalized, images), _called(model, images), follow=follow)


def _convert(model: nn.Module, images: Tensor, implementation: Implementation) -> Timed:
    prepared = calibrated(model, images, implementation)
    candidate = _on_copies(implementation.convert, prepared)
    follow = partial(require_converted_anew, model, images, implementation)
    return Timed(candidate, work(weight_pass(model)), follow=follow)


def _prepare(model: nn.Module, images: Tensor, implementation: Implementation) -> Timed:
    return Timed(
        _on_copies(implementation.prepare, model),
        work(lambda: symbolic_trace(copy.deepcopy(model))),
        follow=partial(require_prepared_anew, model, images, implementation),
    )


def _chain(layers: int, implementation: Implementation, device: torch.device) -> Timed:
    return _convert(*chain(layers, device), implementation)


def _grown_chain(
    layers: int, of: int, implementation: Implementation, device: torch.device
) -> Timed:
    made = chain(layers, device)
    long, short = (calibrated(*each, implementation) for each in (made, chain(of, device)))
    several = layers // of

    def convert_all(copies: list[nn.Module]) -> None:
        for each in copies:
            implementation.convert(each)

    limit = Work(convert_all, lambda: [copy.deepcopy(short) for _ in range(several)])
    follow = partial(require_converted_anew, *made, implementation)
    return Timed(_on_copies(implementation.convert, long), limit, follow=follow)


def _one_linear(implementation: Implementation, device: torch.device) -> Timed:
    """Scaling: in the conversion of one layer there is little else."""
    rows, columns = LINEAR
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(columns, rows)).eval().to(device)
        return _convert(model, torch.randn(2, columns).to(device), implementation)


def _on_copies(run: Callable[[nn.Module], object], model: nn.Module) -> Work:
    """Work on a copy of a model, for some implementations change what they are given.

    No two copies within thousands have the same weights, for who remembers networks by them.
    """
    hairs = itertools.cycle(1 + step * 2.0**-16 for step in range(1, 1 << 13))

    def fresh() -> nn.Module:
        copied, hair = copy.deepcopy(model), next(hairs)
        with torch.no_grad():
            for weight in copied.parameters():
                weight.mul_(hair)
        return copied

    held = sum(each.nbytes for each in (*model.parameters(), *model.buffers()))
    return Work(run, fresh, most=max(1, _MOST_BYTES // max(1, held)))


def _called(model: nn.Module, images: Tensor) -> Work:
    """A call of a model. The images are another version of themselves in every sample."""

    def call(given: Tensor) -> object:
        with torch.no_grad():
            return model(given)

    return Work(call, partial(images.add_, 0))
