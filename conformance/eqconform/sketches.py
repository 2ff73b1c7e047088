"""What a result file keeps of a network that broke a clause, for reports to draw.

The operations of the untouched network and of the one that the implementation made of it, and for
every layer call where its scale belongs, what its channels span before and after, and what int8
costs it. Bounded: a sketch is for looking at, the case itself can be reproduced. Knows nothing of
torch; `eqconform.judge.sketching` makes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_STEPS = 48
MOST_LAYERS = 12
MOST_CHANNELS = 32

Widths = tuple[float | None, ...]
"""A number per channel, the first few; None for one that is not finite."""


@dataclass(frozen=True)
class Step:
    """One operation, in the order of execution.

    Attributes:
        op: its name in torch, such as "conv2d"; "input" for what the model is given.
        inputs: places of the steps whose results it takes; parameters and constants are no steps.
        layer: the number of the layer call that it is, or None.
    """

    op: str
    inputs: tuple[int, ...]
    layer: int | None


@dataclass(frozen=True)
class LayerSketch:
    """One layer call of the untouched network, and the same one of the implementation's model.

    Attributes:
        due: where its scale belongs: "fold", "multiply" or "norm"; None where that is left open.
        producer: the layer call whose rows must take the scale, where it is to be folded.
        input: width of the input's range, channel by channel.
        weight: width of the weight column's, channel by channel.
        input_after: of the implementation's model; empty where there is none, or none alike.
        weight_after: likewise.
        sqnr: signal-to-noise ratio of its input in the model that was quantized, in dB, or None.
    """

    due: str | None
    producer: int | None
    input: Widths
    weight: Widths
    input_after: Widths
    weight_after: Widths
    sqnr: float | None


@dataclass(frozen=True)
class Sketch:
    """A network to be drawn.

    Attributes:
        steps: of the untouched network.
        after: of the implementation's model; empty where it made none that runs.
        layers: the layer calls of the untouched network.
        cut: the network has more steps, layer calls or channels than were kept.
    """

    steps: tuple[Step, ...]
    after: tuple[Step, ...]
    layers: tuple[LayerSketch, ...]
    cut: bool

    @property
    def is_drawable(self) -> bool:
        """Whether every step takes from steps before it, and layer calls are counted from 0."""
        return all(
            (step.layer is None or step.layer >= 0) and all(0 <= s < place for s in step.inputs)
            for steps in (self.steps, self.after)
            for place, step in enumerate(steps)
        )

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Sketch":
        """The sketch that `asdict` made `value` of."""
        return cls(
            steps=_steps(value["steps"]),
            after=_steps(value["after"]),
            layers=tuple(_layer(each) for each in value["layers"]),
            cut=value["cut"],
        )


def _steps(values: Any) -> tuple[Step, ...]:
    return tuple(Step(each["op"], tuple(each["inputs"]), each["layer"]) for each in values)


def _layer(value: Mapping[str, Any]) -> LayerSketch:
    widths = ("input", "weight", "input_after", "weight_after")
    return LayerSketch(**{**value, **{name: tuple(value[name]) for name in widths}})
