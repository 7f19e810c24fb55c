"""Processes that are killed again and again, each with another one in its place."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Self


class Herd:
    """Runs modules, each with its words, until SIGTERM; a `with` block leaves none behind."""

    def __init__(self, commands: Sequence[Sequence[str]]) -> None:
        self._commands = commands
        self._processes = [self._start(command) for command in commands]
        #: The ids of those that were killed.
        self.killed: set[int] = set()

    def kill_one(self, chance: Random) -> None:
        """Kill one of the processes, and start another one in its place."""
        which = chance.randrange(len(self._processes))
        self._processes[which].kill()
        self._processes[which].wait()
        self.killed.add(self._processes[which].pid)
        self._processes[which] = self._start(self._commands[which])

    def end(self) -> None:
        """Stop all, and wait for them; one that was only just started may not know of the signal."""
        for process in self._processes:
            process.terminate()
        assert {process.wait(60) for process in self._processes} <= {0, -signal.SIGTERM}

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave no process behind."""
        for process in self._processes:
            process.kill()
            process.wait()

    def _start(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", *command]
        return subprocess.Popen(words, cwd=Path(__file__).parents[2], stderr=subprocess.DEVNULL)
