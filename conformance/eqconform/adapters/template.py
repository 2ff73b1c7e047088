"""An adapter to fill in: it tells eqconform how to call your implementation.

Run it as it is, then replace the bodies below by calls to your own code:

    eqconform run FILE
    eqconform run FILE --clause 'scale.*'

Overriding a method claims it, and every claim is judged. Delete what your implementation
does not have: it is then reported as not claimed. Further methods that can be claimed are
those of `eqconform.Implementation`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from eqconform import ChannelRange, Implementation


class MyEqualizer(Implementation):
    """The textbook formula in a few lines of torch: some clauses hold, others do not yet."""

    name = "my-equalizer"
    version = "0.1"
    homepage = ""

    def observe_input(self, batches: Sequence[Tensor], *, channel_axis: int) -> ChannelRange:
        """Smallest and largest value of each channel, over all batches."""
        rows = torch.cat([batch.movedim(channel_axis, 0).flatten(1) for batch in batches], dim=1)
        return ChannelRange(rows.amin(1), rows.amax(1))

    def observe_weight(self, weight: Tensor, *, groups: int = 1) -> ChannelRange:
        """Smallest and largest weight that each input channel meets, group by group."""
        columns = [part.transpose(0, 1).flatten(1) for part in weight.chunk(groups)]
        return ChannelRange(
            torch.cat([part.amin(1) for part in columns]),
            torch.cat([part.amax(1) for part in columns]),
        )

    def equalization_scale(self, inputs: ChannelRange, weights: ChannelRange) -> Tensor:
        """The scale at which both ranges meet; a channel without a range is not treated apart."""
        return torch.sqrt((weights.max - weights.min) / (inputs.max - inputs.min))

    def scaled_input_range(self, inputs: ChannelRange, scale: Tensor) -> tuple[Tensor, Tensor]:
        """The extremes over all channels of the scaled input."""
        return (inputs.min * scale).min(), (inputs.max * scale).max()

    # Once there is a pass over whole models, claim it too. A batch is a tensor, or a tuple of the
    # model's positional arguments; the model must stay as it is.
    #
    # def equalize(self, model, batches, *, layers=None):
    #     prepared = my_library.prepare(copy.deepcopy(model), layers)
    #     for batch in batches:
    #         prepared(*batch) if isinstance(batch, tuple) else prepared(batch)
    #     return my_library.convert(prepared)
