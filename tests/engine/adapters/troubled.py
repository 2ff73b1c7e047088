"""Fails to come back from `equalize` in a different way for each model; well-behaved beside."""

import contextlib
import ctypes
import os
import sys
import time
from collections import deque
from itertools import repeat

import pytest
from good import Good
from torch import nn


def _leave() -> None:
    sys.exit("done for today")


def _interrupt() -> None:
    raise KeyboardInterrupt


class UnspeakableError(Exception):
    """Its message is an error too."""

    def __str__(self) -> str:
        raise RuntimeError("do not ask")


def _skip() -> None:
    pytest.skip("nothing to see")


def _raise_the_unspeakable() -> None:
    raise UnspeakableError


def _die() -> None:
    os._exit(7)


def _read_address_zero() -> None:
    ctypes.string_at(0)


def _hang() -> None:
    while True:
        time.sleep(0.01)


def _hang_in_c() -> None:
    deque(repeat(0), maxlen=0)  # no signal is looked at in this loop


def _hang_and_shrug() -> None:
    with contextlib.suppress(BaseException):
        time.sleep(3600)


BY_WIDTH = {
    2: _leave,
    3: _interrupt,
    4: _skip,
    5: _die,
    6: _read_address_zero,
    7: _hang,
    8: _hang_in_c,
    9: _hang_and_shrug,
    10: _raise_the_unspeakable,
}


class Troubled(Good):
    name = "troubled"

    def equalize(self, model: nn.Module, *_: object, **__: object) -> nn.Module:
        if model.in_features in BY_WIDTH:
            BY_WIDTH[model.in_features]()
        return super().equalize(model)


class Slow(Good):
    """Takes its time, to be interrupted meanwhile."""

    name = "slow"

    def equalize(self, model: nn.Module, *_: object, **__: object) -> nn.Module:
        time.sleep(2)
        return super().equalize(model)
