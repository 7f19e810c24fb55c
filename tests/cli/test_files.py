"""Files are written as a whole or not at all."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from amqptool.cli.files import write_file


def test_a_new_file(tmp_path: Path) -> None:
    """A file that is not there is made, as UTF-8, and readable to whom the user's mask says."""
    path = tmp_path / "a"
    write_file(str(path), "é\n")
    assert path.read_bytes() == "é\n".encode()
    mask = os.umask(0)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_file_that_is_there(tmp_path: Path) -> None:
    """It is replaced and keeps its permissions; who has the old one open reads it to its end."""
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o640)
    with path.open() as reader:
        write_file(str(path), "new")
        assert reader.read() == "old"
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_symbolic_link(tmp_path: Path) -> None:
    """A link stays one, and what it leads to is replaced."""
    (tmp_path / "target").write_text("old")
    link = tmp_path / "link"
    link.symlink_to("target")
    write_file(str(link), "new")
    assert link.is_symlink()
    assert (tmp_path / "target").read_text() == "new"


def test_a_pipe(tmp_path: Path) -> None:
    """What is no file is written to and stays what it is."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.append(path.read_text()))
    reader.start()
    write_file(str(path), "text")
    reader.join()
    assert found == ["text"]
    assert path.is_fifo()


@pytest.mark.parametrize("name", ["gone/a", ".", "x" * 300])
def test_what_cannot_be_written(tmp_path: Path, name: str) -> None:
    """The error names the file as it was given, and nothing is left behind."""
    path = f"{tmp_path}/{name}"
    with pytest.raises(OSError, match=name[:3]) as caught:
        write_file(path, "text")
    assert caught.value.filename == path
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_without_a_name() -> None:
    """As `/dev/stdout` and a shell's `>(command)` are."""
    ours, theirs = os.pipe()
    write_file(f"/dev/fd/{theirs}", "new")
    os.close(theirs)
    with os.fdopen(ours) as reader:
        assert reader.read() == "new"
