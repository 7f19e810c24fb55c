"""A process of an `exec-lines:` handler, and the pipes to and from it."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from contextlib import ExitStack, suppress
from fcntl import ioctl
from termios import FIONREAD
from typing import TYPE_CHECKING

from amqptool.errors import HandlerError
from amqptool.handlers import process as processes
from amqptool.handlers.process import Tail

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Mapping, Sequence

log = logging.getLogger(__name__)

#: Bytes of an answer.
LONGEST_ANSWER = 65_536


class EndedError(HandlerError):
    """A process ended, or reads no more, before it answered."""


class Child:
    """Answers one line at a time.

    The loop watches its stdout all the time, and not anew for each answer; what comes unasked is left in the pipe.
    """

    def __init__(self, process: Process, stdin: int, stdout: int, stderr: Tail) -> None:
        self._loop = asyncio.get_running_loop()
        self._process = process
        self._stdin = stdin
        self._stdout = stdout
        self._stderr = stderr
        self._unread = bytearray()
        self._is_watched = False
        #: Whether a question was written, and its answer is waited for.
        self._is_asked = False
        self._has_answered = False
        #: Bytes of the question that were written, and of what was written, those that nobody has read at the end.
        self._written = 0
        self._not_read = 0
        self._answer: asyncio.Future[bytes | HandlerError] = self._loop.create_future()

    @classmethod
    async def start(cls, argv: Sequence[str], environ: Mapping[bytes, bytes]) -> Child:
        """Start a process; see `process.start` for the errors."""
        with ExitStack() as ours, ExitStack() as theirs:
            stderr = Tail(lambda text: log.debug("%s: %s", argv[0], text))
            ours.callback(stderr.close)
            their_stdin, stdin = os.pipe()
            theirs.callback(os.close, their_stdin)
            ours.callback(os.close, stdin)
            stdout, their_stdout = os.pipe()
            theirs.callback(os.close, their_stdout)
            ours.callback(os.close, stdout)
            process = await processes.start(argv, environ, stdin=their_stdin, stdout=their_stdout, stderr=stderr.writer)
            ours.pop_all()  # they stay open
        stderr.started()
        os.set_blocking(stdin, False)
        os.set_blocking(stdout, False)
        return cls(process, stdin, stdout, stderr)

    @property
    def is_over(self) -> bool:
        """Whether the process has ended."""
        return self._process.returncode is not None

    @property
    def has_retired(self) -> bool:
        """Whether a process that was stopped had answered before, and taken nothing of its last question."""
        return self._has_answered and self._not_read >= self._written

    async def ask(self, line: bytes, timeout: float) -> bytes:
        """Write a line and read the next one, in so many seconds; a process that failed is only to be stopped.

        Raises:
            EndedError: the process cannot be asked any more.
            HandlerError: its line is too long or too late.
        """
        self._written = 0
        self._answer = self._loop.create_future()
        timer = self._loop.call_later(timeout, self._fail, f"not finished after {timeout:g} seconds")
        try:
            self._write(memoryview(line))
            answer = await self._answer
        finally:
            timer.cancel()
        if isinstance(answer, HandlerError):
            raise answer
        return answer

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
        self._loop.remove_reader(self._stdout)
        if self._stdin >= 0:
            self._loop.remove_writer(self._stdin)
        try:
            await processes.stop(self._process)
        finally:
            if self._stdin >= 0:
                self._not_read = int.from_bytes(ioctl(self._stdin, FIONREAD, bytes(4)), sys.byteorder)
                os.close(self._stdin)
            os.close(self._stdout)
            self._stderr.close()

    def last_words(self) -> str:
        """Return the end of what a process that was stopped wrote to stderr."""
        return self._stderr.text()[-processes.SHOWN_OUTPUT :]

    def _write(self, rest: memoryview) -> None:
        try:
            written = os.write(self._stdin, rest)
            self._written += written
            rest = rest[written:]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._settle(EndedError("reads no more lines"))
            return
        if rest:
            self._loop.add_writer(self._stdin, self._write_on, rest)
        else:
            self._listen()

    def _write_on(self, rest: memoryview) -> None:
        self._loop.remove_writer(self._stdin)
        self._write(rest)

    def _listen(self) -> None:
        self._is_asked = True
        if not self._is_watched:
            self._is_watched = True
            self._loop.add_reader(self._stdout, self._read)
        self._look()
        if self._is_asked:
            self._read()  # a fast process may have answered already, without another turn of the loop

    def _read(self) -> None:
        if not self._is_asked:
            self._is_watched = False
            self._loop.remove_reader(self._stdout)
            return
        try:
            chunk = os.read(self._stdout, LONGEST_ANSWER)
        except BlockingIOError:
            return
        if chunk:
            self._unread += chunk
            self._look()
        else:
            self._settle(EndedError("ended without an answer"))

    def _look(self) -> None:
        end = self._unread.find(b"\n")
        if end >= 0:
            line = bytes(self._unread[:end])
            del self._unread[: end + 1]
            self._has_answered = True
            self._settle(line)
        elif len(self._unread) > LONGEST_ANSWER:
            self._fail(f"answered with a line of more than {LONGEST_ANSWER:,} bytes")

    def _fail(self, reason: str) -> None:
        self._settle(HandlerError(reason))

    def _settle(self, answer: bytes | HandlerError) -> None:
        self._is_asked = False
        if not self._answer.done():
            self._answer.set_result(answer)
