"""Hostile to what the process shares: replaces, changes, closes, and leaves things running."""

import atexit
import builtins
import gc
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

import eqconform.judge.judgement
import eqconform.judge.outcome
import eqconform.probe

Model = nn.Module


def replace_in_torch(_: Model, equalized: Model) -> Model:
    torch.equal = torch.allclose = lambda *_, **__: True
    torch.nn.functional.linear = lambda x, *_: x
    torch.Tensor.__mul__ = lambda one, _: one
    return equalized


def replace_in_the_suite(_: Model, equalized: Model) -> Model:
    eqconform.probe.record = None
    eqconform.judge.judgement.judge_function = lambda *_: None
    eqconform.judge.outcome.within.__code__ = (lambda *_, **__: None).__code__
    return equalized


def refuse(*_: object) -> None:
    raise RuntimeError("no")


def replace_builtins(_: Model, equalized: Model) -> Model:
    builtins.open = builtins.isinstance = builtins.len = builtins.getattr = refuse
    return equalized


def enter_a_mode(_: Model, equalized: Model) -> Model:
    TorchFunctionMode().__enter__()
    return equalized


def change_settings(_: Model, equalized: Model) -> Model:
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.set_flush_denormal(True)
    torch.backends.mkldnn.enabled = False
    torch.manual_seed(0)
    random.seed(0)
    warnings.simplefilter("error")
    gc.disable()
    os.umask(0o777)
    sys.path.clear()
    sys.setrecursionlimit(100)
    return equalized


def shrug(*_: object) -> None:
    return None


def hook_in(_: Model, equalized: Model) -> Model:
    atexit.register(os._exit, 5)
    sys.settrace(shrug)
    sys.excepthook = refuse
    signal.signal(signal.SIGALRM, shrug)
    signal.signal(signal.SIGTERM, shrug)
    return equalized


def close_outputs(_: Model, equalized: Model) -> Model:
    print("before")  # noqa: T201
    sys.stdout.close()
    sys.stderr.close()
    sys.__stdout__.close()
    os.close(1)
    os.close(2)
    return equalized


def delete_the_folder(_: Model, equalized: Model) -> Model:
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    Path(folder).rmdir()
    return equalized


def disturb() -> None:
    while True:
        torch.manual_seed(0)
        torch.set_default_dtype(torch.float64)
        os.write(1, b"still here\n")
        time.sleep(0.001)


def leave_a_thread(_: Model, equalized: Model) -> Model:
    threading.Thread(target=disturb, daemon=True).start()
    return equalized


def leave_a_child(_: Model, equalized: Model) -> Model:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    Path(os.environ["HOSTILE_CHILD"]).write_text(str(child.pid))
    return equalized


BEHAVIOURS = {
    "replaces-in-torch": replace_in_torch,
    "replaces-in-the-suite": replace_in_the_suite,
    "replaces-builtins": replace_builtins,
    "enters-a-mode": enter_a_mode,
    "changes-settings": change_settings,
    "hooks-in": hook_in,
    "closes-outputs": close_outputs,
    "deletes-the-folder": delete_the_folder,
    "leaves-a-thread": leave_a_thread,
    "leaves-a-child": leave_a_child,
}
