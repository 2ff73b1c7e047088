"""Right equalizers whose result is another kind of module: compiled, exported, wrapped."""

# Overrides have the signatures of `eqconform.Implementation`.
# ruff: noqa: ANN001, ANN002, ANN003, ANN201, ANN202, ANN204

import torch
from by_hooks import ByHooks
from torch import nn


class Compiled(ByHooks):
    """Returns the result compiled, by the backend that only traces."""

    def convert(self, prepared):
        return torch.compile(super().convert(prepared), backend="eager")


class Exported(ByHooks):
    """Returns an exported program, for batches of the size of calibration."""

    def equalize(self, model, batches, *, layers=None):
        result = super().equalize(model, batches, layers=layers)
        return torch.export.export(result, (batches[0],)).module()


class _Around(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.eval()

    def forward(self, *args, **kwargs):
        return self.inner(*args, **kwargs)


class Wrapped(ByHooks):
    """Returns a module around the result, in which every name is longer by one."""

    def convert(self, prepared):
        return _Around(super().convert(prepared))
