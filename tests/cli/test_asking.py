"""Commands that ask a person first, and are told not to go on."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.cli import cli_arguments, cli_environment
from tests.support.schemas import flaws

#: Command lines that ask before they connect to anything.
ASKING = [("purge", "q"), ("delete", "{file}"), ("dead", "drop", "q.dead")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a topology file."""
    (tmp_path / "shop.yaml").write_text("queues: {q: }\n")
    return tmp_path / "shop.yaml"


def declined(words: Sequence[str]) -> tuple[int, str, str]:
    """Run a command, and say no at its terminal; return its exit code and what it wrote to stdout and stderr."""
    terminal, ours = pty.openpty()
    try:
        os.write(terminal, b"n\n")
        done = subprocess.run(
            cli_arguments(*words), stdin=ours, env=cli_environment(), capture_output=True, text=True, check=False
        )
    finally:
        os.close(terminal)
        os.close(ours)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("words", ASKING)
def test_a_person_may_decline(file: Path, words: Sequence[str]) -> None:
    """It is said that nothing was done, and that is exit code 1."""
    code, stdout, stderr = declined([word.format(file=file) for word in words])
    assert (code, stdout) == (1, "")
    assert stderr.endswith("[y/N]: nothing was deleted\n")


@pytest.mark.parametrize("words", ASKING)
def test_what_a_person_declines_is_a_document(file: Path, words: Sequence[str]) -> None:
    """With the same exit code."""
    told = [*(word.format(file=file) for word in words), "--json"]
    code, stdout, _ = declined(told)
    assert (code, list(flaws(told, stdout))) == (1, [])
    assert json.loads(stdout) == {"kind": "error", "code": 1, "error": "Declined", "message": "nothing was deleted"}
