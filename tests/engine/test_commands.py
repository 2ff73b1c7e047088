"""The commands beside `run`: reproduce, report, spec, init, contributed ones."""

import ast
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import EntryPoint, version
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import eqconform
from eqconform import contributed
from eqconform.cli import app
from eqconform.engine.describe import selected_cases
from eqconform.reading import read
from eqconform.results import CaseResult, Header, Writer
from eqconform.selection import Selection, UsageError

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Spec = Callable[[str], str]


@pytest.fixture
def result_file(tmp_path: Path, header: Header, case: CaseResult) -> Path:
    """A complete file with one failure."""
    path = tmp_path / "x.jsonl"
    writer = Writer(path, replace(header, planned=1))
    writer.case(case)
    writer.footer(seconds=1.0, conformant=False)
    writer.close()
    return path


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


def test_version() -> None:
    assert invoke("--version") == (0, f"eqconform {version('eqconform')}\n")


def test_no_arguments_is_help() -> None:
    _, output = invoke()
    for name in ("run", "reproduce", "report", "spec", "implementations", "init"):
        assert name in output


def test_reproduce_runs_the_command_of_the_file(command: Command, adapter: Spec) -> None:
    """A failing case fails again, with network, verdict, traceback and what was printed."""
    done = command(
        "reproduce", f"{adapter('wrong')}::equalize.same/leave", PYTHONIOENCODING="ascii"
    )
    assert done.returncode == 1, done.stderr
    assert "Network leave: A layer with 2 inputs." in done.stdout
    assert "MUST equalize.same" in done.stdout
    assert "equalize() raised ValueError: cannot trace [this] layer \\u2603 ?" in done.stdout
    assert 'raise ValueError("cannot trace [this] layer' in done.stdout
    assert done.stdout.endswith("Printed meanwhile:\nlooking at the layer\n\n")


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("good:Good::equalize.same/hang[c]", 0),  # a colon in the spec, a bracket in the case
        ("good::scale.root/nine", 0),  # of the full budget
        ("wrong::observe.merged/only", 1),  # below MUST, and it fails
        ("scoped:Nothing::equalize.same/one", 1),
    ],
)
def test_reproduce(command: Command, adapter: Spec, case: str, code: int) -> None:
    spec, _, name = case.rpartition("::")
    assert command("reproduce", f"{adapter(spec)}::{name}").returncode == code


@pytest.mark.parametrize(
    ("case", "code", "message"),
    [
        ("scale.root/four", 2, "is not IMPL::CASE"),
        ("identity::scale.rot/four", 2, "Did you mean scale.root?"),
        ("identity::equalize.same/won", 2, "Did you mean equalize.same/one"),
        ("identity::scale.root/four", 2, "does not claim 'scale.root'"),
        ("identity::equalize.same", 2, "'equalize.same' is a clause; give one of its cases: equ"),
        ("nobody::equalize.same/one", 3, "no implementation has this name"),
    ],
)
def test_reproduce_what_is_not_there(command: Command, case: str, code: int, message: str) -> None:
    done = command("reproduce", case)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_report(result_file: Path) -> None:
    code, output = invoke("report", str(result_file))
    assert code == 0
    assert "MUST scale.formula: 1 of 1 case broken" in output
    assert output.endswith("x 1: not conformant - MUST 0/1, 1 fail\n")


def test_report_of_an_incomplete_file(result_file: Path) -> None:
    result_file.write_text("".join(result_file.read_text().splitlines(keepends=True)[:-1]))
    code, output = invoke("report", str(result_file))
    assert code == 2
    assert "is incomplete" in output


def test_report_says_what_run_said(command: Command, adapter: Spec) -> None:
    run = command("run", adapter("wrong"), "--clause", "scale.*")
    report = command("report", "results/wrong.jsonl")
    tables, rest = run.stdout.split("\nResult file: results/wrong.jsonl\n")
    where, closing = rest.split("\n", 1)
    assert where == "The broken case: eqconform report results/wrong.jsonl --verbose"
    assert report.stdout.startswith(tables)
    assert report.stdout.endswith(closing)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("report", "RESULT", "--brief", "--verbose"), "--brief leaves out what --verbose adds"),
        (("report", "FOLDER"), "cannot read FOLDER: Is a directory"),
        (("compare", "RESULT"), "RESULT is one file, with nothing to compare it with; give two"),
        (("init", ".py"), ".py has no name before .py; give one"),
        (("reproduce", "reference::"), "'reference::' is not IMPL::CASE"),
        (("spec", "nope"), "`eqconform spec` lists them"),
        (("models", "--json", "FOLDER"), "FOLDER is a folder; give a file"),
        (
            ("accuracy", "--json", "FOLDER/x/y"),
            "cannot write FOLDER/x/y: No such file or directory",
        ),
        (("bench", "--device", "tpu"), "no device is called 'tpu'; there are cpu and cuda"),
        (("bench", "noise", "--device", "tpu"), "no device is called 'tpu'"),
        (("deviations", "write", "identity", "--output", "FOLDER"), "FOLDER is a folder"),
        (
            ("run", "identity", "--clause", "scale.offset", "--deviations", "FOLDER"),
            "cannot read the deviations file FOLDER: Is a directory",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is(
    arguments: tuple[str, ...], message: str, result_file: Path, tmp_path: Path
) -> None:
    """In one line that names it, and with the exit code of usage."""
    folder = tmp_path / "folder"
    folder.mkdir()

    def filled(text: str) -> str:
        return text.replace("RESULT", str(result_file)).replace("FOLDER", str(folder))

    code, output = invoke(*map(filled, arguments))
    assert code == 2
    assert output.count("\n") == 1
    assert filled(message) in output


@pytest.mark.parametrize("text", [None, "", "{}"])
def test_pinned_networks_are_read_whatever_is_judged(text: str | None, tmp_path: Path) -> None:
    """A file that is not there would be passed over by a clause that reads none."""
    file = tmp_path / "pins.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=re.escape(str(file))):
        selected_cases(
            eqconform.load("identity"), Selection(case="scale.offset/only", pinned=str(file))
        )


def test_brief_report(result_file: Path, tmp_path: Path) -> None:
    """The verdicts side by side, with a row per claim and level."""
    other = tmp_path / "other.jsonl"
    text = result_file.read_text(encoding="utf-8")
    other.write_text(re.sub('"started": "[^"]*"', '"started": ""', text), encoding="utf-8")
    code, output = invoke("report", str(result_file), str(other), "--brief")
    assert code == 0
    rows = [line.split() for line in output.splitlines()]
    assert ["scale", "0/1", "0/1"] in rows
    assert ["all", "MUST", "0/1", "0/1"] in rows
    assert ["all", "SHOULD", "-", "-"] in rows
    assert ["verdict", "not", "conformant", "not", "conformant"] in rows
    assert "reproduce" not in output


def test_spec() -> None:
    code, output = invoke("spec", "scale.formula")
    assert code == 0
    assert output.startswith("MUST scale.formula\n")
    assert invoke("spec")[1].startswith("# Input-weight equalization")
    code, output = invoke("spec", "scale.formulae")
    assert code == 2
    assert "Did you mean scale.formula" in output


def test_init_then_run(tmp_path: Path) -> None:
    """The adapter runs as it is and gets a verdict, by the real suite."""
    environment = {**os.environ, "COLUMNS": "80"}

    def eqconform(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "eqconform", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    assert eqconform("init", "mine.py").returncode == 0
    assert "eqconform run mine.py" in (tmp_path / "mine.py").read_text()
    done = eqconform("run", "mine.py", "--clause", "scale.*", "--clause", "observe.extremes")
    assert done.returncode == 1, done.stderr
    run = read(tmp_path / "results" / "my-equalizer.jsonl")
    found = {case.clause: case.status for case in run.cases}
    assert found["scale.formula"] == "pass"
    assert found["scale.degenerate"] != "pass"
    assert run.counts["crash"] + run.counts["timeout"] + run.counts["not-run"] == 0
    again = eqconform("init", "mine.py")
    assert again.returncode == 2
    assert "mine.py is there already" in again.stderr


@pytest.mark.parametrize(
    ("file", "message"),
    [("mine.txt", "does not end in .py"), ("none/mine.py", "No such file or directory")],
)
def test_init_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, output = invoke("init", file)
    assert code == 2
    assert message in output


@pytest.mark.parametrize(
    ("file", "command"),
    [
        (r"a\Users\b.py", r"eqconform run 'a\Users\b.py'"),
        ('two "words".py', "eqconform run 'two \"words\".py'"),
    ],
)
def test_init_of_a_name_that_needs_quotes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, command: str
) -> None:
    """The command stands in the adapter's docstring as a shell takes it."""
    monkeypatch.chdir(tmp_path)
    code, output = invoke("init", file)
    assert code == 0
    assert f"Judge it: {command}\n" in output
    text = (tmp_path / file).read_text()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        documented = ast.get_docstring(ast.parse(text))
    assert f"    {command}\n" in str(documented)


@pytest.mark.parametrize(
    "arguments",
    [("report", "x.jsonl", "-v"), ("report", "x.jsonl", "--markdown", "-"), ("spec",)],
)
def test_nobody_listens_to_the_end(result_file: Path, arguments: tuple[str, ...]) -> None:
    """What `head` does not read is dropped without a word, and the exit code stays."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as closed:  # noqa: PTH123  a descriptor has no path
        done = subprocess.run(
            [sys.executable, "-m", "eqconform", *arguments],
            cwd=result_file.parent,
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("option", ["--memory", "--case-timeout", "--search"])
def test_a_number_that_is_none(option: str) -> None:
    """Is refused in one line, as other values are that mean nothing."""
    message = f"eqconform: {option} takes a number, and 'abc' is none\n"
    assert invoke("run", "identity", option, "abc") == (2, message)


def test_contributed_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Gets its arguments, --help included; one that cannot be imported breaks no other."""
    (tmp_path / "commands_of_another.py").write_text(
        "'''`eqconform greet`: what it says of itself.\n\nMore.\n'''\n"
        "import typer\n"
        "app = typer.Typer()\n"
        "@app.command()\n"
        "def main(name: str, loud: bool = False):\n"
        "    '''Greets.'''\n"
        "    print('HELLO' if loud else 'hello', name)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    points = [
        EntryPoint("greet", "commands_of_another:app", contributed.GROUP),
        EntryPoint("gone", "no_such_module:app", contributed.GROUP),
        EntryPoint("odd", "math:pi", contributed.GROUP),
    ]
    monkeypatch.setattr(contributed, "entry_points", lambda **_: points)
    host = typer.Typer()
    contributed.add_to(host)
    runner = CliRunner()
    assert runner.invoke(host, ["greet", "you", "--loud"]).output == "HELLO you\n"
    assert "Greets." in runner.invoke(host, ["greet", "--help"]).output
    gone = runner.invoke(host, ["gone"])
    assert gone.exit_code == 2
    assert "the command 'gone' cannot be imported: ModuleNotFoundError" in gone.output
    assert "is no typer app" in runner.invoke(host, ["odd"]).output
    shown = runner.invoke(host, ["--help"]).output
    assert "What it says of itself." in shown
    assert "See `eqconform gone --help`" in " ".join(shown.split())


def test_identity_is_found_out(tmp_path: Path) -> None:
    """The control that changes nothing preserves the function everywhere, and does not pass."""
    arguments = ["run", "identity", "--clause", "equalize.engages", "--clause", "equalize.branches"]
    done = subprocess.run(
        [sys.executable, "-m", "eqconform", *arguments], cwd=tmp_path, timeout=300, check=False
    )
    assert done.returncode == 1
    assert read(tmp_path / "results" / "identity.jsonl").counts["pass"] == 0
