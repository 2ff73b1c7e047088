"""Verdicts: what became of each mutant, kept in a file that outlives changes of the reference."""

import json
from pathlib import Path
from typing import NamedTuple

from made import Mutant

_USUAL = "reference "  # the adapter, which is left out in the file
_FILE = Path(__file__).with_name("verdicts.jsonl")


class Verdict(NamedTuple):
    """What became of a mutant.

    Attributes:
        status: "killed"; "survived": all cases that reach it; "alike": survived what it met in
            time, and makes the same of every network; "unfinished": survived what it met in time;
            "unreached": there is no case that reaches it.
        by: the case that caught it, or "".
        met: how many cases it met.
        of: how many reach it.
    """

    status: str
    by: str = ""
    met: int = 0
    of: int = 0


Key = tuple[str, str, str]


def key_of(mutant: Mutant) -> Key:
    """What a verdict is kept by: neither numbers nor lines, which move with other functions."""
    return mutant.module, mutant.function, mutant.digest


def known() -> dict[Key, Verdict]:
    """All verdicts; of two on one mutant the later."""
    lines = _FILE.read_text().splitlines() if _FILE.exists() else []
    rows = (json.loads(line) for line in lines)
    return {tuple(row[:3]): _verdict(*row[3:]) for row in rows}


def _verdict(status: str, by: str = "", *counts: int) -> Verdict:
    named = f"{_USUAL}{by}" if by and " " not in by else by
    return Verdict(status, named, *counts)


def add(mutant: Mutant, verdict: Verdict) -> None:
    """Write one verdict behind the others."""
    with _FILE.open("a") as file:
        print(_line(key_of(mutant), verdict), file=file)


def tidy(mutants: list[Mutant]) -> None:
    """Leave one verdict of each mutant that there is, in the order of the sources."""
    verdicts = known()
    kept = dict.fromkeys(key_of(mutant) for mutant in mutants)
    lines = [_line(key, verdicts[key]) for key in kept if key in verdicts]
    _FILE.write_text("".join(f"{line}\n" for line in lines))


def _line(key: Key, verdict: Verdict) -> str:
    by = verdict.by.removeprefix(_USUAL)
    row = [*key, verdict.status, by] if by else [*key, *verdict]
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False)
