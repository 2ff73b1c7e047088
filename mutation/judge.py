"""Judge the mutants of the reference by the conformance suite, and by nothing else.

    cd mutation                             # mutmut reads its settings as it is imported
    python judge.py --record                # make the mutants; which case reaches what
    python judge.py 'scale.*' 'ranges.*'    # judge those that have no verdict yet
    python judge.py --table                 # count the verdicts, file by file

mutmut makes the mutants, all in one copy of the sources, where a variable of the environment says
which one is at work. So each is judged in a fork of one process, which has imported everything and
warmed up on mutants of nothing. It meets the cases that reach its function, those first that have
caught others of that function and that file, until one catches it: a case of any level that no
longer passes. Left out is `_LEFT_OUT`, which takes long for what it says about the reference.
"""

import argparse
import faulthandler
import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import partial
from itertools import islice
from multiprocessing import connection, get_context
from pathlib import Path
from typing import Any, NamedTuple

from mutmut.__main__ import create_mutants
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils.file_utils import copy_src_dir, setup_source_paths, walk_mutatable_files

_PACKAGE = "eqconform_reference."
_REACHED = Path("mutants/reached.jsonl")
_VERDICTS = Path("mutants/verdicts.jsonl")
_LEFT_OUT = (
    *("equalize.vision", "equalize.compiles", "equalize.exports", "equalize.jit-traces"),
    *("equalize.random-networks", "chain.random-networks"),
)
# Of these the quick budget is enough: the full one has every network again.
_MANY = (
    *("equalize.unseen-sizes", "equalize.float64", "equalize.float64-exact", "equalize.bfloat16"),
    *("equalize.names-do-not-matter", "chain.names-do-not-matter"),
)
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


class Reached(NamedTuple):
    """What a case costs, and which functions it calls."""

    case: str
    seconds: float
    functions: list[str]


class Verdict(NamedTuple):
    """What became of a mutant.

    Attributes:
        mutant: its name, from the module on.
        status: "killed", "survived", "unreached", or "unfinished": survived what it met in time.
        by: the case that caught it, or "".
        met: how many cases it met.
        of: how many reach it.
    """

    mutant: str
    status: str
    by: str
    met: int
    of: int


def main() -> None:
    """As the module says."""
    arguments = _parser().parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    if arguments.table:
        _print_table()
        return
    mutants = _made()
    if arguments.record:
        _record()
        return
    chosen = _chosen(mutants, arguments.patterns, arguments.again)
    with _VERDICTS.open("a") as file:
        for verdict in _judged(chosen, arguments.seconds, arguments.jobs):
            print(json.dumps(verdict._asdict()), file=file, flush=True)
            print(*verdict, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("patterns", nargs="*", help="of mutants, in this order")
    parser.add_argument("--record", action="store_true", help="which case reaches which function")
    parser.add_argument("--table", action="store_true", help="count the verdicts, and stop")
    parser.add_argument("--again", action="append", default=[], help="judge those of a status anew")
    parser.add_argument("--seconds", type=float, default=60.0, help="of a processor, for a mutant")
    parser.add_argument("--jobs", type=int, default=2)
    return parser


def _made() -> list[str]:
    """The names of all mutants, which are made where the sources are newer."""
    set_mutant_under_test("mutant_generation")
    Path("mutants").mkdir(exist_ok=True)
    copy_src_dir()
    setup_source_paths()
    # For the processes that a case starts.
    os.environ["PYTHONPATH"] = str(Path("mutants/src").absolute())
    create_mutants(1)
    return [name for names in _mutants_by_file().values() for name in names]


def _mutants_by_file() -> dict[str, list[str]]:
    found = {}
    for path in walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        found[path.name] = [name.split(_PACKAGE, 1)[1] for name in data.exit_code_by_key]
    return found


def _chosen(mutants: list[str], patterns: list[str], again: list[str]) -> list[str]:
    """Those that a pattern names and that have no verdict yet, or one to be reached again."""
    known = _verdicts()
    fresh = [m for m in mutants if m not in known or known[m].status in again]
    return list(dict.fromkeys(m for p in patterns for m in fresh if fnmatchcase(m, p)))


def _verdicts() -> dict[str, Verdict]:
    lines = _VERDICTS.read_text().splitlines() if _VERDICTS.exists() else []
    return {v.mutant: v for v in (Verdict(**json.loads(line)) for line in lines)}


def _cases() -> dict[str, Any]:
    """By name: how the case is judged, which raises unless all is well."""
    from eqconform.adapters.reference import Reference, ReferenceCareful  # noqa: PLC0415  mutated
    from eqconform.engine.planning import SEED  # noqa: PLC0415  imports what is mutated
    from eqconform.engine.sandbox import isolated, seed_of  # noqa: PLC0415  likewise
    from eqconform.judge.cases import Case, cases  # noqa: PLC0415  likewise

    def judge(case: Case, adapter: type[Reference | ReferenceCareful]) -> None:
        with isolated(seed_of(case.id, SEED)):
            case.judge(adapter())

    more = [case for case in cases("full") if case.check.clause not in (*_LEFT_OUT, *_MANY)]
    quick = [case for case in cases("quick") if case.check.clause in _MANY]
    return {
        f"{adapter.name} {case.id}": partial(judge, case, adapter)
        for adapter in (Reference, ReferenceCareful)
        for case in more + quick
        if case.check.claimed_by(adapter())
    }


def _record() -> None:
    """Run each case once, unmutated, and note what it calls; one that fails is no judge."""
    known = _reached()
    set_mutant_under_test("stats")
    with _REACHED.open("a") as file:
        for name, judge in _in_turns(_cases()):
            if name in known:
                continue
            hits = state()._stats  # noqa: SLF001  where mutmut itself reads them
            hits.clear()
            start = time.process_time()
            try:
                judge()
            except Exception as error:  # noqa: BLE001  whatever it is, the case is no judge
                print(f"{name} does not pass: {error}", flush=True)
                continue
            functions = sorted(each.split(_PACKAGE, 1)[1] for each in hits)
            reached = Reached(name, time.process_time() - start, functions)
            print(json.dumps(reached._asdict()), file=file, flush=True)


def _in_turns(cases: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The first case of every clause, the second of every clause, and so on."""
    turns: Counter[str] = Counter()
    turn = {}
    for name in cases:
        clause = name.partition("/")[0]
        turn[name] = turns[clause]
        turns[clause] += 1
    yield from sorted(cases.items(), key=lambda item: turn[item[0]])


def _reached() -> dict[str, Reached]:
    lines = _REACHED.read_text().splitlines() if _REACHED.exists() else []
    return {each.case: each for each in (Reached(**json.loads(line)) for line in lines)}


def _judged(mutants: list[str], limit: float, jobs: int) -> Iterator[Verdict]:
    cases, order = _cases(), _Order()
    _warm_up(cases)
    waiting = mutants[::-1]
    running: dict[Any, tuple[Any, connection.Connection, str, list[str]]] = {}
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
            verdict = _verdict(mutant, names, _received(receiver), process.exitcode)
            order.learn(verdict)
            yield verdict


def _warm_up(cases: dict[str, Any]) -> None:
    """What torch does at the first call of anything, or else every fork would do it."""
    set_mutant_under_test("")
    for _, judge in islice(_in_turns(cases), 80):
        with suppress(Exception):  # as in _record
            judge()


class _Order:
    """Which cases a mutant meets, and in which order."""

    def __init__(self) -> None:
        self._reached = _reached()
        self._kills: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for verdict in _verdicts().values():
            self.learn(verdict)

    def learn(self, verdict: Verdict) -> None:
        """A case that has caught one may well catch the next."""
        for part in _parts(verdict.mutant):
            self._kills[part][verdict.by] += bool(verdict.by)

    def of(self, mutant: str) -> dict[str, float]:
        """The cases that reach its function, most kills a second first, and their seconds."""
        module, function = _parts(mutant)
        here, around = self._kills[function], self._kills[module]
        found = {r.case: r.seconds for r in self._reached.values() if _reaches(r, module, function)}

        def promise(name: str) -> float:
            near = name.partition(" ")[2].startswith(_NEAR.get(module, "nothing"))
            return (1 + 9 * near + 5 * around[name] + 50 * here[name]) / (0.1 + found[name])

        return {name: found[name] for name in sorted(found, key=promise, reverse=True)}


def _parts(mutant: str) -> tuple[str, str]:
    """Its module and its function."""
    return mutant.split(".", 1)[0], mutant.rpartition("__mutmut_")[0]


def _reaches(case: Reached, module: str, function: str) -> bool:
    # What other processes call is not recorded.
    return function in case.functions or case.case.endswith(f" {module}.reduced-ranges")


def _judge(
    mutant: str,
    cases: dict[str, Any],
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
    set_mutant_under_test(_PACKAGE + mutant)
    start = time.process_time()
    for number, (name, seconds) in enumerate(ahead.items()):
        if time.process_time() - start > limit:
            os._exit(0)
        sender.send(number)
        faulthandler.dump_traceback_later(60 + 30 * seconds, exit=True)
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


def _verdict(mutant: str, names: list[str], told: list[int], exit_code: int | None) -> Verdict:
    begun = [number for number in told if number >= 0]
    met = len(begun)
    if not names:
        return Verdict(mutant, "unreached", "", 0, 0)
    if _CAUGHT in told or exit_code:  # caught, out of time or crashed
        return Verdict(mutant, "killed", names[begun[-1]], met, len(names))
    return Verdict(mutant, "survived" if _DONE in told else "unfinished", "", met, len(names))


def _print_table() -> None:
    verdicts = _verdicts()
    statuses = ("killed", "survived", "unfinished", "unreached", "not judged")
    print("| file | mutants |", " | ".join(statuses), "|")
    for file, mutants in sorted(_mutants_by_file().items()):
        found = Counter(verdicts[m].status if m in verdicts else "not judged" for m in mutants)
        print(f"| `{file}` | {len(mutants)} |", " | ".join(str(found[s]) for s in statuses), "|")


if __name__ == "__main__":
    main()
