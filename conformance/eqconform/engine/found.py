"""What the script of a find asks where eqconform is installed: is its network still got wrong?"""

import sys

import torch

from eqconform.checks.random_networks import judge_network
from eqconform.engine.execution import Outcome, outcome_of
from eqconform.engine.planning import SEED
from eqconform.engine.sandbox import isolated, seed_of
from eqconform.judge.devices import HOME
from eqconform.judge.guard import Guarded
from eqconform.loading import LoadError, load
from eqconform.verdict import NOT_STARTED
from eqconform_models import Network


def outcome_on(spec: str, network: Network, clause: str, dtype: torch.dtype) -> Outcome:
    """What comes of one network that is given as a whole, and not by a seed.

    Args:
        spec: of the implementation.
        network: as it was found; built and fed in float32.
        clause: "equalize.random-networks" or "chain.random-networks".
        dtype: in which the function is judged.

    Raises:
        SystemExit: the implementation cannot be used.
    """
    try:
        guarded = Guarded(load(spec), HOME)
    except LoadError as error:
        sys.stderr.write(f"eqconform: {error}\n")
        raise SystemExit(NOT_STARTED) from error
    with isolated(seed_of(network.name, SEED)):
        return outcome_of(lambda: judge_network(guarded, network, clause, dtype))
