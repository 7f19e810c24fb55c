"""Commands are run again until they have ended as they should."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.attended import Attended, UnexpectedEndError


@contextmanager
def attended(
    directory: Path, *words: str, expected: tuple[int, ...] = (), final: tuple[int, ...] = ()
) -> Iterator[Attended]:
    """Give a command that runs."""
    command = Attended(words, env={}, log=directory / "command.log", expected=expected, final=final)
    command.attend()
    try:
        yield command
    finally:
        command.end()


def wait(command: Attended) -> None:
    """Wait until its process has ended."""
    while command.is_running:
        time.sleep(0.01)


def test_a_command_that_ends_as_it_should_is_not_run_again(tmp_path: Path) -> None:
    """It is done."""
    with attended(tmp_path, "--version", final=(0,)) as command:
        wait(command)
        command.attend()
        assert command.is_done
        assert command.processes() == []
        assert command.told().startswith("amqptool")


def test_a_command_that_ends_before_that_is_run_again(tmp_path: Path) -> None:
    """Each end is counted."""
    with attended(tmp_path, "--version", expected=(0,)) as command:
        for _ in range(2):
            wait(command)
            command.attend()
        assert command.ends == {0: 2}
        assert not command.is_done


def test_a_killed_command_is_remembered_and_run_again(tmp_path: Path) -> None:
    """By the id of the process."""
    with attended(tmp_path, "publish", "-", expected=(-9, 0, 69)) as command:
        [process] = command.processes()
        command.kill(process)
        assert (set(command.killed), command.ends, command.is_running) == ({process}, {-9: 1}, False)
        command.attend()
        assert command.is_running


def test_a_command_that_has_ended_by_itself_was_not_killed(tmp_path: Path) -> None:
    """So that this explains nothing, also if nobody has asked how it has ended."""
    with attended(tmp_path, "--version", expected=(0,)) as command:
        [process] = command.started
        os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
        assert not command.kill(process)
        assert (command.killed, command.ends) == ({}, {0: 1})


def test_an_end_is_forgiven_only_to_processes_that_ran_meanwhile(tmp_path: Path) -> None:
    """Whenever they end."""
    with attended(tmp_path, "publish", "--no-such-option") as command:
        with command.forgive(2):
            pass
        wait(command)
        command.attend()
        wait(command)
        with pytest.raises(UnexpectedEndError):
            command.attend()


def test_an_unexpected_end_is_an_error_with_what_was_written(tmp_path: Path) -> None:
    """Whoever attends to it is told at once."""
    with attended(tmp_path, "publish", "--no-such-option", expected=(0,)) as command:
        wait(command)
        with pytest.raises(UnexpectedEndError, match=r"command ended with 2\n(?s:.*)No such option"):
            command.attend()
