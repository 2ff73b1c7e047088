"""A drawn network as a script that stands on its own: the network, its batches, what comes out.

It needs torch alone. Where eqconform is installed, it puts an implementation to the test as well.
"""

import inspect

import torch
from torch import Tensor

from eqconform_models.drawn import values
from eqconform_models.drawn.description import BATCH, Description
from eqconform_models.drawn.drawing import network_of
from eqconform_models.drawn.places import places
from eqconform_models.drawn.source import class_source
from eqconform_models.network import CALIBRATION_BATCHES

_SHOWN = 6  # values of an output that the script prints

_FRAME = '''\
"""{title}

{story}
Needs torch alone, and prints what the untouched network gives. With eqconform installed,

    python {file} IMPLEMENTATION

it judges an implementation: how far its equalized network is from that, and what eqconform says of
it. Ends with 1 where the implementation still gets the network wrong, and with 0 where it does not.
"""
# ruff: noqa
# mypy: ignore-errors

{helpers}

import torch.nn.functional as F


{network}

SEED = {seed}
DTYPE = torch.{dtype}
# Layer calls are counted in the order of the forward.
FOLDS = {folds}  # layer call: the earlier one whose rows take its scale
MULTIPLIED = {multiplied}  # layer calls whose input is multiplied
NORM_FOLDS = {norm_folds}  # layer calls whose scale a normalization may take
CLAUSE = "{clause}"  # that it broke


def build(dtype=DTYPE):
    """The untouched network."""
    return filled(Network(), SEED, silent={silent}).to(dtype)


def inputs(number, times=1, dtype=DTYPE, **traits):
    """The tensors of a batch, so many times."""
    traits |= {{"decades": {decades}, "channels_last": {channels_last}}}
    return tuple((times * x).to(dtype) for x in batch({shapes}, {axes}, SEED, number, **traits))


def calibration(dtype=DTYPE):
    """The batches that an implementation calibrates on."""
    traits = {{"dead": {dead}, "constant": {constant}}}
    return [inputs(number, dtype=dtype, **traits) for number in range({calibration})]


def judgement(dtype=DTYPE):
    """The batches that it is judged on, by name."""
    names = {{"fresh": 1, "times-3": 3}}
    return {{name: inputs({calibration}, times, dtype) for name, times in names.items()}}

# What the untouched network gave where the script was written.
GIVEN = """\\
{given}"""


def tensors(output):
    """The tensors of an output, in order."""
    if isinstance(output, torch.Tensor):
        return [output]
    parts = output.values() if isinstance(output, dict) else output
    return [tensor for part in parts for tensor in tensors(part)]


def outputs(model, given):
    """What a model gives for a batch."""
    with torch.no_grad():
        return tensors(model(*given))


def shown(name, found):
    """The first values of each output, a line for each."""
    for number, tensor in enumerate(found):
        values = " ".join(f"{{value:.6g}}" for value in tensor.double().flatten()[:{shown}])
        yield f"{{name}} output {{number}} {{list(tensor.shape)}}: {{values}}\\n"


def single(tensors):
    """A batch as implementations are given it."""
    return tensors if len(tensors) > 1 else tensors[0]


def compare(name):
    """Say how far the implementation's equalized network is from the untouched one."""
    import eqconform

    equalized = eqconform.load(name).equalize(build(), [single(each) for each in calibration()])
    for at, judged in judgement().items():
        pairs = zip(outputs(equalized, judged), outputs(build(), judged))
        for number, (after, before) in enumerate(pairs):
            error = (after.double() - before.double()).abs().max().item()
            largest = before.double().abs().max().item()
            figures = f"largest difference {{error:.3g}}, largest untouched value {{largest:.3g}}"
            print(f"{{name}}, {{at}} output {{number}}: {{figures}}")


def is_wrong(name):
    """Whether the implementation breaks the clause on this network, as eqconform judges it."""
    import eqconform_models
    from eqconform.engine.found import outcome_on

    found = eqconform_models.Network(
        name="found",
        summary="",
        build=lambda: build(torch.float32),
        calibration=lambda: [single(each) for each in calibration(torch.float32)],
        judgement=lambda: {{at: single(each) for at, each in judgement(torch.float32).items()}},
        folds=FOLDS,
        multiplied=frozenset(MULTIPLIED),
        norm_folds=frozenset(NORM_FOLDS),
        tags=frozenset(),
    )
    outcome = outcome_on(name, found, CLAUSE, DTYPE)
    if outcome.status != "error":
        compare(name)
    print(f"{{name}}, {{CLAUSE}}: {{outcome.status}}")
    for what in ("expected", "observed", "error", "tolerance", "message"):
        if (value := getattr(outcome, what)) is not None:
            print(f"  {{what}}: {{value}}")
    return outcome.status in ("fail", "error")


if __name__ == "__main__":
    import sys

    found = [line for at, x in judgement().items() for line in shown(at, outputs(build(), x))]
    print(*found, sep="", end="")
    if "".join(found) != GIVEN:
        print("not to the last digit what it was where this was written:", GIVEN, sep="\\n")
    sys.exit(any([is_wrong(name) for name in sys.argv[1:]]))
'''


def script(
    description: Description,
    title: str,
    story: str = "",
    file: str = "script.py",
    *,
    clause: str = "equalize.random-networks",
) -> str:
    """The text of the script.

    Args:
        description: of the network.
        title: the first line.
        story: what was expected and what was seen.
        file: name of the script, for its own description.
        clause: by which the script judges implementations.
    """
    lead = (BATCH,) if description.batched else ()
    where = places(description)
    return _FRAME.format(
        title=title,
        story=f"{story.strip()}\n" if story else "",
        file=file,
        helpers=inspect.getsource(values).partition('"""\n\n')[2].strip(),
        network=class_source(description).strip() + "\n",
        seed=description.seed,
        dtype=description.dtype,
        folds=where.folds,
        multiplied=sorted(where.multiplied),
        norm_folds=sorted(where.norm_folds),
        clause=clause,
        silent=description.silent,
        shapes=[(*lead, *shape) for shape in description.inputs],
        axes=list(description.axes),
        decades=description.decades,
        channels_last=description.channels_last,
        dead=description.dead,
        constant=description.constant,
        calibration=CALIBRATION_BATCHES,
        shown=_SHOWN,
        given=_given(description),
    )


def _given(description: Description) -> str:
    """What the script will print: the untouched network's outputs."""
    network, dtype = network_of(description), getattr(torch, description.dtype)
    model = network.build().to(dtype)
    lines = []
    for name, batch in network.judgement().items():
        given = tuple(x.to(dtype) for x in (batch if isinstance(batch, tuple) else (batch,)))
        with torch.no_grad():
            found = _tensors(model(*given))
        for number, tensor in enumerate(found):
            first = " ".join(f"{value:.6g}" for value in tensor.double().flatten()[:_SHOWN])
            lines.append(f"{name} output {number} {list(tensor.shape)}: {first}\n")
    return "".join(lines)


def _tensors(output: object) -> list[Tensor]:
    if isinstance(output, Tensor):
        return [output]
    parts = output.values() if isinstance(output, dict) else output
    return [tensor for part in parts for tensor in _tensors(part)]  # type: ignore[attr-defined]  # a container
