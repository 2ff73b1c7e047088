"""Hostile in what it hands back, what it does to what it was given, and what it raises."""

import time

from torch import nn

Model = nn.Module


def return_the_input(model: Model, _: Model) -> Model:
    return model


def return_a_number(_: Model, __: Model) -> int:
    return 7


def empty_the_input(model: Model, equalized: Model) -> Model:
    del model.weight, model.bias
    return equalized


class Raising(nn.Linear):
    def forward(self, _: object) -> object:
        raise ValueError("not today")


class Hanging(nn.Linear):
    def forward(self, _: object) -> object:
        time.sleep(3600)


def return_what_raises(_: Model, __: Model) -> Model:
    return Raising(1, 1)


def return_what_hangs(_: Model, __: Model) -> Model:
    return Hanging(1, 1)


class OutOfReachError(BaseException):
    pass


def raise_beyond_exception(_: Model, __: Model) -> None:
    raise OutOfReachError("catch me")


def raise_generator_exit(_: Model, __: Model) -> None:
    raise GeneratorExit


BEHAVIOURS = {
    "returns-the-input": return_the_input,
    "returns-a-number": return_a_number,
    "empties-the-input": empty_the_input,
    "returns-what-raises": return_what_raises,
    "returns-what-hangs": return_what_hangs,
    "raises-beyond-exception": raise_beyond_exception,
    "raises-generator-exit": raise_generator_exit,
}
