"""What a case is judged on, for who runs it again: network, batches, and where scales belong."""

from collections.abc import Mapping

from torch import Tensor, nn

from eqconform.contract import Batch
from eqconform.engine.standalone import standalone
from eqconform.judge.cases import Case, network_of
from eqconform.probe import LayerCall, module_of, record
from eqconform_models import Network, networks

_LONGEST = 60  # lines of a module's repr
_BY_HAND = "eqconform_models.catalogue"


def portrait(case: Case) -> str:
    """The subject of a case in full; empty where it is no network."""
    network = network_of(case.subject)
    if network is None:
        return ""
    model = network.build()
    parts = [_code(model), _batches(network), _places(network, model)]
    if network.name in networks():
        parts.append(
            f"To have it, with its weights: eqconform_models.network({network.name!r}).build()"
        )
    return "\n\n".join(parts)


def _code(model: nn.Module) -> str:
    """The source of a network that was made by hand, which runs; the modules of any other."""
    kind = type(model)
    if kind.__module__.startswith(_BY_HAND):
        return standalone(kind)
    lines = repr(model).rstrip().split("\n")
    if len(lines) > _LONGEST:
        lines = [*lines[:_LONGEST], f"... and {len(lines) - _LONGEST} more lines"]
    return "\n".join(lines)


def _batches(network: Network) -> str:
    calibration = network.calibration()
    lines = [f"calibration: {len(calibration)} batches of {_shape(calibration[0])}"]
    lines += [f"{name}: {_shape(batch)}" for name, batch in network.judgement().items()]
    return "\n".join(lines)


def _shape(batch: Batch) -> str:
    parts = batch if isinstance(batch, tuple) else (batch,)
    return ", ".join(f"{_plain(each)}{list(each.shape)}" for each in parts)


def _plain(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _places(network: Network, model: nn.Module) -> str:
    """Where the specification wants each layer call's scale."""
    calls = record(model, network.judgement()["fresh"]).calls
    names = [_name(index, call, model) for index, call in enumerate(calls)]
    where: Mapping[int, str] = {
        **{call: f"folded into the rows of {names[by]}" for call, by in network.folds.items()},
        **dict.fromkeys(network.multiplied, "its input is multiplied"),
        **dict.fromkeys(network.norm_folds, "folded into the norm before it, or multiplied"),
    }
    if not where:
        return f"{len(calls)} layer calls, all judged by their function alone"
    lines = [
        f"{name}: {where.get(index, 'judged by its function alone')}"
        for index, name in enumerate(names[:_LONGEST])
    ]
    return "\n".join(["where scales belong:", *lines])


def _name(index: int, call: LayerCall, model: nn.Module) -> str:
    """The module as the model names it, and the number by which verdicts name its call."""
    module = module_of(call, model)
    number = f"layer call {index}"
    return f"{module} ({number}, {call.kind})" if module else f"{number} ({call.kind})"
