"""Right equalizers whose result is no module of layers any more: a compiled and an exported one."""

# Overrides have the signatures of `eqconform.Implementation`.
# ruff: noqa: ANN001, ANN201

import torch
from by_hooks import ByHooks


class Compiled(ByHooks):
    """Returns the result compiled, by the backend that only traces."""

    def convert(self, prepared):
        return torch.compile(super().convert(prepared), backend="eager")


class Exported(ByHooks):
    """Returns an exported program, for batches of the size of calibration."""

    def equalize(self, model, batches, *, layers=None):
        result = super().equalize(model, batches, layers=layers)
        return torch.export.export(result, (batches[0],)).module()
