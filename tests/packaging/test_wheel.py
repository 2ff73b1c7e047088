"""What is shipped: the wheel holds the four packages, and works away from the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = {"eqconform", "eqconform_benchmarks", "eqconform_models", "eqconform_reference"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=_ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_top_level_names(wheel: Path) -> None:
    """The wheel installs the four packages and its own metadata, and no other name."""
    with zipfile.ZipFile(wheel) as archive:
        names = {Path(name).parts[0] for name in archive.namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == _PACKAGES
    assert len(names) == len(_PACKAGES) + 1


def test_every_source_file_is_in_the_wheel(wheel: Path) -> None:
    """Nothing that lies in the packages is left out: data files and py.typed among it."""
    with zipfile.ZipFile(wheel) as archive:
        shipped = set(archive.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "reference", "models", "conformance", "benchmarks"],  # noqa: S607
        cwd=_ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert {path.partition("/")[2] for path in tracked} <= shipped


def test_the_wheel_works_alone(wheel: Path, tmp_path: Path) -> None:
    """Unpacked elsewhere, it judges: the checkout is not needed."""
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    command = [sys.executable, "-m", "eqconform", "run", "reference", "--clause", "scale.formula"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
