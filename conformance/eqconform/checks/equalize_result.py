"""Claim "equalize": the result is a module like any other, and can be used as one."""

import copy
import io
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from eqconform.checks.keeping import KEEPING
from eqconform.checks.portraits import SETTINGS, settings_of, with_settings
from eqconform.checks.subjects import named, of_other_numbers
from eqconform.contract import Batch
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded, attempt, run
from eqconform.judge.judgement import (
    Leaves,
    a_module,
    equalized,
    judge_engaged,
    judge_twin,
    require_engaged,
    what_it_returns,
)
from eqconform.judge.outcome import Evidence, Vacuous, require
from eqconform.probe import outputs
from eqconform_models import Network
from eqconform_models import network as catalogued

_NETWORKS = named("chain-three-layers", "residual-block", "norm-conv-batch-norm-conv")
_TRACED = named("residual-block", "chain-three-layers")
_MORE_TRACED = named("norm-conv-batch-norm-conv", "functional-linear", "output-dictionary")
_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
_ATTRIBUTES = {"labels": ["cat", "dog"], "meta": {"trained": "long"}}
_WITH_SETTINGS = {**_NETWORKS, **named("chain-dropout-module")}
_BUFFERS = named("functional-linear-buffers")
_TIED = named("tied-weight-in-row", "tied-embedding", "shared-bias", "layer-under-two-names")


@check("equalize.state-dict-round-trip", needs=("equalize",), over=_NETWORKS)
def state_dict_round_trip(implementation: Guarded, network: Network) -> Evidence:
    """The state_dict holds everything: loaded over a model of other numbers, it makes this one."""
    model, own = _equalized(implementation, network)
    other = equalized(implementation, of_other_numbers(network))
    attempt("load_state_dict()", lambda: other.load_state_dict(model.state_dict()))
    return _judge_twin(network, other, own)


@check("equalize.deepcopy", needs=("equalize",), over=_NETWORKS)
def deepcopy(implementation: Guarded, network: Network) -> Evidence:
    """A deep copy computes the same, and goes on doing so when the first one is overwritten."""
    model, own = _equalized(implementation, network)
    duplicate = attempt("copy.deepcopy()", lambda: copy.deepcopy(model))
    for tensor in model.state_dict().values():
        tensor.zero_()
    return _judge_twin(network, duplicate, own)


@check("equalize.pickle", needs=("equalize",), over={**_NETWORKS, **KEEPING})
def pickled(implementation: Guarded, network: Network) -> Evidence:
    """The model can be pickled, by `pickle` and by `torch.save`; no proxy stands in it."""
    model, own = _equalized(implementation, network)
    stream = io.BytesIO()
    attempt("torch.save()", lambda: torch.save(model, stream))
    stream.seek(0)
    saved = attempt("torch.load()", lambda: torch.load(stream, weights_only=False))
    _judge_twin(network, saved, own)
    again = attempt("pickle", lambda: pickle.loads(pickle.dumps(model)))  # noqa: S301  its own
    return _judge_twin(network, again, own)


@check("equalize.moves-with-to", needs=("equalize",), over=_NETWORKS)
def moves_with_to(implementation: Guarded, network: Network) -> Evidence:
    """Every tensor that the model computes with is one that `.to()` moves."""
    model, own = _equalized(implementation, network)
    fresh = network.judgement()["fresh"]
    with _HiddenTensors(model, fresh) as mode:
        run(model, fresh)
    require(not mode.hidden, Evidence("parameters and buffers only", "; ".join(mode.hidden)))
    moved = attempt(".to()", lambda: copy.deepcopy(model).to("cpu", torch.float64))
    _require_all_of(torch.float64, moved)
    back = attempt(".to()", lambda: moved.to(torch.float32))
    on_cpu = what_it_returns(catalogued(network.name), back)
    device = next(iter(own["fresh"].values())).device
    returned = {
        name: {at: each.to(device) for at, each in leaves.items()}
        for name, leaves in on_cpu.items()
    }
    return judge_twin(network, returned, own)


@check("equalize.double", needs=("equalize",), over=_NETWORKS)
def double(implementation: Guarded, network: Network) -> Evidence:
    """`.double()` makes a float64 model of the equalized float32 one, with the same function."""
    model = attempt(".double()", equalized(implementation, network).double)
    return judge_engaged(network, model, dtype=torch.float64, precision=torch.float32)


@check("equalize.compiles", needs=("equalize",), over=_TRACED, full=_MORE_TRACED)
def compiles(implementation: Guarded, network: Network) -> Evidence:
    """`torch.compile` takes the model in one graph, as it takes the untouched one."""
    torch.compiler.reset()
    model, own = _equalized(implementation, network)
    untouched = torch.compile(network.build(), backend="eager", fullgraph=True)
    untouched(*_arguments(network.judgement()["fresh"]))  # that failing would be no fault of theirs
    compiled: Any = torch.compile(model, backend="eager", fullgraph=True)
    return _judge_twin(network, compiled, own)


@check("equalize.exports", needs=("equalize",), over=_TRACED, full=_MORE_TRACED)
def exports(implementation: Guarded, network: Network) -> Evidence:
    """`torch.export` takes the model."""
    model, own = _equalized(implementation, network)
    batch = network.judgement()["fresh"]
    exported = attempt("torch.export()", lambda: torch.export.export(model, _arguments(batch)))
    return _judge_twin(network, exported.module(), own)


@check("equalize.jit-traces", needs=("equalize",), over=_TRACED, full=_MORE_TRACED)
def jit_traces(implementation: Guarded, network: Network) -> Evidence:
    """`torch.jit.trace` takes the model."""
    model, own = _equalized(implementation, network)
    batch = network.judgement()["fresh"]
    trace: Callable[..., Any] = torch.jit.trace
    traced = attempt("torch.jit.trace()", lambda: trace(model, _arguments(batch), strict=False))
    return _judge_twin(network, traced, own)


@check("equalize.layer-names-kept", needs=("equalize",), over=_NETWORKS)
def layer_names_kept(implementation: Guarded, network: Network) -> Evidence:
    """A layer's weight is found under the name that it had."""
    before = network.build()
    names = [f"{n}.weight" for n, module in before.named_modules() if isinstance(module, _LAYERS)]
    model = equalized(implementation, network)
    require_engaged(network, model)
    kept = model.state_dict()
    lost = [name for name in names if name not in kept]
    return require(not lost, Evidence(", ".join(names), f"no {', no '.join(lost)}"))


@check("equalize.attributes-kept", needs=("equalize",), over=_WITH_SETTINGS)
def attributes_kept(implementation: Guarded, network: Network) -> Evidence:
    """What else was an attribute of the model, or of a layer, is one of the result."""
    model = with_settings(network.build())
    layer = next(n for n, module in model.named_modules() if isinstance(module, _LAYERS))
    for name in ("", layer):
        vars(model.get_submodule(name)).update(_ATTRIBUTES)
    result = a_module(implementation.equalize(model, network.calibration()), "equalize()")
    require_engaged(network, result)
    held = dict(result.named_modules())
    lost = [
        f"{attribute!r} of {name or 'the model'}"
        for name in ("", layer)
        for attribute, value in _ATTRIBUTES.items()
        if getattr(held.get(name), attribute, None) != value
    ]
    observed = f"without {', '.join(lost)}" if lost else "so they are"
    require(not lost, Evidence(f"{_ATTRIBUTES}, of the model and a layer", observed))
    return _require_settings(model, held)


def _require_settings(model: nn.Module, held: Mapping[str, nn.Module]) -> Evidence:
    """The evidence that norms and dropouts have the settings they had, where they still stand.

    Args:
        model: the caller's, with settings that no module has by default.
        held: the modules of the result by name; one of another type has settings of its own.

    Raises:
        Violation: one of them has not.
    """
    standing = [
        (name, module, held[name])
        for name, module in model.named_modules()
        if name in held and type(held[name]) is type(module)
    ]
    changed = [
        f"{setting} of {name!r} {SETTINGS[setting]} became {getattr(after, setting, None)}"
        for name, before, after in standing
        for setting in settings_of(before)
        if getattr(after, setting, None) != SETTINGS[setting]
    ]
    expected = "attributes of the model, its layers, norms and dropouts as they were"
    return require(not changed, Evidence(expected, "; ".join(changed) or "so they are"))


@check("equalize.tied-weights-stay-tied", needs=("equalize",), over=_TIED)
def tied_weights_stay_tied(implementation: Guarded, network: Network) -> Evidence:
    """Names that stood for one parameter still stand for one."""
    ties = _ties(network.build())
    model = equalized(implementation, network)
    require_engaged(network, model)
    after = model.state_dict()
    for first, second in ties:
        found = [name in after for name in (first, second)]
        tied = all(found) and after[first].data_ptr() == after[second].data_ptr()
        seen = "two tensors" if all(found) else "one of them is gone"
        require(tied, Evidence(f"{first!r} and {second!r} are one tensor", seen))
    return Evidence(f"{len(ties)} ties", "kept")


@check("equalize.requires-grad-kept", needs=("equalize",), over={**_NETWORKS, **_BUFFERS})
def requires_grad_kept(implementation: Guarded, network: Network) -> Evidence:
    """What was frozen stays frozen, what was trainable stays trainable; buffers stay buffers."""
    model = _half_frozen(network.build())
    before = {name: each.requires_grad for name, each in model.named_parameters()}
    buffers = dict(model.named_buffers())
    result = a_module(implementation.equalize(model, network.calibration()), "equalize()")
    require_engaged(network, result)
    result = _inside_of(result, {*before, *buffers})
    after = dict(result.named_parameters())
    common = [name for name in before if name in after]
    kept = [name for name in buffers if name in result.state_dict()]
    if not common and not kept:
        raise Vacuous("no parameter or buffer has the name it had")
    changed = [name for name in common if after[name].requires_grad != before[name]]
    seen = [f"{name}: {before[name]} became {not before[name]}" for name in changed]
    gone = {name for name in result.state_dict() if name in before} - set(common)
    seen += [f"{name} is no parameter any more" for name in sorted(gone)]
    seen += [f"{name} is a parameter now" for name in kept if name in after]
    expected = "requires_grad of each parameter as before, and each buffer a buffer"
    return require(not seen, Evidence(expected, "; ".join(seen) or "as before"))


@check("equalize.nothing-to-train", needs=("equalize",), over=_NETWORKS)
def nothing_to_train(implementation: Guarded, network: Network) -> Evidence:
    """A frozen model comes out frozen: what was added is nothing that an optimizer may move."""
    model = network.build().requires_grad_(requires_grad=False)
    result = a_module(implementation.equalize(model, network.calibration()), "equalize()")
    require_engaged(network, result)
    trainable = [name for name, each in result.named_parameters() if each.requires_grad]
    observed = f"trainable: {', '.join(trainable)}" if trainable else "none"
    return require(not trainable, Evidence("no trainable parameter", observed))


def _inside_of(result: nn.Module, names: set[str]) -> nn.Module:
    """What a wrapper is around: the module in which all names are as they were, or the result."""
    return next((each for each in result.modules() if names <= each.state_dict().keys()), result)


def _equalized(implementation: Guarded, network: Network) -> tuple[nn.Module, dict[str, Leaves]]:
    """The equalized model, and what it returns.

    Raises:
        Vacuous: nothing was changed.
        Raised, Unsupported, Violation: see `eqconform.judge.judgement.equalized`.
    """
    model = equalized(implementation, network)
    require_engaged(network, model)
    return model, what_it_returns(network, model)


def _judge_twin(network: Network, twin: nn.Module, own: Mapping[str, Leaves]) -> Evidence:
    return judge_twin(network, what_it_returns(network, twin), own)


def _require_all_of(dtype: torch.dtype, model: nn.Module) -> None:
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    left = [
        name for name, each in tensors.items() if each.is_floating_point() and each.dtype != dtype
    ]
    require(not left, Evidence(f"floating parameters and buffers of {dtype}", f"not {left}"))


class _HiddenTensors(TorchFunctionMode):
    """Notes every tensor that an operation is given out of nowhere."""

    def __init__(self, model: nn.Module, batch: Batch) -> None:
        super().__init__()
        self.hidden: list[str] = []
        self._known = {0}  # the address of no data
        self._alive: list[Tensor] = []  # a freed tensor's address would come again
        self._know([*model.parameters(), *model.buffers(), batch])

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
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
    """Of the data; 0 where there is none: what torch.compile traces with are no values yet.

    What it has compiled then runs under the mode as well, with tensors that have addresses.
    """
    try:
        return tensor.untyped_storage().data_ptr()
    except RuntimeError:
        return 0


def _arguments(batch: Batch) -> tuple[Tensor, ...]:
    return batch if isinstance(batch, tuple) else (batch,)


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
