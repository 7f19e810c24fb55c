"""`amqptool consume --processes N`: worker processes, started again when they die, and one report of all.

Each process is the same command line, with a socket to its supervisor: it sends its report there at its end, and when
the other end closes, its supervisor is gone, and it stops.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, Self

from amqptool.backoff import Backoff
from amqptool.cli.exits import ExitCode, work_code
from amqptool.errors import AmqptoolError
from amqptool.waiting import unless
from amqptool.work.report import WorkReport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from amqptool.cli.running import Stop

log = logging.getLogger(__name__)

#: What a process tells that ends with an error of ours, such as a handler that does not import.
_ERROR = "error"
#: Exit codes of what another process would run into as well, also where the process could not tell.
_HOPELESS = (ExitCode.USAGE, ExitCode.BAD_INPUT, ExitCode.CONFIGURATION)
_LONGEST_REPORT = 65_536
#: Seconds before a process that died is started again, and before another one in the place of a process that died
#: looks again whether broker and store are there.
BACKOFF, AWAY = Backoff(first=0.5, longest=30.0), Backoff(first=0.5, longest=5.0)
#: Seconds after which a process has worked, and did not only start.
LONG_RUN = 60.0


class Supervisor:
    """Keeps so many processes of a command line running, until each has ended by itself.

    With a `metrics_port`, each has a port of its own, from that one upwards.
    """

    def __init__(self, arguments: Sequence[str], count: int, metrics_port: int | None) -> None:
        self._arguments = arguments
        self._count = count
        self._metrics_port = metrics_port
        self._running: set[asyncio.subprocess.Process] = set()
        self._stopping = asyncio.Event()
        #: Whether a process has told at its end what it did.
        self._heard = False
        self.report = WorkReport()
        #: The exit code of a process that ended with an error, as others would; it ends all.
        self.hopeless: ExitCode | None = None

    async def run(self, stop: Stop) -> None:
        """Run until all have ended; signals are handed on to them."""
        stop.then(lambda: self._stop(stop.signal or signal.SIGTERM), at_once=self._kill)
        started = asyncio.get_running_loop().time()
        await asyncio.gather(*(self._keep_one(number) for number in range(self._count)))
        self.report.seconds = asyncio.get_running_loop().time() - started

    def code(self, signal_code: ExitCode | None, min_messages: int | None) -> ExitCode:
        """Return the exit code of all together; what none of them could tell of is no success."""
        if not self._heard and not self.hopeless:
            return signal_code or ExitCode.FAILED
        return self.hopeless or work_code(self.report, signal_code, min_messages, limited=False)

    async def _keep_one(self, number: int) -> None:
        failures = 0
        clock = asyncio.get_running_loop().time
        while not self._stopping.is_set():
            started = clock()
            code, told = await self._run_one(number)
            if isinstance(told, dict):
                self._add(told)
                return
            # Who comes in the place of one that had worked may find its broker away, as that one would have.
            is_away = code == ExitCode.UNAVAILABLE and failures > 0 and clock() - started < LONG_RUN
            if (told == _ERROR or code in _HOPELESS) and not is_away:
                self._give_up(code, is_told=told == _ERROR)
            elif not self._stopping.is_set():
                failures = failures_in_a_row(failures, clock() - started)
                self.report.restarts += 1
                log.warning("a worker process %s; starting another one", _ending(code))
                backoff = AWAY if is_away else BACKOFF
                pause = backoff.after(failures, random.random())  # noqa: S311  # jitter, no secret
                await unless(self._stopping, asyncio.sleep(pause))

    def _give_up(self, code: int, *, is_told: bool) -> None:
        if not is_told:
            log.error("a worker process %s; starting no other one", _ending(code))
        self.hopeless = self.hopeless or ExitCode(code)
        self._stop(signal.SIGTERM)

    async def _run_one(self, number: int) -> tuple[int, Any]:
        """Run a process to its end; return its exit code, and what it told at its end, unless it died."""
        ours, theirs = socket.socketpair()
        with theirs:
            # In a session of its own, so that Ctrl-C reaches it through its supervisor alone, and once.
            process = await asyncio.create_subprocess_exec(
                *self._command(number, theirs.fileno()), pass_fds=[theirs.fileno()], start_new_session=True
            )
        self._running.add(process)
        if self._stopping.is_set():  # meanwhile
            process.terminate()
        try:
            # Not for the end of the socket: a child that a handler forked may hold it open for ever.
            code = await process.wait()
            told = _read(ours)
            return code, json.loads(told) if told else None
        finally:
            self._running.discard(process)
            ours.close()

    def _command(self, number: int, socket_number: int) -> list[str]:
        own = ["--supervised", str(socket_number)]
        if self._metrics_port:
            own += ["--metrics-port", str(self._metrics_port + number)]
        at = self._arguments.index("--") if "--" in self._arguments else len(self._arguments)
        # -P: what lies in the current folder is not ours to import, as for the command that is installed.
        return [sys.executable, "-P", "-m", "amqptool", *self._arguments[:at], *own, *self._arguments[at:]]

    def _stop(self, number: int) -> None:
        self._stopping.set()
        self._signal(number)

    def _kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        for process in self._running:
            with suppress(ProcessLookupError):
                process.send_signal(number)

    def _add(self, report: dict[str, Any]) -> None:
        self._heard = True
        for field in fields(WorkReport):
            if isinstance(report[field.name], int):
                setattr(self.report, field.name, getattr(self.report, field.name) + report[field.name])
        self.report.stopped_by = self.report.stopped_by or report["stopped_by"]


class Supervised:
    """A worker process's end of the socket to its supervisor."""

    def __init__(self, number: int) -> None:
        self._socket = socket.socket(fileno=number)
        self._socket.set_inheritable(False)  # what a handler starts must not keep it open

    def watch(self, on_gone: Callable[[], object]) -> None:
        """Call back once the supervisor is gone."""
        loop = asyncio.get_running_loop()

        def gone() -> None:
            loop.remove_reader(self._socket)
            on_gone()

        loop.add_reader(self._socket, gone)

    def __enter__(self) -> Self:
        """Tell the supervisor if the block ends in an error."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Tell of an error that another process would run into as well."""
        if kind is not None and issubclass(kind, (AmqptoolError, OSError)):
            self._tell(_ERROR)

    def send(self, report: WorkReport) -> None:
        """Tell what was done."""
        self._tell(asdict(report))

    def _tell(self, something: object) -> None:
        with suppress(OSError):  # the supervisor is gone
            self._socket.sendall(json.dumps(something).encode())


def failures_in_a_row(before: int, seconds: float) -> int:
    """Return how many failures in a row one after so many seconds makes; a long run forgets those before it."""
    return 1 if seconds >= LONG_RUN else before + 1


def _read(ours: socket.socket) -> bytes:
    """Read what is there already: all or nothing, since it was written at once."""
    ours.setblocking(False)
    try:
        return ours.recv(_LONGEST_REPORT)
    except BlockingIOError:
        return b""


def _ending(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"left with exit code {code}"
