"""Keeps a case to itself: its own seeds, and the process as it was before.

An implementation may change what the whole process shares (that it must not is a clause of
its own); the verdicts of other cases must not depend on it. What can be set is put back here;
see `eqconform.engine.integrity` for functions that were replaced and `eqconform.engine.leftovers`
for what goes on running.
"""

import gc
import os
import random
import signal
import sys
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch

from eqconform.judge.process import flushes_denormals

T = TypeVar("T")
Restore = Callable[[], None]


def seed_of(case_id: str, seed: int) -> int:
    """The seed of a case: the same on every machine and in every order of cases."""
    return zlib.crc32(f"{seed}:{case_id}".encode())


@contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Seed every generator, and put the shared state back afterwards."""
    with ExitStack() as stack, warnings.catch_warnings():
        # A stack: where one thing cannot be put back, the others are all the same.
        for restore in (*_torch_state(), *_process_state(), *_interpreter_state()):
            stack.callback(restore)
        _seed(seed)
        torch.set_printoptions(profile="default")  # type: ignore[no-untyped-call]  # tensors stand in evidence
        warnings.simplefilter("ignore")  # whatever filters the session came with
        yield


def _seed(seed: int) -> None:
    random.seed(seed)
    torch.manual_seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)


def _torch_state() -> Iterator[Restore]:
    """One call per setting of torch that puts it back."""
    yield _kept(torch.get_default_dtype, torch.set_default_dtype)
    yield _kept(torch.get_num_threads, torch.set_num_threads)
    yield _kept(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision)
    yield _kept(lambda: torch.empty(0).device, _set_default_device)
    yield _kept(_determinism, lambda flags: torch.use_deterministic_algorithms(**flags))
    yield _attributes(torch.backends.cudnn, "enabled", "benchmark", "deterministic", "allow_tf32")
    yield _attributes(torch.backends.quantized, "engine")
    yield _attributes(torch.backends.mkldnn, "enabled")
    yield _kept(torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly)
    yield _kept(flushes_denormals, torch.set_flush_denormal)
    yield _kept(torch.is_grad_enabled, torch.set_grad_enabled)


def _process_state() -> Iterator[Restore]:
    yield _kept(_folder, os.chdir)
    yield _kept(lambda: dict(os.environ), _set_environment)
    yield _kept(_umask, os.umask)
    yield from (_handler(number) for number in signal.Signals)
    if hasattr(signal, "pthread_sigmask"):
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        yield lambda: _ignored(signal.pthread_sigmask(signal.SIG_SETMASK, blocked))


def _interpreter_state() -> Iterator[Restore]:
    yield _kept(sys.getrecursionlimit, sys.setrecursionlimit)
    yield _kept(sys.getswitchinterval, sys.setswitchinterval)
    yield _kept(sys.gettrace, sys.settrace)
    yield _kept(sys.getprofile, sys.setprofile)
    yield _kept(gc.isenabled, lambda enabled: gc.enable() if enabled else gc.disable())
    yield _kept(lambda: list(sys.path), lambda path: sys.path.__setitem__(slice(None), path))
    yield _attributes(sys, "stdout", "stderr", "excepthook")
    yield _attributes(threading, "excepthook")


def _kept(get: Callable[[], T], put: Callable[[T], object]) -> Restore:
    """Puts a setting back where it was changed; where not, some setters cost seconds.

    (`torch.use_deterministic_algorithms` imports the compiler.)
    """
    before = get()

    def restore() -> None:
        if get() != before:
            put(before)

    return restore


def _attributes(holder: Any, *names: str) -> Restore:
    def put(values: list[Any]) -> None:
        for name, value in zip(names, values, strict=True):
            setattr(holder, name, value)

    return _kept(lambda: [getattr(holder, name) for name in names], put)


def _determinism() -> dict[str, bool]:
    return {
        "mode": torch.are_deterministic_algorithms_enabled(),
        "warn_only": torch.is_deterministic_algorithms_warn_only_enabled(),
    }


def _set_default_device(device: torch.device) -> None:
    torch.set_default_device(None if device.type == "cpu" else device)


def _folder() -> str:
    """The working folder; empty where it has been deleted."""
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return ""


def _umask() -> int:
    os.umask(before := os.umask(0))
    return before


def _handler(number: signal.Signals) -> Restore:
    """Puts the handler of a signal back, unless C code had set it: Python cannot know that."""
    before = signal.getsignal(number)

    def restore() -> None:
        if before is not None and signal.getsignal(number) is not before:
            signal.signal(number, before)

    return restore


def _ignored(_: object) -> None:
    """For a restoring call whose result nobody needs."""


def _set_environment(values: dict[str, str]) -> None:
    for name in os.environ.keys() - values.keys():
        del os.environ[name]
    os.environ.update(values)
