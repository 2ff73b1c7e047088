"""Claim "observe", the observer: the module that stands before a layer during calibration.

Sources: PyTorch 2.15, torch/ao/quantization/fx/_equalize.py, _InputEqualizationObserver;
torch.nn.Module for what survives.
"""

import copy
import pickle
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from eqconform.checks.examples import batches, for_all, sample
from eqconform.checks.observe import DTYPES
from eqconform.checks.verdicts import bounds, exact_range, extremes, identical, unchanged
from eqconform.judge.cases import check
from eqconform.judge.guard import Guarded, attempt
from eqconform.judge.outcome import Evidence, require

_OBSERVER = ("input_observer", "observed_range")
_Mode: TypeAlias = Callable[[], AbstractContextManager[object]]


def _show(observer: nn.Module, batch: Tensor, mode: _Mode = torch.enable_grad) -> object:
    """What the observer returns for a batch; by default with gradients on, as in training."""
    with mode():
        return attempt("calling the observer", lambda: observer(batch))


def _knows(implementation: Guarded, observer: nn.Module, *seen: Tensor) -> Evidence:
    """The evidence that the observer's range, at axis 1, is that of `seen`."""
    return exact_range(implementation.observed_range(observer), extremes(seen, 1))


@check("observe.input-returned", needs=_OBSERVER, over=DTYPES)
def input_is_returned(
    implementation: Guarded, subject: tuple[torch.dtype, list[list[float]]]
) -> Evidence:
    """What comes out is what went in: values, shape, dtype, requires_grad; at ranks 2 to 5."""
    dtype, _ = subject
    for shape in ((4, 3), (4, 3, 2), (2, 3, 2, 2), (2, 3, 1, 2, 2)):
        given = sample(*shape).to(dtype).requires_grad_()
        before = given.detach().clone()
        returned = _show(implementation.input_observer(channel_axis=1), given)
        whole = isinstance(returned, Tensor) and identical(returned, before)
        kept = whole and isinstance(returned, Tensor) and returned.requires_grad
        observed = "the same" if kept else f"{returned!r} for {given!r}"
        require(kept, Evidence("the input, unchanged", observed))
        evidence = unchanged([given.detach()], [before], "the input")
    return evidence


@check("observe.no-batch-kept", needs=_OBSERVER)
def no_batch_is_kept(implementation: Guarded, _: None) -> Evidence:
    """After more batches the observer is no larger than after one, as a pickle shows."""
    observer = implementation.input_observer(channel_axis=1)
    sizes = []
    for seed in range(8):
        batch = sample(64, 8, seed=seed)
        _show(observer, batch)
        sizes.append(attempt("pickling the observer", lambda: len(pickle.dumps(observer))))
    one = batch.numel() * batch.element_size()
    grown = sizes[-1] - sizes[0]
    evidence = Evidence(f"growth by less than one batch, {one} bytes", f"{grown} bytes more")
    return require(grown < one, evidence)


_AFFINE = {"dtype": torch.quint8, "qscheme": torch.per_tensor_affine}
_USED: dict[str, tuple[Mapping[str, Any], _Mode]] = {
    "affine-uint8": (_AFFINE, torch.enable_grad),
    "affine-int8": ({**_AFFINE, "dtype": torch.qint8}, torch.enable_grad),
    "symmetric-int8": (
        {"dtype": torch.qint8, "qscheme": torch.per_tensor_symmetric},
        torch.enable_grad,
    ),
    "without-gradients": (_AFFINE, torch.no_grad),
    "in-inference-mode": (_AFFINE, torch.inference_mode),
}


@check("observe.observer-module", needs=_OBSERVER, over=_USED)
def observer_keeps_the_running_range(
    implementation: Guarded, used: tuple[Mapping[str, Any], _Mode]
) -> Evidence:
    """After each call the range is that of all batches so far, whatever the quantizer will be.

    The observer is switched to eval mode and back between calls, and every other batch requires
    gradients: it watches, and none of that is its concern.
    """
    quantizer, mode = used

    def judge(x: list[Tensor]) -> Evidence:
        observer = implementation.input_observer(channel_axis=1, **quantizer)
        for count, batch in enumerate(x, 1):
            observer.train(count % 2 == 0)
            _show(observer, batch.clone().requires_grad_(count % 3 > 0), mode)
            evidence = _knows(implementation, observer, *x[:count])
        return evidence

    return for_all(judge, x=batches(rank=3, axis=1))


@check("observe.observers-apart", needs=_OBSERVER)
def observers_share_nothing(implementation: Guarded, _: None) -> Evidence:
    """Two observers that are used by turns each know their own data."""
    one, other = (implementation.input_observer(channel_axis=1) for _ in range(2))
    mine = [sample(4, 3, seed=seed) for seed in range(2)]
    theirs = [10 * sample(4, 3, seed=seed) for seed in range(2, 4)]
    for first, second in zip(mine, theirs, strict=True):
        _show(one, first)
        _show(other, second)
    _knows(implementation, other, *theirs)
    return _knows(implementation, one, *mine)


@check("observe.nothing-seen", needs=_OBSERVER, over={"fresh": False, "empty-batch": True})
def nothing_seen_is_no_range(implementation: Guarded, empty: bool) -> Evidence:
    """No batch, or an empty one, leaves the observer without a range."""
    observer = implementation.input_observer(channel_axis=1)
    if empty:
        _show(observer, torch.empty(0, 3))
    returned = implementation.observed_range(observer)
    return require(returned is None, Evidence("no range: None", f"{returned}"))


def _through_state_dict(implementation: Guarded, observer: nn.Module) -> nn.Module:
    fresh: nn.Module = implementation.input_observer(channel_axis=1)
    attempt("load_state_dict()", lambda: fresh.load_state_dict(observer.state_dict()))
    return fresh


def _to_float64(_: Guarded, observer: nn.Module) -> nn.Module:
    return attempt("to(torch.float64)", lambda: observer.to("cpu").to(torch.float64))


def _deep_copy(_: Guarded, observer: nn.Module) -> nn.Module:
    return attempt("copy.deepcopy()", lambda: copy.deepcopy(observer))


def _through_pickle(_: Guarded, observer: nn.Module) -> nn.Module:
    restored: nn.Module = attempt("pickle", lambda: pickle.loads(pickle.dumps(observer)))  # noqa: S301  our own bytes
    return restored


_WAYS = {
    "state-dict": _through_state_dict,
    "to": _to_float64,
    "deepcopy": _deep_copy,
    "pickle": _through_pickle,
}


@check("observe.state-survives", needs=_OBSERVER, over=_WAYS)
def state_survives(
    implementation: Guarded, way: Callable[[Guarded, nn.Module], nn.Module]
) -> Evidence:
    """The range is still there afterwards, goes on from there, and is not shared."""
    seen, more = sample(4, 3), 10 * sample(4, 3, seed=1)
    observer = implementation.input_observer(channel_axis=1)
    _show(observer, seen)
    after = way(implementation, observer)
    _knows(implementation, after, seen)
    _show(after, more)
    evidence = _knows(implementation, after, seen, more)
    return evidence if after is observer else _knows(implementation, observer, seen)


_THREADS, _CHANNELS = 4, 64


class _Dawdling(TorchFunctionMode):
    """Lets the other threads go first before every operation of this one."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Wait a little, then do it."""
        del types
        time.sleep(1e-4)
        return func(*args, **(kwargs or {}))


@check("observe.threads", needs=_OBSERVER)
def threads_lose_nothing(implementation: Guarded, _: None) -> Evidence:
    """Each of 64 batches alone holds the extremes of one channel; none may be missing.

    An update that another thread overwrites takes the extremes of its channel with it for good.
    The threads wait before every operation, so that an update can be overtaken at each.
    """
    marks = torch.diag(torch.arange(1, 1 + _CHANNELS, dtype=torch.float32))
    given = [torch.stack([mark, -mark]) for mark in marks]  # each (2, C)
    observer = implementation.input_observer(channel_axis=1)
    _show(observer, torch.zeros_like(given[0]))  # its buffers have their size before the race

    def show(first: int) -> None:
        with _Dawdling():
            for batch in given[first::_THREADS]:
                _show(observer, batch)

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(show, range(_THREADS)))  # a list, so that their exceptions come out
    seen = bounds(implementation.observed_range(observer), _CHANNELS)
    whole = torch.equal(seen, extremes(given, 1))
    observed = "all of them" if whole else "some of them lost"  # which ones differs from run to run
    return require(whole, Evidence(f"the extremes of all {_CHANNELS} batches", observed))
