"""What broken cases have in common: those that say the same thing have one reason.

Two cases say the same when their statuses and words agree but for numbers, shapes and the example
that was tried. One mistake of an implementation breaks many clauses; told once, with all the
clauses that it breaks, it is read.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from eqconform.results import CaseResult

_NUMBER = re.compile(r"(?<![\w#])-?\d+(\.\d+)?(e[+-]?\d+)?")
_LISTED = re.compile(r"(\[[#\s,]*\])+|\((#,\s*)+#?\)")  # of masked numbers: a shape, an index
_LAYER = re.compile(r"\((linear|conv[123]d)\)")
_FIRST = re.compile(r"(the first because [^:]*): .*", re.DOTALL)  # of a row of networks
_EXCEPTION = re.compile(r"\w+(Error|Exception|Exit):")
_CHANNELS = re.compile(r"\b(channel|row|column|group|layer call)s? #(?:(?:, | and | to )#)*")
# Where NaN or an infinity stands in the place of a number, which number and of which batch: no more
# than the name of what was looked at is kept.
_LOST = re.compile(
    r"(?:[\w-]+: )?([^;:\[=]+?)(?:\[[^\]]*\])* = [^;]*; observed (?=-?(?:nan|inf)\b)"
)
_EXAMPLE = re.compile(r",? on (?:\w+ = |the network ).*?(?= raised \w|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Reason:
    """Broken cases that say the same, the first of them by the clauses' order."""

    cases: tuple[CaseResult, ...]

    @property
    def clauses(self) -> list[str]:
        """The clauses that it breaks."""
        return list(dict.fromkeys(case.clause for case in self.cases))


def reasons(cases: Iterable[CaseResult]) -> list[Reason]:
    """The cases by what they say, in the order of the first of each."""
    grouped: dict[tuple[str, ...], list[CaseResult]] = {}
    for case in cases:
        grouped.setdefault(kind(case), []).append(case)
    return [Reason(tuple(group)) for group in grouped.values()]


def kind(case: CaseResult) -> tuple[str, ...]:
    """What cases have in common that end alike; their numbers and examples differ.

    Where an exception was observed, it does not matter what was expected in its place.
    """
    seen = case.observed
    if seen is not None and case.expected is not None and not _EXCEPTION.search(seen):
        seen = f"{_EXAMPLE.sub('', case.expected)}; observed {seen}"
    return (case.status, *(masked(each) for each in (case.message, seen) if each is not None))


def masked(text: str) -> str:
    """The text with `#` for each number, `[#]` for each shape or index, and no example."""
    shortened = _LOST.sub(r"\1; observed ", _FIRST.sub(r"\1", _EXAMPLE.sub("", text)))
    masked = _NUMBER.sub("#", _LAYER.sub("", shortened))
    return _CHANNELS.sub(r"\1 #", _LISTED.sub("[#]", masked))
