"""Text on the terminal: what an implementation says is shown, and can do nothing else."""

import re

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

_CONTROL = re.compile(r"[^\n\t -~\u00a0-\U0010ffff]")  # an implementation may print colours


def plain(text: str) -> str:
    """The text with a question mark for every control character."""
    return _CONTROL.sub("?", text)


def indented(console: Console, text: str, by: int) -> None:
    """Print the text, every line of it indented."""
    console.print(Padding(Text(plain(text)), (0, 0, 0, by), expand=False))


def plural(count: int, noun: str) -> str:
    """`1 case`, `2 cases`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
