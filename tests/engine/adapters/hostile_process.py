"""Hostile to the process: ends it, stays in it, fills it, floods it."""

import ctypes
import faulthandler
import os
import signal
import sys
import time

import torch
from torch import nn

Model = nn.Module


def exit_quietly(_: Model, __: Model) -> None:
    os._exit(0)


def abort(_: Model, __: Model) -> None:
    os.write(2, b"last words\n")
    os.abort()


def close_every_descriptor(_: Model, equalized: Model) -> Model:
    os.closerange(0, 1024)
    return equalized


def sleep_in_c(_: Model, __: Model) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    ctypes.CDLL(None).sleep(3600)


def sleep_without_limits(_: Model, __: Model) -> None:
    faulthandler.cancel_dump_traceback_later()
    signal.setitimer(signal.ITIMER_REAL, 0)
    time.sleep(3600)


def print_for_ever(_: Model, __: Model) -> None:
    while True:
        os.write(1, 1000 * b"all work and no play ")
        print("makes Jack a dull boy")  # noqa: T201


def recurse(model: Model, equalized: Model) -> Model:
    return recurse(model, equalized)


class Recursive:
    def __repr__(self) -> str:
        return repr(self)


def recurse_in_c(_: Model, __: Model) -> None:
    sys.setrecursionlimit(2**31 - 1)
    repr(Recursive())


def allocate_too_much(_: Model, equalized: Model) -> Model:
    bytearray(10**11)
    return equalized


def allocate_too_large_a_tensor(_: Model, equalized: Model) -> Model:
    torch.empty(10**11, dtype=torch.uint8)
    return equalized


HOARD: list[bytearray] = []


def hoard(_: Model, equalized: Model) -> Model:
    HOARD.append(bytearray(6 * 10**8))
    return equalized


BEHAVIOURS = {
    "exits-quietly": exit_quietly,
    "aborts": abort,
    "closes-every-descriptor": close_every_descriptor,
    "sleeps-in-c": sleep_in_c,
    "sleeps-without-limits": sleep_without_limits,
    "prints-for-ever": print_for_ever,
    "recurses": recurse,
    "recurses-in-c": recurse_in_c,
    "allocates-too-much": allocate_too_much,
    "allocates-too-large-a-tensor": allocate_too_large_a_tensor,
    "hoards": hoard,
}
