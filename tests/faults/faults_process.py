"""Equalizers that compute the right thing, and leave the process another one."""

# Overrides have the signatures of `eqconform.Implementation`.
# ruff: noqa: ANN001, ANN201

import os
import random
import warnings

import numpy as np
import torch
from by_hooks import ByHooks
from registered import caught_by


@caught_by("equalize.global-state-untouched")
class DrawsFromTorch(ByHooks):
    """Draws one number from torch's global generator."""

    def convert(self, prepared):
        torch.rand(1)
        return super().convert(prepared)


@caught_by("equalize.global-state-untouched")
class DrawsFromPython(ByHooks):
    """Draws one number from the generator of Python's `random`."""

    def convert(self, prepared):
        random.random()  # noqa: S311  that it moves the generator is the point
        return super().convert(prepared)


@caught_by("equalize.global-state-untouched")
class DrawsFromNumpy(ByHooks):
    """Draws one number from NumPy's global generator."""

    def convert(self, prepared):
        np.random.rand()  # noqa: NPY002  that it moves the global generator is the point
        return super().convert(prepared)


@caught_by("equalize.global-state-untouched")
class SilencesWarnings(ByHooks):
    """Adds a filter that ignores user warnings from then on."""

    def prepare(self, model, *, layers=None):
        warnings.filterwarnings("ignore", category=UserWarning, module="eqconform")
        return super().prepare(model, layers=layers)


@caught_by("equalize.global-state-untouched")
class FlushesDenormals(ByHooks):
    """Switches flush-denormal on, for speed."""

    def prepare(self, model, *, layers=None):
        torch.set_flush_denormal(True)
        return super().prepare(model, layers=layers)


@caught_by("equalize.global-state-untouched")
class LeavesGradientsOff(ByHooks):
    """Turns gradients off and not on again."""

    def calibrated(self, prepared, batches):
        torch.set_grad_enabled(False)
        return super().calibrated(prepared, batches)


@caught_by("equalize.global-state-untouched")
class LeavesItsDtype(ByHooks):
    """Makes float64 the default dtype, for exact statistics."""

    def convert(self, prepared):
        torch.set_default_dtype(torch.float64)
        return super().convert(prepared)


@caught_by("equalize.global-state-untouched")
class WritesToTheEnvironment(ByHooks):
    """Sets an environment variable."""

    def convert(self, prepared):
        os.environ["EQUALIZER_VERBOSE"] = "1"
        return super().convert(prepared)
