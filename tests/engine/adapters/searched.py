"""For searches: one that is right and does nothing else, and some that are wrong in their way."""

# Overrides have the signatures of `eqconform.Implementation`.
# ruff: noqa: ANN001, ANN201, ARG002

import os
import subprocess
import sys
import time
from typing import ClassVar

from torch import nn

from eqconform.adapters.reference import Reference


def holds(model: nn.Module, kind: type[nn.Module]) -> bool:
    return any(isinstance(each, kind) for each in model.modules())


class WrongAboutLinear(Reference):
    """The first Linear module comes out with another bias."""

    name = "wrong about linear"

    def equalize(self, model, batches, *, layers=None):
        sys.stdout.write("noise on standard output\n")
        found = super().equalize(model, batches, layers=layers)
        for each in found.modules():
            if isinstance(each, nn.Linear) and each.bias is not None:
                each.bias.data += 1.0
                break
        return found


class Raises(Reference):
    """Refuses everything, without a word that it is out of scope."""

    name = "raises"

    def equalize(self, model, batches, *, layers=None):
        raise ValueError(f"no {type(model).__name__} on {len(batches)} batches, {layers}")


class DiesOfConv3d(Reference):
    name = "dies of conv3d"

    def equalize(self, model, batches, *, layers=None):
        if holds(model, nn.Conv3d):
            os._exit(3)
        return super().equalize(model, batches, layers=layers)


class DiesAlways(Reference):
    name = "dies always"

    def equalize(self, model, batches, *, layers=None):
        os._exit(3)


class LeavesChildren(Reference):
    """And hangs, so that it is ended."""

    name = "leaves children"

    def equalize(self, model, batches, *, layers=None):
        wait = "import time; time.sleep(600)"
        subprocess.Popen([sys.executable, "-c", wait, "eqconform-left-running"])
        time.sleep(600)


class HangsOnLayerNorm(Reference):
    name = "hangs on layer norm"

    def equalize(self, model, batches, *, layers=None):
        if holds(model, nn.LayerNorm):
            time.sleep(1000)
        return super().equalize(model, batches, layers=layers)


class Hoards(Reference):
    """Keeps 600 MB of every network."""

    name = "hoards"
    kept: ClassVar[list[bytearray]] = []

    def equalize(self, model, batches, *, layers=None):
        self.kept.append(bytearray(6 * 10**8))
        return super().equalize(model, batches, layers=layers)
