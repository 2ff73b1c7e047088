"""Compares what a page shows with what came out.

Word by word, so that line breaks do not count. `...` on a page stands for any words. Numbers with
a decimal point may differ by `TOLERANCE` of themselves, for sums in another order round otherwise;
durations, and versions of torch, may be any. Without `figures` every number may.
"""

import re
from collections.abc import Sequence

TOLERANCE = 0.02
"""Three digits are shown at most, and the figures of another machine differ in the third."""

_DECIMAL = re.compile(r"[-+]?\d+\.\d+(?:e[-+]?\d+)?")
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.])")
_ANY = (
    (re.compile(r"in [\d.]+ s\b"), "in N s"),
    (re.compile(r"\btorch \d+\.\d+\S*?(?=[,;.]?(\s|$))"), "torch VERSION"),
)


def differences(shown: str, actual: str, *, figures: bool = True) -> str:
    """What is on the page and did not come out; "" if all did.

    Args:
        shown: on the page; where it is empty it states nothing.
        actual: what came out.
        figures: whether numbers are compared, too.
    """
    wanted, got = (_words(text if figures else _NUMBER.sub("N", text)) for text in (shown, actual))
    if not wanted:
        return ""
    parts = _split(wanted)
    position, last = 0, len(parts) - 1
    for number, part in enumerate(parts):
        # The first part begins the output and the last one ends it, if no `...` is there.
        starts = range(position, len(got) - len(part) + 1)
        if number == 0:
            starts = starts[:1]
        if number == last and part:
            starts = starts[-1:] if number else starts[: len(got) == len(part)]
        found = next((start for start in starts if _alike(part, got[start:])), None)
        if found is None:
            return f"the page shows: {' '.join(part)}\nafter: {' '.join(got[:position][-12:])}"
        position = found + len(part)
    return ""


def _words(text: str) -> list[str]:
    for pattern, replacement in _ANY:
        text = pattern.sub(replacement, text)
    return text.split()


def _split(words: Sequence[str]) -> list[list[str]]:
    """The runs of words between the `...`; empty ones where it begins or ends with one."""
    parts: list[list[str]] = [[]]
    for word in words:
        if word == "...":
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def _alike(wanted: Sequence[str], got: Sequence[str]) -> bool:
    return all(map(_same, wanted, got))


def _same(wanted: str, got: str) -> bool:
    if wanted == got:
        return True
    if _DECIMAL.sub("#", wanted) != _DECIMAL.sub("#", got):
        return False
    pairs = zip(_DECIMAL.findall(wanted), _DECIMAL.findall(got), strict=True)
    return all(abs(float(x) - float(y)) <= TOLERANCE * abs(float(x)) for x, y in pairs)
