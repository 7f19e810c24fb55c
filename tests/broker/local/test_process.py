"""Processes are known again by pid and start, and their end is noticed."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from amqptool.broker.local import process
from amqptool.broker.local.process import Process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeAlias

    Mark: TypeAlias = Callable[[int], str | None]


def spawn_python(code: str, directory: Path) -> Process:
    """Start a detached Python."""
    arguments = [sys.executable, "-u", "-c", code]
    return process.spawn(arguments, environ={}, directory=directory, log=directory / "log")


@pytest.mark.parametrize("mark", [process._mark_from_proc, process._mark_from_ps])
def test_a_reused_pid_is_another_process(mark: Mark) -> None:
    """The start mark of a pid is the same at every look, and not that of another process."""
    ours = mark(os.getpid())
    assert ours is not None
    assert mark(os.getpid()) == ours
    assert mark(1) != ours
    assert not Process(os.getpid(), "another start").alive


@pytest.mark.parametrize("mark", [process._mark_from_proc, process._mark_from_ps])
def test_a_process_that_has_ended_has_no_mark(mark: Mark, tmp_path: Path) -> None:
    """A pid without a process has no start."""
    ended = spawn_python("", tmp_path)
    assert process.wait_until(lambda: not ended.alive, 30)
    assert mark(ended.pid) is None


def test_a_spawned_process_is_detached(tmp_path: Path) -> None:
    """It leads a session of its own, in its directory, with only the environment it was given."""
    child = spawn_python("import os; print(os.getsid(0) == os.getpid(), os.getcwd(), 'HOME' in os.environ)", tmp_path)
    assert process.wait_until(lambda: not child.alive, 30)
    assert (tmp_path / "log").read_text() == f"True {tmp_path} False\n"


def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """Terminate waits no longer than it was told, and leaves nothing."""
    code = "import signal; signal.signal(15, signal.SIG_IGN); print('ready'); signal.pause()"
    stubborn = spawn_python(code, tmp_path)
    assert process.wait_until(lambda: (tmp_path / "log").read_text() == "ready\n", 30)
    process.terminate(stubborn, 0.1)
    assert not stubborn.alive


def test_ending_what_has_ended_does_nothing(tmp_path: Path) -> None:
    """Terminate and kill of a dead process signal nobody."""
    ended = spawn_python("", tmp_path)
    assert process.wait_until(lambda: not ended.alive, 30)
    process.terminate(ended, 1)
    process.kill(ended)
    process.kill(Process(os.getpid(), "another start"))
