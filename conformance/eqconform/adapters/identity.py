"""A control: it claims to equalize and changes nothing, so it must be found non-conformant."""

from collections.abc import Collection, Sequence
from copy import deepcopy

from torch import nn

from eqconform.contract import Batch, Implementation


class Identity(Implementation):
    """Every model comes back as an unchanged copy, which computes the same function."""

    name = "identity"
    version = "0"

    def equalize(
        self,
        model: nn.Module,
        batches: Sequence[Batch],  # noqa: ARG002  nothing is calibrated
        *,
        layers: Collection[str] | None = None,  # noqa: ARG002  none is touched
    ) -> nn.Module:
        """A copy of the model."""
        return deepcopy(model)

    def prepare(
        self,
        model: nn.Module,
        *,
        layers: Collection[str] | None = None,  # noqa: ARG002  none is touched
    ) -> nn.Module:
        """A copy of the model, without observers."""
        return deepcopy(model)

    def convert(self, prepared: nn.Module) -> nn.Module:
        """A copy of the prepared model."""
        return deepcopy(prepared)
