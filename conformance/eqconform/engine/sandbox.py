"""Keeps a case to itself: its own seeds, and the process as it was before.

An implementation may change what the whole process shares (that it must not is a clause of
its own); the verdicts of other cases must not depend on it.
"""

import os
import random
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    restore = [*_torch_state(), *_process_state()]
    _seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whatever filters the session came with
        try:
            yield
        finally:
            for each in restore:
                each()


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
    yield _kept(flushes_denormals, torch.set_flush_denormal)
    yield _kept(torch.is_grad_enabled, torch.set_grad_enabled)


def _process_state() -> Iterator[Restore]:
    yield _kept(Path.cwd, os.chdir)
    yield _kept(lambda: dict(os.environ), _set_environment)
    yield _kept(sys.getrecursionlimit, sys.setrecursionlimit)
    yield _attributes(sys, "stdout", "stderr")


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


def _set_environment(values: dict[str, str]) -> None:
    for name in os.environ.keys() - values.keys():
        del os.environ[name]
    os.environ.update(values)
