"""Runs commands, and leaves none running."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import IO

#: Seconds in which a command that is asked to end has ended what it has started.
_TIDYING = 120.0
#: By which pytest, too, ends in order.
_INTERRUPT = signal.SIGINT


class StoppedError(Exception):
    """The command did not come to its end, since nothing was to run any more."""


class OverdueError(Exception):
    """The command has not ended in time."""


class Runner:
    """Runs commands from any thread, until it is stopped."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._is_stopped = False
        self._lock = Lock()

    def run(self, command: Sequence[str], env: Mapping[str, str], *, stdout: IO[bytes], timeout: float) -> int:
        """Run a command, and return its exit code.

        Raises:
            OverdueError: it was ended because it took longer than the timeout.
            StoppedError: it was ended by `stop`, or not begun after it.
        """
        process = self._start(command, env, stdout)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            raise OverdueError from None
        finally:
            self._running.discard(process)
        if self._is_stopped:
            raise StoppedError
        return code

    def stop(self) -> None:
        """Ask all commands to end."""
        with self._lock:
            self._is_stopped = True
            for process in self._running:
                process.send_signal(_INTERRUPT)

    def _start(self, command: Sequence[str], env: Mapping[str, str], stdout: IO[bytes]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._is_stopped:
                raise StoppedError
            # In a session of its own, so that a Ctrl-C reaches it by `stop` alone, and not all its processes at once.
            process = subprocess.Popen(
                command, env={**os.environ, **env}, stdin=subprocess.DEVNULL, stdout=stdout, start_new_session=True
            )
            self._running.add(process)
            return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(_INTERRUPT)
    try:
        process.wait(_TIDYING)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
