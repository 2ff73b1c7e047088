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
import gc
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
from prints import differing, prints
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
_CAUGHT, _DONE, _ALIKE = -1, -2, -3  # beside the numbers of cases
_SWEEP = 2.0  # seconds for all networks of the catalogue
# Of what `equalize` does not call, and of what is called before it.
_NOT_SWEPT = ("distributed", "explain", "quantize", "sensitivity", "simulate")


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
    before = prints() if arguments.networks else {}
    order = _Order(arguments.first)
    for mutant, verdict in _judged(chosen, order, arguments.seconds, arguments.jobs, before):
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
    parser.add_argument(
        "--first", action="append", default=[], help="'FUNCTION CASE', before others"
    )
    parser.add_argument(
        "--networks", action="store_true", help="see which networks come out otherwise, too"
    )
    return parser


def _chosen(mutants: list[Mutant], patterns: list[str], again: list[str]) -> list[Mutant]:
    """Those that a pattern names and that have no verdict yet, or one to be reached again."""
    known = verdicts.known()

    def due(mutant: Mutant) -> bool:
        verdict = known.get(verdicts.key_of(mutant))
        return not mutant.left_out and (verdict is None or verdict.status in again)

    fresh = [mutant for mutant in mutants if due(mutant)]
    return list(dict.fromkeys(m for p in patterns for m in fresh if fnmatchcase(m.name, p)))


def _judged(
    mutants: list[Mutant], order: "_Order", limit: float, jobs: int, before: dict[str, str]
) -> Iterator[tuple[Mutant, Verdict]]:
    cases = judges()
    forked.use()
    _warm_up(cases)
    gc.freeze()  # or every fork would come to own what it shares, at its first collection
    sound: set[str] = set()
    waiting = mutants[::-1]
    running: dict[Any, tuple[_Trial, Mutant]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            swept = {} if mutant.module in _NOT_SWEPT else before
            trial = _Trial(PACKAGE + mutant.name, cases, order.of(mutant), limit, swept)
            running[trial.process.sentinel] = trial, mutant
        for sentinel in connection.wait(list(running)):
            trial, mutant = running.pop(sentinel)
            verdict = trial.verdict()
            if verdict.by and verdict.by not in sound:
                if _Trial("", cases, {verdict.by: 0.0}, limit, {}).verdict().by:
                    print(f"{verdict.by} catches the reference itself, and is no judge", flush=True)
                    order.forget(verdict.by)
                    waiting.append(mutant)
                    continue
                sound.add(verdict.by)
            order.learn(mutant.module, mutant.function, verdict)
            yield mutant, verdict


def _warm_up(cases: dict[str, Judge]) -> None:
    """What torch does at the first call of anything, or else every fork would do it."""
    set_mutant_under_test("")
    for _, judge in islice(in_turns(cases), 120):
        with suppress(Exception):  # one that fails is no judge
            judge()


class _Order:
    """Which cases a mutant meets, and in which order.

    Args:
        first: patterns, "FUNCTION CASE", of those that come before all others.
    """

    def __init__(self, first: list[str]) -> None:
        self._first = first
        self._reached = reached()
        if not self._reached:
            sys.exit("Nothing is recorded of the reference as it is: run judge.py --record first.")
        self._kills: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for (module, function, _), verdict in verdicts.known().items():
            self.learn(module, function, verdict)

    def learn(self, module: str, function: str, verdict: Verdict) -> None:
        """A case that has caught one may well catch the next."""
        for place in (module, f"{module}.{function}"):
            self._kills[place][verdict.by] += bool(verdict.by)

    def forget(self, case: str) -> None:
        """Have no mutant meet a case again."""
        self._reached = [each for each in self._reached if each.case != case]

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
        pair = f"{mutant.module}.{mutant.function} {case.case}"
        asked = any(fnmatchcase(pair, pattern) for pattern in self._first)
        return (1 + 2 * near + min(around, 5) + 20 * here + 1e6 * asked) / (0.05 + case.seconds)


class _Trial:
    """A mutant before the cases, in a fork.

    Args:
        mutant: to be at work; "" for none.
        cases: by name.
        ahead: names of the cases that it meets, in this order, and the seconds that each takes.
        limit: seconds of a processor after which no case is begun.
        before: see `prints`, of the reference itself; {}: not to be looked at.
    """

    def __init__(
        self,
        mutant: str,
        cases: dict[str, Judge],
        ahead: dict[str, float],
        limit: float,
        before: dict[str, str],
    ) -> None:
        self._names = list(ahead)
        self._receiver, sender = _FORK.Pipe(duplex=False)
        arguments = mutant, cases, ahead, limit, before, sender
        self.process = _FORK.Process(target=_judge, args=arguments)
        self.process.start()
        sender.close()

    def verdict(self) -> Verdict:
        """What became of it, once its process has ended."""
        told = self._told()
        self.process.join()
        if not self._names:
            return Verdict("unreached")
        begun = [number for number in told if number >= 0]
        if _CAUGHT in told or self.process.exitcode:  # caught, out of time or crashed
            return Verdict("killed", self._names[begun[-1]])
        status = "unfinished"
        if _DONE in told:
            status = "survived"
        elif _ALIKE in told:
            status = "alike"
        return Verdict(status, "", len(begun), len(self._names))

    def _told(self) -> list[int]:
        found = []
        try:
            while True:
                found.append(self._receiver.recv())
        except EOFError:
            return found


def _judge(  # noqa: PLR0913, PLR0917  what a fork is given
    mutant: str,
    cases: dict[str, Judge],
    ahead: dict[str, float],
    limit: float,
    before: dict[str, str],
    sender: connection.Connection,
) -> None:
    """Tell the number of each case as it begins, `_ALIKE`, and `_CAUGHT` or `_DONE`."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    set_mutant_under_test(mutant)
    numbers = {name: number for number, name in enumerate(ahead)}
    for name in _course(ahead, limit, before, sender):
        sender.send(numbers[name])
        _guard(ahead[name])
        try:
            cases[name]()
        except BaseException:  # noqa: BLE001  SystemExit too
            sender.send(_CAUGHT)
            os._exit(0)
        faulthandler.cancel_dump_traceback_later()
    os._exit(0)


def _course(
    ahead: dict[str, float], limit: float, before: dict[str, str], sender: connection.Connection
) -> Iterator[str]:
    """Names of cases: the first ones; those of networks that come out otherwise; the others."""
    start = time.process_time()
    rest = dict(ahead)

    def until(seconds: float, names: list[str]) -> Iterator[str]:
        for name in names:
            if time.process_time() - start > seconds:
                return
            del rest[name]
            yield name

    yield from until(limit / 4 if before else limit, list(rest))
    if rest and before:
        _guard(_SWEEP)
        others = 0
        for network in differing(before):
            others += 1
            beginning = f"/{network}"
            yield from until(2 * limit, [name for name in rest if beginning in name])
            _guard(_SWEEP)
        if not others:
            sender.send(_ALIKE)
    yield from until(limit + _SWEEP * bool(before), list(rest))
    if not rest:
        sender.send(_DONE)


def _guard(seconds: float) -> None:
    """End this process where it computes without end, or waits without end."""
    signal.setitimer(signal.ITIMER_PROF, 5 + 10 * seconds)
    faulthandler.dump_traceback_later(60 + 60 * seconds, exit=True)


if __name__ == "__main__":
    main()
