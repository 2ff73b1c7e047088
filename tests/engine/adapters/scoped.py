"""Documents two of three models as out of scope, or all of them."""

from good import Good
from torch import nn

from eqconform import Unsupported


class Scoped(Good):
    name = "scoped"
    least = 2

    def equalize(self, model: nn.Module, *_: object, **__: object) -> nn.Module:
        if self.least < model.in_features:
            raise Unsupported("wide layers are out of scope")
        return super().equalize(model)


class Nothing(Scoped):
    name = "nothing"
    least = 0
