"""`exec-lines:COMMAND`: processes that stay, each asked about one message at a time, by a line.

One message at a time, so that it is certain which one a process was at when it died; as many processes as there are
calls at once.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import PurePath
from typing import TYPE_CHECKING, NoReturn

from amqptool.backoff import Backoff
from amqptool.errors import HandlerError
from amqptool.handlers import process as processes
from amqptool.handlers.interface import StopWork
from amqptool.handlers.lines_child import Child, EndedError
from amqptool.handlers.lines_protocol import outcome, question

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from amqptool.handlers.interface import Reject, Retry
    from amqptool.message import Delivery

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
        verdict = await self._ask(line, number)
        if verdict is not None:
            raise verdict

    async def close(self) -> None:
        """End the processes: their stdin ends first."""
        children, self._idle = self._idle, []
        await asyncio.gather(*(child.end() for child in children))

    async def _ask(self, line: bytes, number: int) -> Retry | Reject | None:
        while True:
            child = await self._free_child()
            try:
                verdict = outcome(await child.ask(line, self._timeout), number)
            except HandlerError as error:
                await child.stop()
                if isinstance(error, EndedError) and child.has_retired:
                    continue  # with another process: this one has seen nothing of the message
                self._fail(child, error)
            except BaseException:
                await child.stop()
                raise
            self._has_answered, self._failures = True, 0
            self._idle.append(child)
            return verdict

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
