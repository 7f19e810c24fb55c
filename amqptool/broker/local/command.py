"""Run one command with a private node at hand."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from amqptool.broker.local import lifecycle
from amqptool.signals import ENDING, handled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from amqptool.broker.local.node import RunningNode

#: What a shell adds to the number of the signal that ended a command.
_SIGNALLED = 128


def run_command(arguments: Sequence[str], *, environ: Mapping[str, str], directory: Path | None = None) -> int:
    """Run a command with AMQPTOOL_URL and AMQPTOOL_MANAGEMENT_URL set, and return its exit code.

    Without a directory the node is a temporary one; with one, it is stopped afterwards only if it did not
    run before. The code of a command that a signal ended is 128 and the signal's number, as in a shell.

    Raises:
        FileNotFoundError: there is no such command; its node is stopped all the same.
    """
    signals = _Signals()
    with handled(ENDING, signals.handle):
        try:
            with lifecycle.temporary() if directory is None else _borrowed(directory) as node:
                return signals.pass_on(arguments, {**environ, **variables(node)})
        except KeyboardInterrupt:
            return _SIGNALLED + signals.received


def variables(node: RunningNode) -> dict[str, str]:
    """Return the environment variables that lead a program to a node."""
    return {"AMQPTOOL_URL": node.url.reveal(), "AMQPTOOL_MANAGEMENT_URL": node.management_url}


@contextmanager
def _borrowed(directory: Path) -> Iterator[RunningNode]:
    ran_before = lifecycle.status(directory) is not None
    try:
        yield lifecycle.start(directory)
    finally:
        if not ran_before:
            lifecycle.stop(directory)


class _Signals:
    """Receives the signals that end a command: each means something else in each phase.

    While the node boots, they interrupt; while the command runs, they are the command's; while the node
    is stopped, nothing may disturb that.
    """

    def __init__(self) -> None:
        self.received = 0
        self._react: Callable[[int], None] = self._interrupt

    def handle(self, number: int) -> None:
        """React to a signal, as this phase has it."""
        self.received = number
        self._react(number)

    def pass_on(self, arguments: Sequence[str], environ: Mapping[str, str]) -> int:
        """Run the command, hand it the signals, and ignore those that come later."""
        early: list[int] = []
        self._react = early.append
        try:
            child = subprocess.Popen(arguments, env=environ)  # noqa: S603
            self._react = lambda number: _forward(child, number)
            for number in early:
                _forward(child, number)
            code = child.wait()
        finally:
            self._react = _ignore
        return code if code >= 0 else _SIGNALLED - code

    def _interrupt(self, number: int) -> None:
        del number
        self._react = _ignore
        raise KeyboardInterrupt


def _ignore(number: int) -> None:
    del number


def _forward(child: subprocess.Popen[bytes], number: int) -> None:
    # A terminal's Ctrl-C goes to the command too. Twice would mean "at once" to many programs.
    if not (number == signal.SIGINT and _in_foreground()):
        child.send_signal(number)


def _in_foreground() -> bool:
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
