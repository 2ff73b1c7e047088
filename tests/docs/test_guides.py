"""The guides do what they say, and equalization buys what they claim.

Their figures are those of one version of torch: a network trained with another is another. There
the text is compared without them, and the claims are all the same.
"""

import re
from pathlib import Path

import pytest
import torch
from packaging.version import Version
from pages import play

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
RECORDED_WITH = (2, 15)

# What the pages say in words, in dB: "all of it back", and "most of it lost".
NEARLY, MUCH = 3.0, 20.0

_FIGURE = re.compile(r"^(?P<label>.+?) +[\d.]+% right, (?P<decibels>\S+) dB$", re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the other guides begin with."""
    made = tmp_path_factory.mktemp("guides")
    _require_claims(_played("equalize.md", made))
    return made


def test_equalize(folder: Path) -> None:
    assert {"trained.pt", "unbalanced.pt"} <= {path.name for path in folder.iterdir()}


def test_fx_graph_mode(folder: Path) -> None:
    if "x86" not in torch.backends.quantized.supported_engines:
        pytest.skip("this build of torch has no int8 engine for x86")
    figures = _played("fx-graph-mode.md", folder)
    _require_claims(figures)
    without_producer = figures["unbalanced, 2 and 4 alone"]
    assert without_producer < figures["unbalanced, equalized, int8"] - NEARLY


def test_torchao(folder: Path) -> None:
    pytest.importorskip("torchao", reason="torchao comes with the extra guides")
    _require_claims(_played("torchao.md", folder))


def test_onnx_runtime(folder: Path) -> None:
    for module in ("onnx", "onnxruntime", "onnxscript"):
        pytest.importorskip(module, reason=f"{module} comes with the extra guides")
    _require_claims(_played("onnx-runtime.md", folder))


def _played(page: str, folder: Path) -> dict[str, float]:
    """The signal-to-noise ratios that came out, by their labels."""
    exact = Version(torch.__version__).release[:2] == RECORDED_WITH
    printed = play(GUIDES / page, folder, figures=exact)
    return {found["label"]: float(found["decibels"]) for found in _FIGURE.finditer(printed)}


def _require_claims(figures: dict[str, float]) -> None:
    """Equalization gives back what the imbalance took, and no more."""
    balanced, equalized = figures["trained, int8"], figures["unbalanced, equalized, int8"]
    assert equalized > figures["unbalanced, int8"] + MUCH
    assert abs(equalized - balanced) < NEARLY
    assert abs(figures["trained, equalized, int8"] - balanced) < NEARLY
