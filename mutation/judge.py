"""Judge the mutants of the reference by the conformance suite, and by nothing else.

    cd mutation                             # mutmut reads its settings as it is imported
    python judge.py --record                # make the mutants; which case runs which lines
    python judge.py 'scale.*' 'ranges.*'    # judge those that have no verdict yet
    python judge.py --report                # write docs/mutants.md; 1 if a survivor is unexplained

A mutant is judged in a fork of one process, which has imported everything and warmed up on mutants
of nothing. It meets the cases that run the lines it changes, until one catches it: a case of any
level that no longer passes. First come those that have caught others of that function and that
module, and one clause after the other. `reach._LEFT_OUT` says which clauses take no part, since
they take long for what they say about the reference.
"""

import argparse
import faulthandler
import os
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import islice
from multiprocessing import connection, get_context
from typing import Any

import forked
import report
import torch
import verdicts
from made import PACKAGE, Mutant, made
from mutmut.mutation.trampoline import set_mutant_under_test
from reach import Judge, Reached, clause_of, in_turns, judges, reached, record
from verdicts import Verdict

# Of the clauses that ask most of a module.
_NEAR = {
    **dict.fromkeys(("folding", "homogeneous", "plan", "layout", "convert"), "chain."),
    **dict.fromkeys(("observers", "ranges"), "observe."),
    "config": "configure.",
    "sensitivity": "select.",
    "folded": "select.",
    "quantize": "q",
    "simulate": "quantize.",
}
_FORK = get_context("fork")
_CAUGHT, _DONE = -1, -2  # beside the numbers of cases


def main() -> None:
    """As the module says."""
    arguments = _parser().parse_args()
    torch.set_num_threads(1)  # a fork would wait for threads that it does not have
    mutants = made()
    if arguments.record:
        record()
        return
    if arguments.report:
        sys.exit(report.write(mutants))
    chosen = _chosen(mutants, arguments.patterns, arguments.again)
    for mutant, verdict in _judged(chosen, arguments.seconds, arguments.jobs):
        verdicts.add(mutant, verdict)
        print(mutant.name, *verdict, f"  {mutant.change}", flush=True)
    verdicts.tidy(mutants)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("patterns", nargs="*", help="of mutants, in this order")
    parser.add_argument("--record", action="store_true", help="which case runs which lines")
    parser.add_argument("--report", action="store_true", help="write docs/mutants.md, and stop")
    parser.add_argument("--again", action="append", default=[], help="judge those of a status anew")
    parser.add_argument("--seconds", type=float, default=60.0, help="of a processor, for a mutant")
    parser.add_argument("--jobs", type=int, default=2)
    return parser


def _chosen(mutants: list[Mutant], patterns: list[str], again: list[str]) -> list[Mutant]:
    """Those that a pattern names and that have no verdict yet, or one to be reached again."""
    known = verdicts.known()

    def due(mutant: Mutant) -> bool:
        verdict = known.get(verdicts.key_of(mutant))
        return not mutant.left_out and (verdict is None or verdict.status in again)

    fresh = [mutant for mutant in mutants if due(mutant)]
    return list(dict.fromkeys(m for p in patterns for m in fresh if fnmatchcase(m.name, p)))


def _judged(mutants: list[Mutant], limit: float, jobs: int) -> Iterator[tuple[Mutant, Verdict]]:
    cases, order = judges(), _Order()
    forked.use()
    _warm_up(cases)
    waiting = mutants[::-1]
    running: dict[Any, tuple[Any, connection.Connection, Mutant, list[str]]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            ahead = order.of(mutant)
            receiver, sender = _FORK.Pipe(duplex=False)
            process = _FORK.Process(target=_judge, args=(mutant, cases, ahead, limit, sender))
            process.start()
            sender.close()
            running[process.sentinel] = process, receiver, mutant, list(ahead)
        for sentinel in connection.wait(list(running)):
            process, receiver, mutant, names = running.pop(sentinel)
            process.join()
            verdict = _verdict(names, _received(receiver), process.exitcode)
            order.learn(mutant.module, mutant.function, verdict)
            yield mutant, verdict


def _warm_up(cases: dict[str, Judge]) -> None:
    """What torch does at the first call of anything, or else every fork would do it."""
    set_mutant_under_test("")
    for _, judge in islice(in_turns(cases), 120):
        with suppress(Exception):  # one that fails is no judge
            judge()


class _Order:
    """Which cases a mutant meets, and in which order."""

    def __init__(self) -> None:
        self._reached = reached()
        self._kills: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for (module, function, _), verdict in verdicts.known().items():
            self.learn(module, function, verdict)

    def learn(self, module: str, function: str, verdict: Verdict) -> None:
        """A case that has caught one may well catch the next."""
        for place in (module, f"{module}.{function}"):
            self._kills[place][verdict.by] += bool(verdict.by)

    def of(self, mutant: Mutant) -> dict[str, float]:
        """The cases that meet it, most promising first, and their seconds."""
        found = {each.case: each for each in self._reached if each.meets(mutant)}
        promise = {name: self._promise(mutant, each) for name, each in found.items()}
        turns: Counter[str] = Counter()
        for name in sorted(found, key=promise.__getitem__, reverse=True):
            turns[clause_of(name)] += 1
            # Ten cases of a clause that let it pass say little more than one.
            promise[name] /= turns[clause_of(name)] ** 2
        return {n: found[n].seconds for n in sorted(found, key=promise.__getitem__, reverse=True)}

    def _promise(self, mutant: Mutant, case: Reached) -> float:
        here = self._kills[f"{mutant.module}.{mutant.function}"][case.case]
        around = self._kills[mutant.module][case.case]
        near = case.case.partition(" ")[2].startswith(_NEAR.get(mutant.module, "nothing"))
        return (1 + 2 * near + min(around, 5) + 20 * here) / (0.05 + case.seconds)


def _judge(
    mutant: Mutant,
    cases: dict[str, Judge],
    ahead: dict[str, float],
    limit: float,
    sender: connection.Connection,
) -> None:
    """Tell the number of each case as it begins, and how it ended.

    Args:
        mutant: to be at work.
        cases: by name.
        ahead: names of the cases that it meets, in this order, and the seconds that each takes.
        limit: seconds after which no case is begun.
        sender: of the numbers, and of `_CAUGHT` or `_DONE`.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    set_mutant_under_test(PACKAGE + mutant.name)
    start = time.process_time()
    for number, (name, seconds) in enumerate(ahead.items()):
        if time.process_time() - start > limit:
            os._exit(0)
        sender.send(number)
        # One that computes without end, and one that waits without end.
        signal.setitimer(signal.ITIMER_PROF, 5 + 10 * seconds)
        faulthandler.dump_traceback_later(60 + 60 * seconds, exit=True)
        try:
            cases[name]()
        except BaseException:  # noqa: BLE001  SystemExit too
            sender.send(_CAUGHT)
            os._exit(0)
        faulthandler.cancel_dump_traceback_later()
    sender.send(_DONE)
    os._exit(0)


def _received(receiver: connection.Connection) -> list[int]:
    found = []
    try:
        while True:
            found.append(receiver.recv())
    except EOFError:
        return found


def _verdict(names: list[str], told: list[int], exit_code: int | None) -> Verdict:
    begun = [number for number in told if number >= 0]
    if not names:
        return Verdict("unreached")
    if _CAUGHT in told or exit_code:  # caught, out of time or crashed
        return Verdict("killed", names[begun[-1]].removeprefix("reference "))
    return Verdict("survived" if _DONE in told else "unfinished", "", len(begun), len(names))


if __name__ == "__main__":
    main()
