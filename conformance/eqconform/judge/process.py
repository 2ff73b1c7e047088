"""What all code in a process shares, and a library must leave as it found it.

Random generators, torch's switches, warning filters, the environment: whoever changes one of them
changes what code of others computes, far away and much later.
"""

import os
import random
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch


def process_state() -> dict[str, object]:
    """Everything of the process that a caller could notice, by a name for the reader.

    The values of two calls are equal where nothing has changed in between.
    """
    return dict([*_generators(), *_modes(), *_backends(), *_interpreter()])


def flushes_denormals() -> bool:
    """Whether numbers below the smallest normal one are flushed to 0; torch has no getter."""
    tiny = torch.tensor(torch.finfo(torch.float64).tiny, dtype=torch.float64, device="cpu")
    return not bool(tiny / 2 > 0)


def _generators() -> Iterator[tuple[str, object]]:
    yield "torch's random numbers", torch.get_rng_state()
    yield "Python's random numbers", random.getstate()
    if "numpy" in sys.modules:
        name, keys, *rest = sys.modules["numpy"].random.get_state()
        yield "NumPy's random numbers", (name, keys.tolist(), rest)


def _modes() -> Iterator[tuple[str, object]]:
    yield "the default dtype", torch.get_default_dtype()
    yield "the default device", torch.empty(0).device
    yield "whether gradients are on", torch.is_grad_enabled()
    yield "whether inference mode is on", torch.is_inference_mode_enabled()
    yield "whether anomalies are detected", torch.is_anomaly_enabled()
    yield "the number of threads", torch.get_num_threads()
    yield "how tensors are printed", str(torch.tensor([1 / 3, 1e4]))


def _backends() -> Iterator[tuple[str, object]]:
    yield "whether algorithms are deterministic", torch.are_deterministic_algorithms_enabled()
    yield "whether denormals are flushed to 0", flushes_denormals()
    yield "the matmul precision", torch.get_float32_matmul_precision()
    yield "whether oneDNN is on", torch.backends.mkldnn.enabled
    yield "whether cuDNN is on", torch.backends.cudnn.enabled
    yield "whether cuDNN picks by benchmark", torch.backends.cudnn.benchmark
    yield "the quantized engine", torch.backends.quantized.engine


def _interpreter() -> Iterator[tuple[str, object]]:
    yield "the warning filters", [*map(str, warnings.filters)]
    yield "the environment", dict(os.environ)
    yield "the working directory", Path.cwd()
    yield "the recursion limit", sys.getrecursionlimit()
    yield "the standard output", sys.stdout
    yield "the standard error", sys.stderr
