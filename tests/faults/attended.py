"""A command that is run again whenever its process ends, until it has ended as it should."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.cli import cli_arguments, cli_environment
from tests.support.processes import processes_with

#: By this variable in their environment its processes are known, also those that its process has started.
MARK = "AMQPTOOL_FAULTS_LOG"
#: Lines of what a process wrote that go into the error when it has ended as it should not.
_LAST_LINES = 5
#: Seconds that a process may take to end after it was told to.
_PATIENCE = 90.0


class UnexpectedEndError(Exception):
    """A process has ended as none should, whatever the faults."""


class Attended:
    """Runs an amqptool command.

    `expected` are the exit codes with which its processes may end, and `final` those after which it is not run again;
    with any other, whatever notices it raises `UnexpectedEndError`.
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        env: Mapping[str, str],
        log: Path,
        expected: Collection[int],
        final: Collection[int] = (),
    ) -> None:
        self._words = words
        #: More words, for processes that are started from now on.
        self.options: Sequence[str] = ()
        self._env = cli_environment({**env, MARK: str(log)})
        self._log = log
        self._expected, self._final = {*expected, *final}, final
        #: What is expected of a process that is started now, and of the one that runs.
        self._forgiven: set[int] = set()
        self._forgiven_now: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None
        #: The ids of the processes that it has been, the last one at the end.
        self.started: list[int] = []
        #: How its processes ended: exit codes, and below zero signals.
        self.ends: Counter[int] = Counter()
        #: Those that were killed, each with the time.
        self.killed: dict[int, float] = {}
        self.is_done = False

    def attend(self) -> None:
        """Start it, if it does not run and has not ended as it should."""
        if self._process is not None and (code := self._process.poll()) is not None:
            self._note_end(code)
        if self._process is None and not self.is_done:
            self._forgiven_now = {*self._forgiven}
            command = cli_arguments(*self._words, *self.options)
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    command, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
                self.started.append(self._process.pid)

    @property
    def name(self) -> str:
        """What it is called."""
        return self._log.stem

    @property
    def is_running(self) -> bool:
        """Whether there is a process, which may have ended just now."""
        return self._process is not None and self._process.poll() is None

    def processes(self) -> list[int]:
        """Return the ids of its process and of those that were started by it, or by one that was killed."""
        # Linux shows no environment of a process that is about to run its program.
        own = {self._process.pid} if self._process is not None and self.is_running else set()
        return sorted(own.union(processes_with(MARK, str(self._log))))

    @contextmanager
    def forgive(self, *codes: int) -> Iterator[None]:
        """Let processes that run meanwhile end with these exit codes too, then or later."""
        self._forgiven |= {*codes}
        self._forgiven_now |= {*codes}
        try:
            yield
        finally:
            self._forgiven -= {*codes}

    def kill(self, process: int) -> bool:
        """Kill one of its processes, and return whether it had not ended by itself.

        What the command itself has ended with is known then.
        """
        own = self._process if self._process is not None and process == self._process.pid else None
        at = time.monotonic()
        was_killed = send(process, signal.SIGKILL)
        if own is not None:
            was_killed = own.wait() == -signal.SIGKILL
        if was_killed:
            self.killed[process] = at
        if own is not None:
            self._note_end(own.returncode)
        return was_killed

    def terminate(self) -> None:
        """Ask it to end, and wait until it has; only `attend` starts it again."""
        if self._process is not None:
            self._process.terminate()
            self._note_end(self._process.wait(_PATIENCE))

    def end(self) -> None:
        """Leave no process behind."""
        while processes := self.processes():
            for process in processes:
                send(process, signal.SIGKILL)
            if self._process is not None:
                self._process.wait()

    def told(self) -> str:
        """Return all that it has written."""
        return self._log.read_text("utf-8", "replace") if self._log.exists() else ""

    def _note_end(self, code: int) -> None:
        self.ends[code] += 1
        self.is_done = code in self._final
        self._process = None
        if code not in self._expected | self._forgiven_now:
            last = self.told().splitlines()[-_LAST_LINES:]
            raise UnexpectedEndError("\n  ".join([f"{self.name} ended with {code}", *last]))


def send(process: int, number: signal.Signals) -> bool:
    """Send a signal to a process, and return whether it had not ended."""
    try:
        if _is_zombie(process):
            return False
        os.kill(process, number)
    except (ProcessLookupError, FileNotFoundError):
        return False
    return True


def _is_zombie(process: int) -> bool:
    """Return whether a process has ended, and nobody has asked how."""
    return Path("/proc", str(process), "stat").read_text("utf-8").rpartition(")")[2].split()[0] == "Z"
