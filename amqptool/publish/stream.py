"""Outcomes as a stream, between the publisher's callbacks and its caller."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from amqptool.errors import PublishError
from amqptool.publish.outcome import Failed
from amqptool.publish.window import size_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amqptool.errors import AmqptoolError
    from amqptool.publish.outcome import Outcome


class OutcomeStream:
    """The outcomes of one `publish_many`.

    Outcomes that nobody has taken yet are bounded like messages in flight, since each holds its message.
    """

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self.added = 0
        self.refusal: AmqptoolError | None = None
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._bytes = 0
        self._has_ended = False
        self._pouring: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._taken = asyncio.Event()
        self._outcomes: deque[Outcome] = deque()

    @property
    def is_full(self) -> bool:
        """Whether the caller must take outcomes before more is sent."""
        return len(self._outcomes) >= self._max_messages or self._bytes >= self._max_bytes

    async def room(self) -> None:
        """Wait until the caller has taken enough outcomes."""
        while self.is_full:
            self._taken.clear()
            await self._taken.wait()

    def add(self, outcome: Outcome) -> None:
        """Take one outcome in."""
        if isinstance(outcome, Failed) and self.refusal is None and not isinstance(outcome.error, PublishError):
            self.refusal = outcome.error
        self.added += 1
        self._outcomes.append(outcome)
        self._bytes += size_of(outcome.message)
        self._news.set()

    def begin(self, pouring: asyncio.Task[None]) -> None:
        """Say which task adds outcomes; there will be no more when it is done."""
        self._pouring = pouring
        pouring.add_done_callback(self._end)

    def leave(self) -> None:
        """Let the task that adds outcomes take no further message: nobody takes outcomes any more.

        It may be called in any thread, and after the loop's end, as a garbage collector does.
        """
        if self._pouring is None:
            return
        loop = self._pouring.get_loop()
        if _is_running_here(loop):
            self._pouring.cancel()
        else:
            with suppress(RuntimeError):  # the loop is closed, and the task with it
                loop.call_soon_threadsafe(self._pouring.cancel)

    def _end(self, _: object) -> None:
        self._has_ended = True
        self._news.set()

    async def news(self) -> bool:
        """Wait for outcomes to take; False once all were taken, and there will be no more."""
        while not self._outcomes and not self._has_ended:
            self._news.clear()
            await self._news.wait()
        return bool(self._outcomes)

    def known(self) -> Iterator[Outcome]:
        """Take the outcomes that are there."""
        while self._outcomes:
            outcome = self._outcomes.popleft()
            self._bytes -= size_of(outcome.message)
            self._taken.set()
            yield outcome


def _is_running_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
