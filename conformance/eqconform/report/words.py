"""Text in reports: what an implementation says is shown, and can do nothing else."""

import re
from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

_NAMES = 8  # of what is only named

# Control characters, for an implementation may print colours; what turns the direction of text;
# what no encoding or no XML can hold.
_UNPRINTABLE = re.compile(
    r"[^\n\t -~\u00a0-\U0010ffff]|[\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def plain(text: str) -> str:
    """The text with a question mark for every character that is not to be printed."""
    return _UNPRINTABLE.sub("?", text)


def one_line(text: str, longest: int) -> str:
    """The text in one line, cut where it is too long."""
    whole = " ".join(plain(text).split())
    return whole if len(whole) <= longest else f"{whole[: longest - 2]} …"


def indented(console: Console, text: str, by: int) -> None:
    """Print the text, every line of it indented."""
    console.print(Padding(Text(plain(text)), (0, 0, 0, by), expand=False))


def number(value: float | None) -> str:
    """A measured number in three digits; "none" where none was measured."""
    return "none" if value is None else f"{value:.3g}"


def plural(count: int, noun: str) -> str:
    """`1 case`, `2 cases`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def some(names: Sequence[str]) -> str:
    """The first of the names, and how many more there are."""
    more = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {more} more" if more > 0 else "")


def shortened(text: str, longest: int | None) -> str:
    """The text, or so many characters of it; None: all of it."""
    return text if longest is None or len(text) <= longest else f"{text[:longest]} …"
