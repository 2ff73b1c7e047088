"""The record of folds: which weights had their rows multiplied, and by what.

A layer with a folded scale gives another output than before, by design. Whoever compares it with
the untouched layer finds the scale beside the weight, in a module that is never called.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from eqconform_reference.tensors import own_tensors, unused_name


class FoldedScale(nn.Module):
    """What the rows of a weight were multiplied by.

    Attributes:
        weight: the weight's name in the module that holds both.
        rows: shape (out,).
    """

    rows: Tensor

    def __init__(self, weight: str, rows: Tensor) -> None:
        super().__init__()
        self.weight = weight
        self.register_buffer("rows", rows)
        self.eval()


def note_folds(converted: nn.Module, rows: Mapping[int, Tensor | None]) -> None:
    """Leave beside each layer's weight what its rows took.

    Args:
        converted: changed in place.
        rows: id of each changed tensor to the scale of its rows, or None.
    """
    for module in list(converted.modules()):  # a list, for it grows
        for name, tensor in own_tensors(module):
            scale = rows.get(id(tensor))
            if scale is not None and tensor.ndim > 1:  # not beside biases and norms
                note = FoldedScale(name, scale)
                module.add_module(unused_name(module, "folded_scale"), note)


def unfolded(output: Tensor, model: nn.Module, weight: str, channel_axis: int) -> Tensor:
    """The output of a layer as it was before scales were folded into its rows.

    Args:
        output: of the layer.
        model: that gave it.
        weight: qualified name of the layer's weight.
        channel_axis: of the output, counted from the end.
    """
    for path, module in model.named_modules(remove_duplicate=False):
        if isinstance(module, FoldedScale) and _beside(path, module.weight) == weight:
            output = output / module.rows.view(-1, *[1] * (-channel_axis - 1))  # (out, 1, ...)
    return output


def _beside(path: str, name: str) -> str:
    return ".".join([*path.split(".")[:-1], name])
