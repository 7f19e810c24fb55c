"""`amqptool validate`, as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "exchanges: {incoming: topic}\nqueues: {playstore: {bindings: [{source: incoming}]}, notifications: }\n"
BAD = "exchanges:\n  incoming: topc\nqueues:\n  amq.x:\n"


def amqptool(*words: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "amqptool", *words]
    return subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, text=True, check=False)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "app.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(BAD)
    return tmp_path


def test_valid(files: Path) -> None:
    """A valid file is summed up on stderr; stdout stays empty."""
    result = amqptool("validate", "app.yaml", cwd=files)
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "app.yaml: 1 exchange, 2 queues, 1 binding\n"


def test_problems(files: Path) -> None:
    """Each problem is a line on stdout, and the exit code is 65."""
    result = amqptool("validate", "bad.yaml", cwd=files)
    assert result.returncode == 65
    assert result.stdout == (
        "bad.yaml:2:13: type must be one of direct, fanout, topic, headers, or a plugin's x-… type, "
        "not 'topc'; did you mean 'topic'? [exchange-type]\n"
        "bad.yaml:4:3: the name of this queue must not begin with amq., which RabbitMQ keeps for itself "
        "[reserved-name]\n"
    )
    assert result.stderr == "2 problems in 1 file\n"


def test_several_files(files: Path) -> None:
    """Each file is checked by itself, and all problems of all files are shown."""
    result = amqptool("validate", "bad.yaml", "app.yaml", "bad.yaml", cwd=files)
    assert result.returncode == 65
    assert result.stdout.count("bad.yaml:2:13:") == 2
    assert result.stderr == "app.yaml: 1 exchange, 2 queues, 1 binding\n4 problems in 2 files\n"


def test_json(files: Path) -> None:
    """With --json, the same is one document."""
    result = amqptool("validate", "--json", "app.yaml", "bad.yaml", cwd=files)
    document = json.loads(result.stdout)
    assert (result.returncode, document["kind"], document["valid"]) == (65, "validate", False)
    assert document["files"][0] == {
        "file": "app.yaml",
        "valid": True,
        "exchanges": 1,
        "queues": 2,
        "bindings": 1,
        "policies": 0,
        "problems": [],
    }
    assert document["files"][1]["problems"][1] == {
        "file": "bad.yaml",
        "line": 4,
        "column": 3,
        "message": "the name of this queue must not begin with amq., which RabbitMQ keeps for itself",
        "rule": "reserved-name",
        "severity": "error",
    }


@pytest.mark.parametrize(("text", "code"), [(GOOD, 0), (BAD, 65)])
def test_stdin(files: Path, text: str, code: int) -> None:
    """`-` is standard input."""
    result = amqptool("validate", "-", cwd=files, stdin=text)
    assert result.returncode == code
    assert (result.stdout if code else result.stderr).startswith("<stdin>:")


def test_unreadable_file(files: Path) -> None:
    """A missing file is exit code 74, after the problems of the others."""
    result = amqptool("validate", "none.yaml", "bad.yaml", "gone.yaml", cwd=files)
    assert result.returncode == 74
    assert result.stdout.startswith("bad.yaml:2:13: ")
    assert result.stderr == (
        "amqptool: error: none.yaml: No such file or directory\n"
        "amqptool: error: gone.yaml: No such file or directory\n"
        "2 problems in 1 file\n"
    )


def test_quiet_hides_no_error(files: Path) -> None:
    """With -q an unreadable file is still told, and with --json it is in the document too."""
    result = amqptool("validate", "-q", "--json", "none.yaml", "app.yaml", cwd=files)
    document = json.loads(result.stdout)
    assert result.stderr == "amqptool: error: none.yaml: No such file or directory\n"
    assert (document["code"], document["valid"]) == (74, False)
    assert document["unreadable"] == [{"file": "none.yaml", "message": "No such file or directory"}]


def test_no_url(files: Path) -> None:
    """What connects to nothing takes no URL."""
    assert amqptool("validate", "--url", "amqp://localhost", "app.yaml", cwd=files).returncode == 2


def test_directory(files: Path) -> None:
    """A directory is no topology file."""
    result = amqptool("validate", ".", cwd=files)
    assert (result.returncode, result.stderr) == (74, "amqptool: error: .: Is a directory\n")


def test_terminal_escapes(files: Path) -> None:
    """What a file smuggles into a message cannot act on the terminal, nor forge a line."""
    (files / "evil.yaml").write_text('queues: {"a\\e[31m\\nb": {x: 1}}\n')
    result = amqptool("validate", "evil.yaml", cwd=files)
    assert "\x1b" not in result.stdout
    assert result.stdout.count("\n") == 2


def test_no_files(tmp_path: Path) -> None:
    """Without a file there is nothing to do: usage."""
    assert amqptool("validate", cwd=tmp_path).returncode == 2
