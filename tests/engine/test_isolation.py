"""What a case changes in the process is put back, or noticed; each kind by itself."""

import builtins
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis.configuration import set_hypothesis_home_dir, storage_directory
from torch import nn
from torch.overrides import TorchFunctionMode

import eqconform.judge.outcome
from eqconform.contract import Implementation
from eqconform.engine import sandbox
from eqconform.engine.execution import Outcome, execute
from eqconform.engine.integrity import Integrity, in_words, modes
from eqconform.engine.leftovers import Leftovers
from eqconform.judge.cases import Case, Check
from eqconform.judge.outcome import Evidence
from eqconform.judge.process import flushes_denormals


def shrug(*_: object) -> None:
    return None


def restored(change: Callable[[], object]) -> list[str]:
    """What is put back of a change."""
    integrity = Integrity()
    change()
    found = integrity.restore()
    assert integrity.restore() == []
    return found


@pytest.mark.parametrize(
    ("holder", "name", "qualified"),
    [
        (torch, "equal", "torch.equal"),
        (torch.nn.functional, "linear", "torch.nn.functional.linear"),
        (torch.Tensor, "__mul__", "torch.Tensor.__mul__"),  # inherited, and covered
        (torch.Tensor, "backward", "torch.Tensor.backward"),
        (nn.Module, "__call__", "torch.nn.Module.__call__"),
        (builtins, "isinstance", "builtins.isinstance"),
        (os, "chdir", "os.chdir"),
        (eqconform.judge.outcome, "within", "eqconform.judge.outcome.within"),
        (
            eqconform.judge.outcome.Violation,
            "__init__",
            "eqconform.judge.outcome.Violation.__init__",
        ),
    ],
)
def test_what_is_replaced_is_put_back(holder: object, name: str, qualified: str) -> None:
    before = getattr(holder, name)
    assert restored(lambda: setattr(holder, name, shrug)) == [qualified]
    assert getattr(holder, name) == before


def test_what_is_deleted_is_put_back() -> None:
    assert restored(lambda: delattr(torch, "allclose")) == ["torch.allclose"]
    assert torch.allclose(torch.ones(1), torch.ones(1))


def test_the_code_of_a_function_is_put_back() -> None:
    function = eqconform.judge.outcome.within
    found = restored(lambda: setattr(function, "__code__", shrug.__code__))
    assert [name.rpartition(".")[2] for name in found] == ["within"]
    assert function(0.0, 1.0, expected="", observed="").tolerance == 1.0


def test_one_function_of_torch_for_another_is_noticed() -> None:
    """Torch wraps functions of its own; this is not that."""
    functional = torch.nn.functional
    assert restored(lambda: setattr(torch, "equal", torch.allclose)) == ["torch.equal"]
    found = restored(lambda: setattr(functional, "gelu", functional.relu))
    assert found == ["torch.nn.functional.gelu"]


def test_what_torch_wraps_by_itself_is_let_be() -> None:
    """`torch._dynamo` wraps `torch.manual_seed` when it is imported."""
    program = (
        "import torch; from eqconform.engine.integrity import Integrity; before = Integrity();"
        "first = torch.manual_seed; import torch._dynamo; found = torch.manual_seed;"
        "assert before.restore() == []; assert torch.manual_seed is found; print(found is first)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE)
    if done.stdout == "True\n":
        pytest.skip(f"torch {torch.__version__} wraps nothing")


def test_many_names_are_cut() -> None:
    names = [f"torch.f{index}" for index in range(8)]
    text = "torch.f0, torch.f1, torch.f2, torch.f3, torch.f4 and 3 more, on which judging relies"
    assert in_words(names) == text


@pytest.mark.parametrize(
    ("context", "name"),
    [
        (TorchFunctionMode, "a torch function mode"),
        (torch.inference_mode, "inference mode"),
    ],
)
def test_a_mode_that_was_not_left_is_noticed(context: Callable[[], object], name: str) -> None:
    before = modes()
    entered = context()
    entered.__enter__()
    after = modes()
    entered.__exit__(None, None, None)
    assert [each for each, value in before.items() if after[each] != value] == [name]


def test_hooks_on_every_module_are_noticed() -> None:
    before = modes()
    handle = nn.modules.module.register_module_forward_hook(shrug)
    assert modes() != before
    handle.remove()
    assert modes() == before


SETTINGS = {
    "flush denormal": (
        lambda: torch.set_flush_denormal(True),
        flushes_denormals,
    ),
    "gc": (gc.disable, gc.isenabled),
    "umask": (lambda: os.umask(0o777), sandbox._umask),
    "import path": (sys.path.clear, lambda: list(sys.path)),
    "trace function": (lambda: sys.settrace(shrug), sys.gettrace),
    "profile function": (lambda: sys.setprofile(shrug), sys.getprofile),
    "signal handler": (
        lambda: signal.signal(signal.SIGTERM, shrug),
        lambda: signal.getsignal(signal.SIGTERM),
    ),
    "blocked signals": (
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1]),
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, []),
    ),
    "excepthook": (lambda: setattr(sys, "excepthook", shrug), lambda: sys.excepthook),
    "oneDNN": (
        lambda: setattr(torch.backends.mkldnn, "enabled", False),
        lambda: torch.backends.mkldnn.enabled,
    ),
    "anomaly detection": (
        lambda: torch.autograd.set_detect_anomaly(True),
        torch.is_anomaly_enabled,
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_are_put_back(name: str) -> None:
    change, get = SETTINGS[name]
    before = get()
    with sandbox.isolated(0):
        change()
    assert get() == before


def test_one_setting_that_cannot_be_put_back_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A working folder that is gone: the error says so, and everything else is as it was."""
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def upset() -> None:
        with sandbox.isolated(0):
            os.chdir(tmp_path)
            folder.rmdir()
            torch.set_default_dtype(torch.float64)

    with pytest.raises(FileNotFoundError):
        upset()
    assert torch.get_default_dtype() == torch.float32


def test_a_thread_that_stays_is_found() -> None:
    before, leave = Leftovers(), threading.Event()
    threading.Thread(target=leave.wait, daemon=True).start()
    assert before.found()
    leave.set()


def test_a_thread_that_is_ending_is_not() -> None:
    before = Leftovers()
    threading.Thread(target=lambda: time.sleep(0.05)).start()
    assert not before.found()


def test_a_child_process_that_stays_is_found() -> None:
    before = Leftovers()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    found = before.found()
    child.communicate()
    assert (found, before.found()) == (True, False)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
def test_memory_is_limited() -> None:
    """In a process of its own, for a limit is for life."""
    program = (
        "from eqconform.engine.memory import MemoryLimit; limit = MemoryLimit(0.5)\n"
        "kept = bytearray(2 * 10**8); assert not limit.is_half_gone()\n"
        "more = bytearray(10**8); assert limit.is_half_gone()\n"
        "try: bytearray(3 * 10**8)\n"
        "except MemoryError: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"refused\n"


_LOOK = """
import time

import eqconform.adapters.torch_ao
from eqconform.engine import sandbox
from eqconform.engine.integrity import Integrity, modes
from eqconform.engine.leftovers import Leftovers

integrity = Integrity()


def look():
    begin, running, before = time.process_time(), Leftovers(), modes()
    with sandbox.isolated(0):
        integrity.restore()
    assert modes() == before
    assert not running.found()
    return time.process_time() - begin


print(min(look() for _ in range(20)))
"""


def test_looking_costs_little() -> None:
    """Less than the 5 ms of a processor that a case may cost, by the fastest of several looks.

    In a process of its own, as cases have it: one in which all tests run has far more to look at.
    """
    done = subprocess.run([sys.executable, "-c", _LOOK], capture_output=True, check=True)
    assert float(done.stdout) < 5e-3


def executed(function: Callable[[], object], *, owns_process: bool = True) -> Outcome:
    """What comes of a case in which this happens."""

    def judge(_: object, __: object) -> Evidence:
        function()
        return Evidence("nothing", "nothing")

    case = Case(Check("scale.formula", judge, (), {"only": None}), "only", None)
    return execute(case, Implementation(), integrity=Integrity(), owns_process=owns_process)


def test_a_case_that_replaces_something_has_no_verdict() -> None:
    outcome = executed(lambda: setattr(torch, "equal", shrug))
    message = "the implementation changed torch.equal, on which judging relies"
    assert (outcome.status, outcome.message) == ("crash", message)
    assert not outcome.suite_fault


def test_a_case_that_leaves_what_cannot_be_put_back_has_none_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    outcome = executed(lambda: (os.chdir(tmp_path), folder.rmdir()))
    assert outcome.status == "crash"
    assert "changed what cannot be put back (FileNotFoundError: " in str(outcome.message)


def interrupt() -> None:
    raise KeyboardInterrupt


def test_hypothesis_keeps_nothing_in_the_folder_of_a_session(tmp_path: Path) -> None:
    """While a case is judged it writes elsewhere, into what is gone afterwards; then as before."""

    def home() -> Path:
        found = storage_directory(intent_to_write=False)
        return Path(getattr(found, "path", found))

    before, seen = home(), []
    set_hypothesis_home_dir(tmp_path)
    try:
        executed(lambda: seen.append((home(), home().is_dir())), owns_process=False)
        assert home() == tmp_path
        executed(lambda: seen.append((home(), True)))  # a worker's is set once
    finally:
        set_hypothesis_home_dir(before)
    (elsewhere, was_there), (own, _) = seen
    assert tmp_path not in (elsewhere, *elsewhere.parents)
    assert was_there
    assert not elsewhere.exists()
    assert own == tmp_path


def test_whose_interrupt_it_is() -> None:
    """The implementation's own in a worker; the user's where somebody is at the keyboard."""
    assert executed(interrupt).message == "the implementation raised KeyboardInterrupt: "
    with pytest.raises(KeyboardInterrupt):
        executed(interrupt, owns_process=False)
