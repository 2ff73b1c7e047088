"""Changes what the whole process shares, and prints garbage wherever it can."""

import os
import random
import sys
import warnings
from pathlib import Path

import torch
from good import Good
from torch import nn

print("\x00 garbage at import", "☃")  # noqa: T201
os.write(1, b"\xff\xfe on the descriptor\n")


class Untidy(Good):
    name = "untidy"

    def observe_input(self, batches: object, *, channel_axis: int) -> object:
        print("garbage {not json}")  # noqa: T201
        os.write(1, b'{"kind": "case"}\n')
        os.write(2, b"\xff\xfe\n")
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.set_num_threads(2)
        torch.use_deterministic_algorithms(mode=True)
        torch.set_default_device("meta")
        torch.manual_seed(0)
        random.seed(0)
        warnings.simplefilter("error")
        os.environ["OMP_NUM_THREADS"] = "many"
        os.chdir("/")
        sys.stdout = None
        return super().observe_input(batches, channel_axis=channel_axis)


class Sensitive(Untidy):
    """Right only while the process is as it was."""

    name = "sensitive"

    def equalize(self, model: nn.Module, *_: object, **__: object) -> nn.Module:
        assert torch.get_default_dtype() == torch.float32
        assert torch.is_grad_enabled()
        assert torch.get_num_threads() == 1
        assert not torch.are_deterministic_algorithms_enabled()
        assert torch.empty(0).device.type == "cpu"
        assert os.environ["OMP_NUM_THREADS"] == "1"
        assert Path.cwd() != Path("/")
        assert sys.stdout is not None
        warnings.warn("is no error", stacklevel=1)
        return super().equalize(model)
