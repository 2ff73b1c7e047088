"""Cases: how each is judged, what it costs, and which lines of the reference it runs."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from coverage import Coverage
from made import SOURCES, Mutant
from mutmut.mutation.trampoline import set_mutant_under_test

_LEFT_OUT = (
    *("equalize.vision", "equalize.compiles", "equalize.exports", "equalize.jit-traces"),
    *("equalize.random-networks", "chain.random-networks"),
)
# Of these the quick budget is enough: the full one has every network again.
_MANY = (
    *("equalize.unseen-sizes", "equalize.float64", "equalize.float64-exact", "equalize.bfloat16"),
    *("equalize.names-do-not-matter", "chain.names-do-not-matter"),
)

Judge = Callable[[], None]


class Reached(NamedTuple):
    """What a case costs in seconds, and by module the lines of the mutated copy that it runs."""

    case: str
    seconds: float
    lines: dict[str, frozenset[int]]

    def meets(self, mutant: Mutant) -> bool:
        """Whether the case can tell the mutant."""
        # What other processes run is not recorded.
        if mutant.module == "distributed":
            return clause_of(self.case).endswith(" distributed.reduced-ranges") or self._runs(
                mutant
            )
        return self._runs(mutant)

    def _runs(self, mutant: Mutant) -> bool:
        return not mutant.lines.isdisjoint(self.lines.get(mutant.module, ()))


def judges() -> dict[str, Judge]:
    """By name of the case: how it is judged, which raises unless all is well."""
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


def record() -> None:
    """Judge each case once, unmutated, and note what it runs; one that fails is no judge."""
    known = {each.case for each in reached()}
    set_mutant_under_test("")
    # Every line of it has been imported by now; what is noted is what a case runs.
    coverage = Coverage(data_file=None, config_file=False, include=[f"{SOURCES.absolute()}/*"])
    with _record().open("a") as file:
        for name, judge in in_turns(judges()):
            if name in known:
                continue
            start = time.process_time()
            coverage.erase()
            coverage.start()
            try:
                judge()
            except Exception as error:  # noqa: BLE001  whatever it is, the case is no judge
                print(f"{name} does not pass: {error}", flush=True)
                continue
            finally:
                coverage.stop()
            data = coverage.get_data()
            lines = {Path(each).stem: data.lines(each) for each in data.measured_files()}
            line = {"case": name, "seconds": time.process_time() - start, "lines": lines}
            print(json.dumps(line), file=file, flush=True)


def in_turns(cases: dict[str, Judge]) -> Iterator[tuple[str, Judge]]:
    """The first case of every clause, the second of every clause, and so on."""
    turns: Counter[str] = Counter()
    turn = {}
    for name in cases:
        turn[name] = turns[clause_of(name)]
        turns[clause_of(name)] += 1
    yield from sorted(cases.items(), key=lambda item: turn[item[0]])


def clause_of(case: str) -> str:
    """Adapter and clause of a case."""
    return case.partition("/")[0]


def reached() -> list[Reached]:
    """What was recorded of the sources as they are."""
    if not _record().exists():
        return []
    return [_parsed(**json.loads(line)) for line in _record().read_text().splitlines()]


def _record() -> Path:
    """Lines move when the reference changes: each state of it has a record of its own."""
    sources = "".join(file.read_text() for file in sorted(SOURCES.glob("*.py")))
    return Path(f"mutants/reached-{sha256(sources.encode()).hexdigest()[:8]}.jsonl")


def _parsed(case: str, seconds: float, lines: dict[str, list[int]]) -> Reached:
    return Reached(case, seconds, {module: frozenset(each) for module, each in lines.items()})
