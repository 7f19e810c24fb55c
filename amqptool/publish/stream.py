"""Outcomes as a stream, between the publisher's callbacks and its caller."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING

from amqptool.errors import PublishError
from amqptool.publish.outcome import Failed
from amqptool.publish.window import size_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from amqptool.errors import AmqptoolError
    from amqptool.message import Message
    from amqptool.publish.outcome import Outcome


class OutcomeStream:
    """The outcomes of one `publish_many`; the feeder counts what it has `sent`, or tried to.

    Outcomes that nobody has taken yet are bounded like messages in flight, since each holds its message.
    """

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self.sent = 0
        #: The first refusal of a message itself; publishing on would most likely meet it again.
        self.refusal: AmqptoolError | None = None
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._bytes = 0
        self._yielded = 0
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

    def settle(self, outcome: Outcome) -> None:
        """Take one outcome in."""
        if isinstance(outcome, Failed) and self.refusal is None and not isinstance(outcome.error, PublishError):
            self.refusal = outcome.error
        self._outcomes.append(outcome)
        self._bytes += size_of(outcome.message)
        self._news.set()

    def refuse(self, failed: Failed) -> None:
        """Take in a message that could not be sent, because of what it is."""
        self.sent += 1
        self.settle(failed)

    def end(self) -> None:
        """Say that nothing more will be sent; the feeder's last act."""
        self._news.set()

    async def news(self, feeding: asyncio.Task[None]) -> bool:
        """Wait for outcomes to take; False once the feeder is done and all that it sent has had one."""
        if feeding.done() and self._yielded == self.sent:
            return False
        await self._news.wait()
        self._news.clear()
        return True

    def known(self) -> Iterator[Outcome]:
        """Give the outcomes that are there."""
        while self._outcomes:
            outcome = self._outcomes.popleft()
            self._bytes -= size_of(outcome.message)
            self._taken.set()
            self._yielded += 1
            yield outcome


def as_async(messages: Iterable[Message] | AsyncIterable[Message]) -> AsyncIterable[Message]:
    """Make messages of either kind an asynchronous stream."""
    return messages if isinstance(messages, AsyncIterable) else _each(messages)


async def _each(messages: Iterable[Message]) -> AsyncIterator[Message]:
    for message in messages:
        yield message
