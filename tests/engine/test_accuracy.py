"""`eqconform accuracy`: its figures, its table, its record and its exit codes."""

import copy
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from torch import nn
from typer.testing import CliRunner

from eqconform import Implementation, accuracy
from eqconform_models.digits import SeparableNet


class Exact(Implementation):
    """Quantizes to nothing less than it was given; raises where it should equalize."""

    name, version = "exact", "1"

    def quantize(self, model: nn.Module, *_: Any, equalize: bool, **__: Any) -> nn.Module:
        if equalize:
            raise ValueError("not today\nnor tomorrow")
        return copy.deepcopy(model)


class Nothing(Implementation):
    name, version = "nothing", "1"


@pytest.fixture(autouse=True)
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accuracy, "trained", lambda *_: SeparableNet().eval())
    monkeypatch.setattr(
        accuracy, "load", lambda spec: {"exact": Exact(), "nothing": Nothing()}[spec]
    )


def test_figures_and_what_was_raised_are_shown_and_recorded(tmp_path: Path) -> None:
    record = tmp_path / "accuracy.json"
    result = CliRunner().invoke(accuracy.app, ["exact", "--seeds", "1", "--json", str(record)])
    assert result.exit_code == 1
    assert "inf dB" in result.output
    assert "raised" in result.output
    assert "ValueError: not today\n" in result.output
    written = json.loads(record.read_text())
    assert written["implementation"] == {"name": "exact", "version": "1"}
    assert {"python", "torch", "scikit-learn"} == set(written["versions"])
    plain, int8, equalized = written["figures"]
    assert plain["accuracy"] == int8["accuracy"]
    assert (plain["sqnr"], int8["sqnr"], equalized["accuracy"]) == (None, "inf", None)


def test_an_implementation_that_quantizes_nothing_is_a_usage_error() -> None:
    result = CliRunner().invoke(accuracy.app, ["nothing"])
    assert result.exit_code == 2
    assert "does not claim quantize" in result.output


def test_so_is_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    result = CliRunner().invoke(accuracy.app, ["exact"])
    assert result.exit_code == 2
    assert "pip install '.[digits]'" in result.output
