"""`eqconform implementations`: what is listed, and how."""

import subprocess
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from eqconform import cli
from eqconform.engine.planning import NotStarted

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def _listed() -> str:
    result = CliRunner().invoke(cli.app, ["implementations"])
    assert result.exit_code == 0
    return result.output


def test_implementations(command: Command) -> None:
    """What loads is listed with its claims; what does not is listed with the reason."""
    done = command("implementations", COLUMNS="40")
    assert done.returncode == 0
    assert "identity 0\n  claims equalize\n" in done.stdout
    names = [line.split()[0] for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert {"reference", "torch_ao"} <= set(names)


def test_addresses_are_listed_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the width of the terminal: they are there to be copied."""
    about = {"version": "1", "claims": ["scale"] * 20, "homepage": f"https://x.org/{'a' * 200}"}
    monkeypatch.setattr(cli, "about_all", lambda names: [about for _ in names])
    monkeypatch.setenv("COLUMNS", "40")
    assert f"\n  {about['homepage']}\n" in _listed()


def test_implementation_that_does_not_load_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    reason = NotStarted("cannot load it: this torch has no quantization")
    monkeypatch.setattr(cli, "about_all", lambda names: [reason for _ in names])
    assert "this torch has no quantization" in " ".join(_listed().split())
