"""The page of what PyTorch's pass gets wrong, made of its deviations file.

Every cause of `deviations/torch_ao.toml` with its reason and the clauses that it breaks, under the
headings that are comments there. Where docs/findings/ has a script of the cause's name, it stands
on the page with what it printed (CAUSE.txt beside it, held to the script by a test).
"""

import ast
import re
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from textwrap import indent

from eqconform.deviations.entries import Deviation
from eqconform.deviations.reading import parse
from eqconform.registry import clauses

_INTRODUCTION = """\
# What PyTorch's pass gets wrong

`torch.ao.quantization.fx._equalize`, which `prepare_fx` runs when it is given an
`_equalization_config`, as seen with torch 2.15: {causes} causes, which break {clauses} of the
suite's {all} clauses. This page is made of the
[list of known deviations](guides/known-deviations.md) that eqconform ships, and
`eqconform run torch_ao` holds that list to what PyTorch does.

Paths are relative to `torch/ao/quantization`. {scripts} causes have a script that needs torch
alone: it prints what is expected and what is observed. A case of any other is run by
`eqconform reproduce torch_ao::CLAUSE/CASE`.
"""

_PLACES = re.compile(
    r"^# (?P<heading>[^\n]+)\n\n(?=\[)|^\[cause\.(?P<cause>[\w-]+)\]", re.MULTILINE
)
# Paths, calls, attributes, assignments, names of errors, "strings".
_CODE = re.compile(
    r"(?<![\w`/])(?:(?:[\w-]+/)+[\w-]+\.py|\w+\.py"
    r"|(?:nn|F|x|node|nnq|torch)\.\w+(?:\.\w+)*(?:\(\w*\))?"
    r"|_\w+(?:\.\w+)*(?:\(\w*\))?"
    r"|[A-Za-z]\w*(?:\.\w+)*_\w*(?:\.\w+)*(?:=[\w.]+)?(?:\(\w*\))?"
    r"|[A-Z]\w+(?:Observer|Config|Quantize|ReLU|Error)(?:\.\w+)*)(?![\w`])"
)


def findings_page(scripts: Path) -> str:
    """The text of the page.

    Args:
        scripts: folder of CAUSE.py and CAUSE.txt.
    """
    text = (files("eqconform.deviations") / "torch_ao.toml").read_text(encoding="utf-8")
    entries = parse(text, "torch_ao.toml").entries
    shown = {path.stem for path in scripts.glob("*.py")}
    head = _INTRODUCTION.format(
        causes=len({entry.cause for entry in entries}),
        clauses=len({entry.clause for entry in entries}),
        all=len(clauses()),
        scripts=len(shown),
    )
    return "\n".join([head, *_sections(text, entries, scripts)]) + "\n"


def _sections(text: str, entries: Iterable[Deviation], scripts: Path) -> Iterator[str]:
    by_cause: dict[str | None, list[Deviation]] = {}
    for entry in entries:
        by_cause.setdefault(entry.cause, []).append(entry)
    for found in _PLACES.finditer(text):
        if found["heading"]:
            yield f"## {_in_code(found['heading'])}\n"
        else:
            yield from _cause(found["cause"], by_cause[found["cause"]], scripts)


def _cause(name: str, entries: list[Deviation], scripts: Path) -> Iterator[str]:
    yield f"### `{name}`\n\n{_in_code(entries[0].reason)}\n"
    if entries[0].issue:
        yield f"Reported: <{entries[0].issue}>\n"
    script = scripts / f"{name}.py"
    if script.is_file():
        source, printed = (
            path.read_text(encoding="utf-8") for path in (script, script.with_suffix(".txt"))
        )
        yield _folded("example", ast.get_docstring(ast.parse(source)) or name, _fence(source))
        yield _fence(printed, "text")
    yield _folded("failure", *_broken(entries))


def _broken(entries: list[Deviation]) -> tuple[str, str]:
    """How many clauses, and the list of them with their cases."""
    ids = list(dict.fromkeys(entry.clause for entry in entries))
    lines = []
    for clause in ids:
        cases = [case for entry in entries if entry.clause == clause for case in entry.cases]
        told = ", ".join(f"`{case}`" for case in cases) or "every case"
        level = clauses()[clause].level
        lines.append(f"- [`{clause}`](specification.md#{clause}) ({level}): {told}")
    return f"Breaks {len(ids)} clause{'s' if len(ids) > 1 else ''}", "\n".join(lines)


def _folded(kind: str, title: str, text: str) -> str:
    """A box that opens when it is clicked on."""
    title = title.replace('"', "&quot;")
    return f'??? {kind} "{title}"\n\n{indent(text.rstrip(), "    ")}\n'


def _fence(text: str, language: str = "python") -> str:
    return f"```{language}\n{text.rstrip()}\n```\n"


def _in_code(text: str) -> str:
    return _CODE.sub(lambda found: f"`{found[0]}`", text)
