"""A command that is run again whenever its process ends, until it has ended as it should."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
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
        self._command = cli_arguments(*words)
        self._env = cli_environment({**env, MARK: str(log)})
        self._log = log
        self._expected, self._final = {*expected, *final}, final
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
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._command, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
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
        return processes_with(MARK, str(self._log))

    def expect(self, *codes: int) -> None:
        """Let its processes end with these exit codes too, from now on."""
        self._expected.update(codes)

    def kill(self, process: int) -> None:
        """Kill one of its processes; what the command itself has ended with is known then."""
        self.killed[process] = time.monotonic()
        send(process, signal.SIGKILL)
        if self._process is not None and process == self._process.pid:
            self._note_end(self._process.wait())

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
        if code not in self._expected:
            last = self.told().splitlines()[-_LAST_LINES:]
            raise UnexpectedEndError("\n  ".join([f"{self.name} ended with {code}", *last]))


def send(process: int, number: signal.Signals) -> None:
    """Send a signal to a process, which may have ended."""
    with suppress(ProcessLookupError):
        os.kill(process, number)
