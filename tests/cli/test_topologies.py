"""What every command that takes topology files takes: `-` and `--set`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from amqptool.cli.context import Context
from amqptool.cli.topologies import load_topology, variables
from tests.support.cli import run_cli

if TYPE_CHECKING:
    from pathlib import Path


def test_standard_input() -> None:
    """`-` is standard input, and its problems say so."""
    done = run_cli("declare", "-", input="queues: {q: {max_lenght: 1}}")
    assert done.returncode == 65
    assert "<stdin>:1:14: " in done.stderr


def test_standard_input_twice() -> None:
    """Standard input can be read once only, as any file can be given."""
    done = run_cli("declare", "-", "-", input="queues: {q: }")
    assert (done.returncode, "<stdin>:1:1: this file is given twice" in done.stderr) == (65, True)


@pytest.mark.parametrize("command", ["validate", "declare"])
def test_standard_input_that_is_closed(command: str) -> None:
    """It is named: 74, and nothing hangs."""
    done = run_cli(command, "-", prefix=["sh", "-c", 'exec "$@" <&-', "sh"])
    assert (done.returncode, "amqptool: error: <stdin>: Bad file descriptor" in done.stderr) == (74, True)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("setting", ["hunter2", "=hunter2", "1A=hunter2", "A-B=hunter2", " A=hunter2"])
def test_malformed_settings(setting: str) -> None:
    """What is not NAME=VALUE is a usage error, and is not shown: it may be a secret."""
    done = run_cli("declare", "--set", setting, "-", input="queues: {q: }")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--set" in done.stderr
    assert "must be NAME=VALUE" in done.stderr
    assert "hunter2" not in done.stderr


def test_settings_come_before_the_environment() -> None:
    """What --set says wins over the environment, and the rest of the environment stays."""
    context = Context(environ={"A": "environment", "B": "environment"})
    assert variables(context, {"A": "set"}) == {"A": "set", "B": "environment"}


def test_files_have_both(tmp_path: Path) -> None:
    """Variables in files come from --set and from the environment."""
    file = tmp_path / "t.yaml"
    file.write_text("queues:\n  ${PREFIX}.${NAME}:\n")
    topology = load_topology(Context(environ={"PREFIX": "staging", "NAME": "a"}), [str(file)], {"NAME": "b"})
    assert [queue.name for queue in topology.queues] == ["staging.b"]
