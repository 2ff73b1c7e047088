"""Right implementations pass: one that multiplies, one that puts every scale in its place.

And results that are no modules of layers any more, where that could be in the way.
"""

import pytest
import torch
from by_hooks import ByHooks
from oracle import Oracle
from packaging.version import Version
from programs import Compiled, Exported, Wrapped

from eqconform.engine.sandbox import isolated
from eqconform.judge.cases import Case, all_checks
from eqconform.judge.outcome import Evidence, Vacuous
from eqconform.registry import clauses
from eqconform_models import Network

CHECKS = [each for each in all_checks() if clauses()[each.clause].is_judged_with(torch.__version__)]
# It exports no hook that takes a buffer, and says of what is compiled that it is in train mode.
TOO_OLD = Version(torch.__version__) < Version("2.2")
# A hook sees modules alone, and not what else reads their weight.
NOT_SEEN = ("weight-of-module-in-function", "weight-also-read", "tied-transposed")
# Rows of networks, which `tests/models/test_drawn.py` goes through one by one.
ROWS = ("equalize.random-networks", "chain.random-networks")
FUNCTION = [
    case
    for check in CHECKS
    if check.clause.startswith("equalize.") and check.clause not in ("equalize.vision", *ROWS)
    for case in check.cases("quick")
    if case.subject_name not in NOT_SEEN
]
PLACES = [
    case
    for check in CHECKS
    if check.clause.startswith("chain.") and check.clause not in ("chain.folds-into-norms", *ROWS)
    for case in check.cases("full")
]
# Where the tensors and the modes of a result are looked at.
OF_PROGRAMS = [
    case
    for case in FUNCTION
    if case.check.clause
    in ("equalize.moves-with-to", "equalize.mode-kept", "equalize.train-mode-function")
]


@pytest.mark.parametrize("case", FUNCTION, ids=lambda case: case.id)
def test_an_equalizer_by_hooks_passes(case: Case) -> None:
    """Or did nothing, for want of a module to work on."""
    if TOO_OLD and case.check.clause == "equalize.exports":
        pytest.skip("torch exports no hook that takes a buffer")
    try:
        evidence = case.judge(ByHooks())
    except Vacuous:
        assert is_functional(case.subject) or case.check.clause == "equalize.names-do-not-matter"
    else:
        assert isinstance(evidence, Evidence)


@pytest.mark.parametrize("case", PLACES, ids=lambda case: case.id)
def test_every_scale_in_its_place_passes(case: Case) -> None:
    assert isinstance(case.judge(Oracle(case.subject)), Evidence)


def is_functional(subject: object) -> bool:
    first = subject[0] if isinstance(subject, tuple) else subject
    return isinstance(first, Network) and "functional" in first.tags


def test_the_vision_networks_pass_too() -> None:
    """One of them, for all cost seconds."""
    (check,) = (check for check in CHECKS if check.clause == "equalize.vision")
    (case,) = (case for case in check.cases("quick") if case.subject_name == "squeezenet1_1")
    assert isinstance(case.judge(ByHooks()), Evidence)


@pytest.mark.skipif(TOO_OLD, reason="torch exports no such hook, and compiles into train mode")
@pytest.mark.parametrize("program", [Compiled, Exported])
@pytest.mark.parametrize("case", OF_PROGRAMS, ids=lambda case: case.id)
def test_a_compiled_and_an_exported_result_pass(case: Case, program: type[ByHooks]) -> None:
    """They move, keep their mode, and follow or refuse train mode."""
    torch.compiler.reset()
    with isolated(0):
        assert isinstance(case.judge(program()), Evidence)


def test_a_wrapped_result_passes() -> None:
    """Names are another clause's concern: what was frozen is found inside."""
    (check,) = (check for check in CHECKS if check.clause == "equalize.requires-grad-kept")
    cases = [case for case in check.cases("quick") if not is_functional(case.subject)]
    assert cases
    for case in cases:
        assert isinstance(case.judge(Wrapped()), Evidence)
