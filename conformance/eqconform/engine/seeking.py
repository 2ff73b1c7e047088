"""The half of a search that judges: a process that draws networks until it is stopped.

The command line is one JSON object, see `Order`. What comes of it is written to what was standard
output, a JSON object a line (`eqconform.engine.searching` reads them): a *beat* before every
network and every attempt to shrink one, and a *find* for each network that fails; at last, where
memory is limited and the implementation has kept half of it, the seed to go on from. Whatever the
implementation prints goes to standard error.
"""

import json
import os
import re
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TextIO

import torch
from torch import nn

from eqconform.checks.random_networks import (
    FUNCTION,
    PLACES,
    JudgeOne,
    NothingDue,
    function_of,
    judge_function_of,
    judge_places_of,
    network_for,
    places_of,
)
from eqconform.contract import Implementation
from eqconform.engine.describe import require_device
from eqconform.engine.execution import Outcome, outcome_of
from eqconform.engine.memory import MemoryLimit
from eqconform.engine.sandbox import isolated
from eqconform.engine.searching import FILE_NAME
from eqconform.judge.guard import Guarded
from eqconform.judge.judgement import equalized
from eqconform.judge.outcome import Evidence
from eqconform.loading import load
from eqconform_models.drawn import (
    DTYPES,
    Description,
    description_of,
    in_short,
    script,
    shrunk,
)

_SHRUNK_PER_KIND = 2  # failures with one message are shrunk so often, and counted beyond that
_JUDGES: dict[str, JudgeOne] = {FUNCTION: judge_function_of, PLACES: judge_places_of}
_SAID = ("expected", "observed", "error", "tolerance", "message")
_SEVERITY = ("pass", "unsupported", "vacuous", "fail", "error")


@dataclass(frozen=True)
class Order:
    """What a process is to do.

    Attributes:
        spec: of the implementation.
        first: seed of its first network.
        step: from one seed to the next.
        clauses: by which to judge.
        device: where the implementation works.
        memory: gigabytes that it may take beyond what it begins with; None for no limit.
        ended: seeds on which a process ended, and how: they are told, not judged.
    """

    spec: str
    first: int
    step: int
    clauses: Sequence[str]
    device: str = "cpu"
    memory: float | None = None
    ended: dict[str, str] = field(default_factory=dict)


class Seeker:
    """Judges one network after the other and tells what comes of it.

    Args:
        implementation: whom to judge.
        clauses: by which.
        device: where it works.
        channel: where to tell it.
    """

    def __init__(
        self,
        implementation: Implementation,
        clauses: Sequence[str],
        device: str,
        channel: TextIO,
    ) -> None:
        self._guarded = Guarded(implementation, torch.device(device))
        self._clauses = clauses
        self._channel = channel
        self._kinds: Counter[str] = Counter()
        self._seed = 0

    def seek(self, seed: int) -> None:
        """Judge the network of a seed."""
        self._seed = seed
        description = description_of(seed)
        self._beat()
        with isolated(seed % (1 << 32)):
            try:
                outcomes = self._outcomes(description)
            except Exception as error:  # what they raise is an outcome, what drawing raises is ours
                fault = f"{type(error).__name__}: {error}"
                self._tell(suite_fault=f"seed {seed}: {fault}\n{traceback.format_exc()}")
                raise
            statuses = {outcome.status for outcome in outcomes.values()}
            for clause, outcome in outcomes.items():
                if outcome.suite_fault:
                    self._tell(suite_fault=f"seed {seed}: {outcome.message}\n{outcome.traceback}")
                elif outcome.status in ("fail", "error"):
                    self._report(clause, description, outcome)
        self._tell(judged=seed, status=max(statuses, key=_SEVERITY.index))

    def tell_end(self, seed: int, how: str) -> None:
        """Report a network on which another process came to its end."""
        self._seed = seed
        status, _, message = how.partition(": ")
        self._find(self._clauses[0], description_of(seed), Outcome(status, message=message))

    def tell_spent(self, seed: int) -> None:
        """Hand over to another process, which begins with this seed and all of the memory."""
        self._tell(spent=seed)

    def _outcomes(self, description: Description) -> dict[str, Outcome]:
        """By clause; equalized once where both can be judged by that."""
        if FUNCTION not in self._clauses:
            return {clause: self._judged(clause, description) for clause in self._clauses}
        network = network_for(self._guarded, description)
        dtype = DTYPES[description.dtype]
        models: list[nn.Module] = []

        def function() -> Evidence:
            models.append(equalized(self._guarded, network, dtype=dtype))
            return function_of(models[0], network, dtype)

        def places() -> Evidence:
            return places_of(models[0], network, self._guarded.formula)

        found = {FUNCTION: _outcome_of(function)}
        if models and PLACES in self._clauses and dtype is torch.float32:
            found[PLACES] = _outcome_of(places)
        return found

    def _report(self, clause: str, description: Description, outcome: Outcome) -> None:
        """Shrink what failed, unless others have failed with the same words."""
        kind = f"{clause}: {_kind(outcome)}"
        self._kinds[kind] += 1
        if outcome.status == "error" and self._kinds[kind] > _SHRUNK_PER_KIND:
            self._tell(again=kind)
            return

        def fails(smaller: Description) -> bool:
            self._beat()
            found = self._judged(clause, smaller)
            return found.status == outcome.status and _kind(found) == _kind(outcome)

        smallest = shrunk(description, fails)
        self._find(clause, smallest, self._judged(clause, smallest))

    def _judged(self, clause: str, description: Description) -> Outcome:
        return _outcome_of(lambda: _JUDGES[clause](self._guarded, description))

    def _find(self, clause: str, description: Description, outcome: Outcome) -> None:
        said = {name: getattr(outcome, name) for name in _SAID}
        story = "\n".join(f"{name}: {value}" for name, value in said.items() if value is not None)
        title = f"{clause}: {outcome.status}, on a network drawn by eqconform."
        self._tell(
            find=clause,
            status=outcome.status,
            seed=self._seed,
            **said,
            network=asdict(description),
            form=description.form,
            short=in_short(description),
            script=script(description, title, story, FILE_NAME, clause=clause),
        )

    def _beat(self) -> None:
        self._tell(beat=self._seed)

    def _tell(self, **words: Any) -> None:
        self._channel.write(json.dumps({**words, "cpu": time.process_time()}) + "\n")
        self._channel.flush()


def _outcome_of(judge: Callable[[], Evidence]) -> Outcome:
    """What comes of a network; one on which nothing is due is right to be left as it is."""

    def judged() -> Evidence:
        try:
            return judge()
        except NothingDue as verdict:
            return verdict.evidence

    return outcome_of(judged)


def _kind(outcome: Outcome) -> str:
    """What failures of one cause have in common: the message without its numbers and names."""
    words = re.sub(r"on the network.*", "", outcome.message or "", flags=re.DOTALL)
    return re.sub(r"\d+|'[^']*'", "…", words)[:200]


def _own_channel() -> TextIO:
    """Standard output for this module alone; what others print there goes to standard error."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return channel


def main() -> None:
    """Do what the command line orders."""
    order = Order(**json.loads(sys.argv[1]))
    channel = _own_channel()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # stopping is the other side's business
    torch.set_num_threads(1)
    torch.backends.cudnn.allow_tf32 = False  # tolerances are those of float32
    require_device(order.device)
    seeker = Seeker(load(order.spec), order.clauses, order.device, channel)
    for ended, how in order.ended.items():
        seeker.tell_end(int(ended), how)
    limit = None if order.memory is None else MemoryLimit(order.memory)
    seed = order.first
    while limit is None or not limit.is_half_gone():
        seeker.seek(seed)
        seed += order.step
    seeker.tell_spent(seed)
