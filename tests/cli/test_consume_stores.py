"""`amqptool consume --dedup` with a store that cannot be used: nothing is taken, not even a connection."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.cli import run_cli
from tests.support.processes import ordinary_user


def read_only_folder(folder: Path) -> None:
    """Let nobody make a file."""
    folder.chmod(0o555)


def read_only_file(folder: Path) -> None:
    """Let nobody write the file."""
    (folder / "dedup.db").touch()
    (folder / "dedup.db").chmod(0o444)
    folder.chmod(0o555)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (read_only_folder, "Permission denied"),
        (read_only_file, "attempt to write a readonly database"),
    ],
)
def test_a_store_that_cannot_be_written_is_an_error_at_once(spoil: Callable[[Path], None], reason: str) -> None:
    """E6: exit 69 with the place and the reason in one line."""
    with ordinary_user() as (prefix, home):
        folder = home / "state"
        folder.mkdir()
        spoil(folder)
        home.chmod(0o755)
        words = ("--handler", "exec:true", "--dedup", f"sqlite:///{folder}/dedup.db")
        done = run_cli("--url", "amqp://127.0.0.1:1", "consume", "q", *words, prefix=prefix)

    assert done.returncode == 69
    assert done.stderr == f"amqptool: error: cannot open dedup store {folder}/dedup.db: {reason}\n"
