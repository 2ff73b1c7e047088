"""Plays a page of the documentation: writes its files, runs its commands, compares what is shown.

Fenced blocks are played in the order of the page, in a scratch folder:

- any language with `title="NAME"`: the file NAME is written, whole.
- `diff` with `title="NAME"`: the file NAME, played before, is changed.
- `console`: each `$ command` is run by bash; the lines below it are what must come out.
- `pycon`: doctests, which share their names over the page.

A command that fails must say so on the page: the next one is `$ echo $?`. Other blocks are text.
"""

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from markdown_it import MarkdownIt
from shown import differences

_TITLE = re.compile(r'title="([^"]+)"')


class Block(NamedTuple):
    """A fenced block: its language, the file that it names or "", its text, its line, its section.

    A section is what the last heading of the second level says; "" before the first.
    """

    language: str
    title: str
    text: str
    line: int
    section: str


class Command(NamedTuple):
    """What is typed, and the text that must come out."""

    line: str
    shown: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    found, section = [], ""
    tokens = MarkdownIt().parse(page.read_text(encoding="utf-8"))
    for before, token in pairwise(tokens):
        if (before.type, before.tag) == ("heading_open", "h2"):
            section = token.content
        elif token.type == "fence":
            found.append(_block(token, section))
    return found


def play(page: Path, folder: Path, *, section: str | None = None, figures: bool = True) -> str:
    """Do in `folder` what the page says, and compare.

    Args:
        page: a file of Markdown.
        folder: where its files are written and its commands are run.
        section: the one to play, or None for all of them.
        figures: whether the numbers that commands print are compared, too.

    Returns:
        All that the commands printed.

    Raises:
        AssertionError: a command fails, or shows something else; the message says where.
    """
    player = _Player(page, folder, figures=figures)
    chosen = [block for block in blocks(page) if section in (None, block.section)]
    assert chosen, f"{page.name} has nothing to play in {section!r}"
    for block in chosen:
        player.play(block)
    return "".join(player.printed)


def commands(text: str) -> Iterator[Command]:
    """The commands of a console block; a line that begins with "> " continues the one above."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines(keepends=True)
        count = 1
        while lines[count - 1].endswith("\\\n"):
            lines[count] = lines[count].removeprefix("> ")
            count += 1
        yield Command("".join(lines[:count]).rstrip("\n"), "".join(lines[count:]))


class _Player:
    """Where a page is played, and what the last command ended with."""

    def __init__(self, page: Path, folder: Path, *, figures: bool) -> None:
        self.printed: list[str] = []
        self._page = page
        self._folder = folder
        self._figures = figures
        self._names: dict[str, Any] = {}
        self._code = 0

    def play(self, block: Block) -> None:
        where = f"{self._page.name}:{block.line}"
        if block.language == "diff" and block.title:
            path = self._folder / block.title
            path.write_text(changed(path.read_text(encoding="utf-8"), block.text, where))
        elif block.title:
            path = self._folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            for command in commands(block.text):
                self._run(command, where)
            assert self._code == 0, f"{where}: the block ends with exit code {self._code}"
        elif block.language == "pycon":
            self._test(block, where)

    def _run(self, command: Command, where: str) -> None:
        asks = command.line == "echo $?"
        assert asks or self._code == 0, f"{where}: exit code {self._code} before {command.line!r}"
        done = subprocess.run(
            ["bash", "-c", f"(exit {self._code}); {command.line}"],  # noqa: S607  wherever it is
            cwd=self._folder,
            env=_environment(),
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.printed.append(done.stdout)
        wrong = differences(command.shown, done.stdout, figures=self._figures)
        assert not wrong, f"{where}: $ {command.line}\n{wrong}\nall of it:\n{done.stdout}"
        self._code = done.returncode

    def _test(self, block: Block, where: str) -> None:
        test = doctest.DocTestParser().get_doctest(
            block.text, self._names, where, str(self._page), block.line
        )
        told: list[str] = []
        doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(
            test, out=told.append, clear_globs=False
        )
        self._names = test.globs
        assert not told, "".join(told)


def changed(text: str, diff: str, where: str) -> str:
    """The text with the hunks of a diff carried out; each must match at one place.

    A hunk ends at a line that begins with "@@".
    """
    for hunk in re.split(r"^@@.*\n", diff, flags=re.MULTILINE):
        if not hunk.strip():
            continue
        lines = hunk.splitlines(keepends=True)
        old = "".join(line[1:] or "\n" for line in lines if line[0] != "+")
        new = "".join(line[1:] or "\n" for line in lines if line[0] != "-")
        assert text.count(old) == 1, f"{where}: found {text.count(old)} times:\n{old}"
        text = text.replace(old, new)
    return text


def _block(token: Any, section: str) -> Block:
    language, _, options = token.info.partition(" ")
    title = _TITLE.search(options)
    return Block(language, title[1] if title else "", token.content, token.map[0] + 1, section)


def _environment() -> dict[str, str]:
    """That of the tests, with the commands of this Python first, and a terminal of 80 columns."""
    # A page's own pytest is no worker of the one that plays the page.
    inherited = {name: value for name, value in os.environ.items() if "XDIST" not in name}
    return {
        **inherited,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "80",
        "NO_COLOR": "1",
        "OMP_NUM_THREADS": "1",
        # torch.fx of torch 2.1 warns of names of torch that it looks at itself.
        "PYTHONWARNINGS": "ignore::UserWarning:torch.overrides",
    }
