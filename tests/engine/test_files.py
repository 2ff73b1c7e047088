"""Files that are written whole."""

import errno
import stat
from pathlib import Path

import pytest

from eqconform.files import write_whole
from eqconform.selection import UsageError


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for text in ("first", "second"):
        write_whole(path, text)
        assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_one(tmp_path: Path) -> None:
    link, target = tmp_path / "link", tmp_path / "target"
    link.symlink_to(target)
    write_whole(link, "text")
    assert link.is_symlink()
    assert target.read_text() == "text"


def test_a_device_stays_one() -> None:
    null = Path("/dev/null")
    if not null.exists():
        pytest.skip("this platform has no /dev/null")
    write_whole(null, "text")
    assert stat.S_ISCHR(null.stat().st_mode)


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write"):
        write_whole(tmp_path, "text")


def test_what_cannot_be_finished_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of it stayed, under another name, each time."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UsageError, match="No space left on device"):
        write_whole(tmp_path / "x.json", "text")
    assert list(tmp_path.iterdir()) == []
