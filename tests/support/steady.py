"""A publisher that goes on and on, and remembers what it sent and what was confirmed."""

from __future__ import annotations

import asyncio
from types import TracebackType

from amqptool import AmqpUrl, Message, Publisher

#: Seconds between two messages.
_PACE = 0.004


class SteadyPublisher:
    """Publishes to an exchange, mandatory and confirmed, one message at a time; `async with` starts and stops it.

    A message that is returned or not confirmed is an error, raised at the end of the block.
    """

    def __init__(self, url: AmqpUrl, exchange: str) -> None:
        self._url = url
        self._exchange = exchange
        self._stopping = False
        self.confirmed: set[str | None] = set()

    async def __aenter__(self) -> SteadyPublisher:
        """Start."""
        self._task = asyncio.create_task(self._publish())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; everything that was sent is confirmed then."""
        self._stopping = True
        if error is not None:
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=error is not None)

    async def _publish(self) -> None:
        async with Publisher(self._url) as publisher:
            while not self._stopping:
                message = Message(body=b"steady", exchange=self._exchange, routing_key="steady.work")
                await publisher.publish(message)
                self.confirmed.add(message.message_id)
                await asyncio.sleep(_PACE)
