"""`exec-lines:COMMAND`: processes that stay, each asked about one message at a time, by a line.

One message at a time, so that it is certain which one a process was at when it died; as many processes as there are
calls at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from contextlib import suppress
from pathlib import PurePath
from typing import TYPE_CHECKING, NoReturn

from amqptool.backoff import Backoff
from amqptool.errors import HandlerError
from amqptool.handlers import process as processes
from amqptool.handlers.interface import StopWork
from amqptool.handlers.lines_protocol import outcome, question
from amqptool.handlers.process import Tail
from amqptool.handlers.timing import time_limit

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable, Mapping, Sequence

    from amqptool.message import Delivery

log = logging.getLogger(__name__)

#: Bytes of an answer.
LONGEST_ANSWER = 65_536
#: Processes in a row that may fail before any has ever answered; then it is the command that is wrong.
TRIES = 5
#: Seconds before another process is started in the place of one that failed.
BACKOFF = Backoff(first=0.1, longest=5.0)


class LinesHandler:
    """Asks long-lived processes; a process that fails is replaced, and only its message has failed."""

    stops_when_cancelled = True
    reads_ahead = True

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str], *, timeout: float) -> None:
        self._argv = tuple(argv)
        self._name = PurePath(argv[0]).name
        self._environ = processes.inherited(environ)
        self._timeout = timeout
        self._idle: list[Child] = []
        self._number = 0
        self._has_answered = False
        #: Processes that failed since the last answer.
        self._failures = 0

    async def handle(self, delivery: Delivery) -> None:
        """Ask a process.

        Raises:
            Retry: it says so, or
            Reject: so.
            HandlerError: it did not say anything that counts, or not in time.
            StopWork: there is no such command, or it never answers.
        """
        self._number = number = self._number + 1
        line = question(number, delivery)
        child = await self._free_child()
        try:
            async with time_limit(self._timeout):
                verdict = outcome(await child.ask(line), number)
        except HandlerError as error:
            await child.stop()
            self._fail(child, error)
        except BaseException:
            await child.stop()
            raise
        self._has_answered, self._failures = True, 0
        self._idle.append(child)
        if verdict is not None:
            raise verdict

    async def close(self) -> None:
        """End the processes: their stdin ends first."""
        children, self._idle = self._idle, []
        await asyncio.gather(*(child.end() for child in children))

    async def _free_child(self) -> Child:
        while self._idle:
            child = self._idle.pop()
            if not child.is_over:
                return child
            await child.stop()
        if self._failures:
            await asyncio.sleep(BACKOFF.after(self._failures, random.random()))  # noqa: S311  # jitter, no secret
        return await Child.start(self._argv, self._environ)

    def _fail(self, child: Child, error: HandlerError) -> NoReturn:
        self._failures += 1
        words = child.last_words()
        reason = f"{self._name} {error}{': ' if words else ''}{words}"
        if self._has_answered or self._failures < TRIES:
            raise HandlerError(reason) from error
        raise StopWork from HandlerError(f"{self._failures} processes in a row gave no verdict; the last: {reason}")


class Child:
    """One process, and the pipes to and from it."""

    def __init__(self, process: Process, stdin: int, stdout: int, stderr: Tail) -> None:
        self._process = process
        self._stdin = stdin
        self._stdout = stdout
        self._stderr = stderr
        self._unread = bytearray()

    @classmethod
    async def start(cls, argv: Sequence[str], environ: Mapping[bytes, bytes]) -> Child:
        """Start a process; see `process.start` for the errors."""
        stderr = Tail(lambda text: log.debug("%s: %s", argv[0], text))
        their_stdin, stdin = os.pipe()
        stdout, their_stdout = os.pipe()
        try:
            process = await processes.start(argv, environ, stdin=their_stdin, stdout=their_stdout, stderr=stderr.writer)
        except BaseException:
            os.close(stdin)
            os.close(stdout)
            stderr.close()
            raise
        finally:
            os.close(their_stdin)
            os.close(their_stdout)
        stderr.started()
        os.set_blocking(stdin, False)
        os.set_blocking(stdout, False)
        return cls(process, stdin, stdout, stderr)

    @property
    def is_over(self) -> bool:
        """Whether the process has ended."""
        return self._process.returncode is not None

    async def ask(self, line: bytes) -> bytes:
        """Write a line and read the next one.

        Raises:
            HandlerError: the process cannot be asked any more, or its line is too long.
        """
        await self._write(line)
        return await self._read_line()

    async def end(self) -> None:
        """Let the process end by itself at the end of its stdin, or else stop it."""
        os.close(self._stdin)
        self._stdin = -1
        with suppress(TimeoutError):
            async with asyncio.timeout(processes.KILL_AFTER):
                await self._process.wait()
        await self.stop()

    async def stop(self) -> None:
        """End the process now, with all it has started."""
        try:
            await processes.stop(self._process)
        finally:
            if self._stdin >= 0:
                os.close(self._stdin)
            os.close(self._stdout)
            self._stderr.close()

    def last_words(self) -> str:
        """Return the end of what a process that was stopped wrote to stderr."""
        return self._stderr.text()[-processes.SHOWN_OUTPUT :]

    async def _write(self, line: bytes) -> None:
        loop = asyncio.get_running_loop()
        rest = memoryview(line)
        while rest:
            try:
                rest = rest[os.write(self._stdin, rest) :]
            except BlockingIOError:
                await _ready(loop.add_writer, loop.remove_writer, self._stdin)
            except BrokenPipeError:
                raise HandlerError("reads no more lines") from None

    async def _read_line(self) -> bytes:
        loop = asyncio.get_running_loop()
        while (end := self._unread.find(b"\n")) < 0:
            if len(self._unread) > LONGEST_ANSWER:
                raise HandlerError(f"answered with a line of more than {LONGEST_ANSWER:,} bytes")
            try:
                chunk = os.read(self._stdout, LONGEST_ANSWER)
            except BlockingIOError:
                await _ready(loop.add_reader, loop.remove_reader, self._stdout)
                continue
            if not chunk:
                raise HandlerError("ended without an answer")
            self._unread += chunk
        line = bytes(self._unread[:end])
        del self._unread[: end + 1]
        return line


async def _ready(add: Callable[..., object], remove: Callable[[int], object], descriptor: int) -> None:
    ready = asyncio.Event()
    add(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        remove(descriptor)
