"""The judge of mutants: every case of the conformance suite that the reference passes, quickly.

A mutant is caught where a case of any level no longer passes. Left out is what takes long for what
it says about the reference: networks of torchvision and random ones, which others stand for here,
`torch.compile` and `torch.export`, processes and threads.
"""

import pytest

from eqconform.adapters.reference import Reference
from eqconform.engine.planning import SEED
from eqconform.engine.sandbox import isolated, seed_of
from eqconform.judge.cases import Case, cases

_LEFT_OUT = (
    *("equalize.vision", "equalize.random-networks", "chain.random-networks"),
    *("equalize.compiles", "equalize.exports", "equalize.jit-traces"),
    *("observe.threads", "distributed.reduced-ranges"),
    "scale.unobserved-is-one",  # the reference has another way
)
_CASES = [
    case
    for case in cases("quick")
    if case.check.clause not in _LEFT_OUT and case.check.claimed_by(Reference())
]


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case.id)
def test_the_reference_is_judged(case: Case) -> None:
    """Whatever the level of the clause."""
    with isolated(seed_of(case.id, SEED)):
        case.judge(Reference())  # which raises, unless all is well
