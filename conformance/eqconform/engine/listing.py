"""What implementations say of themselves, asked of all of them at once.

What it costs is to import torch. So one process answers for one implementation after the other, and
writes each answer down before it imports the next. One that ends the process, or takes all of its
time, is named for it, and another process goes on behind it.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eqconform.engine.asking import ask
from eqconform.engine.planning import NotStarted, SuiteFault
from eqconform.selection import LOAD_SECONDS

About = Mapping[str, Any]
"""Of an implementation: spec, name, version, homepage, formula, claims."""


def about_all(specs: Sequence[str]) -> list[About | NotStarted]:
    """What each implementation is and claims, or why it could not be loaded.

    Raises:
        SuiteFault: the checks could not be listed.
    """
    found: list[About | NotStarted] = []
    while len(found) < len(specs):
        found += _answers(specs[len(found) :])
    return found


def _answers(specs: Sequence[str]) -> list[About | NotStarted]:
    """As many as a process gave, and of the next one how that process ended; at least one."""
    with tempfile.TemporaryDirectory(prefix="eqconform-") as folder:
        file = Path(folder, "answers.jsonl")
        ended = ask("tell_each", [str(file), *specs], LOAD_SECONDS)
        answers = list(_read(file))
    if len(answers) < len(specs):
        why = ended or f"importing it took more than {LOAD_SECONDS:g} s"
        answers.append(NotStarted(f"cannot load {specs[len(answers)]!r}: {why}"))
    return answers


def _read(file: Path) -> Iterator[About | NotStarted]:
    """The answers; of the last one a part may be missing."""
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    for line in text.split("\n")[:-1]:
        answer = json.loads(line)
        if "suite_fault" in answer:
            raise SuiteFault(answer["suite_fault"])
        yield answer["about"] if "about" in answer else NotStarted(answer["not_started"])
