"""Claim "equalize": the result is a module like any other, and can be used as one."""

import copy
import io
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from eqconform.cases import check
from eqconform.checks.subjects import named
from eqconform.contract import Batch
from eqconform.guard import Guarded, attempt, run
from eqconform.judgement import equalized, judge_engaged, judge_function
from eqconform.outcome import Evidence, Vacuous, require
from eqconform.probe import outputs
from eqconform_models import Network

_NETWORKS = named("chain-three-layers", "residual-block", "norm-conv-batch-norm-conv")
_TRACED = named("residual-block")
_TIED = named("tied-weight-in-row", "tied-embedding", "shared-bias", "layer-under-two-names")


@check("equalize.state-dict-round-trip", needs=("equalize",), over=_NETWORKS)
def state_dict_round_trip(implementation: Guarded, network: Network) -> Evidence:
    """The state_dict holds everything: loaded over a model of other numbers, it makes this one."""
    model = equalized(implementation, network)
    other = equalized(implementation, _of_other_numbers(network))
    state = {name: value.clone() for name, value in model.state_dict().items()}
    attempt("load_state_dict()", lambda: other.load_state_dict(state))
    return judge_engaged(network, other)


@check("equalize.deepcopy", needs=("equalize",), over=_NETWORKS)
def deepcopy(implementation: Guarded, network: Network) -> Evidence:
    """A deep copy computes the same, and goes on doing so when the first one is overwritten."""
    model = equalized(implementation, network)
    duplicate = attempt("copy.deepcopy()", lambda: copy.deepcopy(model))
    for tensor in model.state_dict().values():
        tensor.zero_()
    return judge_engaged(network, duplicate)


@check("equalize.pickle", needs=("equalize",), over=_NETWORKS)
def pickled(implementation: Guarded, network: Network) -> Evidence:
    """The model can be pickled, by `pickle` and by `torch.save`."""
    model = equalized(implementation, network)
    stream = io.BytesIO()
    attempt("torch.save()", lambda: torch.save(model, stream))
    stream.seek(0)
    saved = attempt("torch.load()", lambda: torch.load(stream, weights_only=False))
    judge_function(network, saved)
    return judge_engaged(
        network,
        attempt("pickle", lambda: pickle.loads(pickle.dumps(model))),  # noqa: S301  its own
    )


@check("equalize.moves-with-to", needs=("equalize",), over=_NETWORKS)
def moves_with_to(implementation: Guarded, network: Network) -> Evidence:
    """Every tensor that the model computes with is one that `.to()` moves."""
    model = equalized(implementation, network)
    batch = network.judgement()["fresh"]
    with _HiddenTensors(model, batch) as mode:
        run(model, batch)
    require(not mode.hidden, Evidence("parameters and buffers only", "; ".join(mode.hidden)))
    double = attempt(".double()", model.double)
    return judge_engaged(network, double, dtype=torch.float64, precision=torch.float32)


@check("equalize.compiles", needs=("equalize",), over=_TRACED, full=_NETWORKS)
def compiles(implementation: Guarded, network: Network) -> Evidence:
    """`torch.compile` takes the model in one graph."""
    torch.compiler.reset()
    model = equalized(implementation, network)
    compiled: Any = torch.compile(model, backend="eager", fullgraph=True)
    return judge_engaged(network, compiled)


@check("equalize.exports", needs=("equalize",), over=_TRACED, full=_NETWORKS)
def exports(implementation: Guarded, network: Network) -> Evidence:
    """`torch.export` takes the model."""
    model = equalized(implementation, network)
    batch = network.judgement()["fresh"]
    exported = attempt("torch.export()", lambda: torch.export.export(model, _arguments(batch)))
    return judge_engaged(network, exported.module())


@check("equalize.jit-traces", needs=("equalize",), over=_TRACED, full=_NETWORKS)
def jit_traces(implementation: Guarded, network: Network) -> Evidence:
    """`torch.jit.trace` takes the model."""
    model = equalized(implementation, network)
    batch = network.judgement()["fresh"]
    trace: Callable[..., Any] = torch.jit.trace
    traced = attempt("torch.jit.trace()", lambda: trace(model, _arguments(batch)))
    return judge_engaged(network, traced)


@check("equalize.layer-names-kept", needs=("equalize",), over=_NETWORKS)
def layer_names_kept(implementation: Guarded, network: Network) -> Evidence:
    """A layer's weight is found under the name that it had."""
    before = network.build()
    layers = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    names = [f"{n}.weight" for n, module in before.named_modules() if isinstance(module, layers)]
    kept = equalized(implementation, network).state_dict()
    lost = [name for name in names if name not in kept]
    return require(not lost, Evidence(", ".join(names), f"no {', no '.join(lost)}"))


@check("equalize.tied-weights-stay-tied", needs=("equalize",), over=_TIED)
def tied_weights_stay_tied(implementation: Guarded, network: Network) -> Evidence:
    """Names that stood for one parameter still stand for one."""
    ties = _ties(network.build())
    after = equalized(implementation, network).state_dict()
    for first, second in ties:
        found = [name in after for name in (first, second)]
        tied = all(found) and after[first].data_ptr() == after[second].data_ptr()
        seen = "two tensors" if all(found) else "one of them is gone"
        require(tied, Evidence(f"{first!r} and {second!r} are one tensor", seen))
    return Evidence(f"{len(ties)} ties", "kept")


@check("equalize.requires-grad-kept", needs=("equalize",), over=_NETWORKS)
def requires_grad_kept(implementation: Guarded, network: Network) -> Evidence:
    """What was frozen stays frozen, and what was trainable stays trainable."""
    model = _half_frozen(network.build())
    before = {name: each.requires_grad for name, each in model.named_parameters()}
    result = implementation.equalize(model, network.calibration())
    after = dict(result.named_parameters())
    common = [name for name in before if name in after]
    if not common:
        raise Vacuous("no parameter has the name it had")
    changed = [name for name in common if after[name].requires_grad != before[name]]
    held = {name for name in result.state_dict() if name in before} - set(common)
    return require(
        not (changed or held),
        Evidence("requires_grad of each parameter as before", ", ".join([*changed, *held])),
    )


class _HiddenTensors(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it so
    """Notes every tensor that an operation is given out of nowhere."""

    def __init__(self, model: nn.Module, batch: Batch) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self.hidden: list[str] = []
        self._known = {0}  # the address of no data
        self._alive: list[Tensor] = []  # a freed tensor's address would come again
        self._know([*model.parameters(), *model.buffers(), batch])

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Look at what goes in, and remember what comes out."""
        del types
        for tensor in outputs([args, kwargs or {}]).values():
            if tensor.ndim and _address(tensor) not in self._known:
                self.hidden.append(f"{func} was given a tensor of shape {tuple(tensor.shape)}")
        result = func(*args, **(kwargs or {}))
        self._know(result)
        return result

    def _know(self, value: Any) -> None:
        tensors = outputs(value).values()
        self._alive.extend(tensors)
        self._known.update(_address(each) for each in tensors)


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _arguments(batch: Batch) -> tuple[Tensor, ...]:
    return batch if isinstance(batch, tuple) else (batch,)


def _of_other_numbers(network: Network) -> Network:
    """The same architecture with other weights, calibrated on other batches: other scales."""

    def build() -> nn.Module:
        model = network.build()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(1.5)
        return model

    def calibration() -> list[Batch]:
        return [
            tuple(4 * each for each in batch) if isinstance(batch, tuple) else 4 * batch
            for batch in network.calibration()
        ]

    return replace(network, build=build, calibration=calibration)


def _half_frozen(model: nn.Module) -> nn.Module:
    for index, parameter in enumerate(model.parameters()):
        parameter.requires_grad_(index % 2 == 0)
    return model


def _ties(model: nn.Module) -> list[tuple[str, str]]:
    """Pairs of names that stand for one parameter."""
    first: dict[int, str] = {}
    ties = []
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if id(parameter) in first:
            ties.append((first[id(parameter)], name))
        first.setdefault(id(parameter), name)
    return ties
