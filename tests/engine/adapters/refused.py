"""What `load` has to refuse, each with a reason of its own."""

from eqconform import Implementation


class Nameless(Implementation):
    version = "1"


class Raising(Implementation):
    name = "raising"

    def __init__(self) -> None:
        raise ValueError("no licence key")


class Leaving(Implementation):
    name = "leaving"

    def __init__(self) -> None:
        raise SystemExit(3)


class Formula(Implementation):
    name = "formula"
    formula = "golden ratio"


class Version(Implementation):
    name = "version"
    version = 2.0


class Colourful(Implementation):
    name = "\x1b[31mred"


class Empty(Implementation):
    name = "empty"


class NotOne:
    name = "not-one"


instance = Empty()
number = 7
