"""Messages from one queue to another: each is taken off only after its copy was confirmed."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from amqptool.broker.amqp import connect
from amqptool.errors import AccessRefused, InUse
from amqptool.migrate.copies import copy_of
from amqptool.migrate.progress import Progress
from amqptool.publish.outcome import Failed
from amqptool.publish.publisher import Publisher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from amqptool.broker.amqp import Channel
    from amqptool.message import Delivery, Message
    from amqptool.settings.url import AmqpUrl
    from amqptool.topology.model import Queue

#: Messages in hand at a time. The broker counts messages, not bytes: it bounds our memory with theirs.
PREFETCH = 200
#: Seconds after which a quiet queue is asked again whether it is empty.
_PATIENCE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """From where to where, and through which exchange, which leads there only."""

    source: Queue
    target: str
    via: str

    @property
    def exclusive(self) -> bool:
        """Whether others can be kept from consuming from the source meanwhile; quorum queues keep nobody off."""
        return "x-single-active-consumer" not in self.source.arguments

    def __str__(self) -> str:
        return f"from {self.source.name} to {self.target}"


async def move(url: AmqpUrl, route: Route, on_progress: Callable[[str], None]) -> int:
    """Move messages until the source has none that are ready; return how many were moved.

    `on_progress` is told the number so far, once in a second at most, and at the end. The source's messages come
    and go over one connection and the copies over another: an alarm of the broker must not keep us from reading.

    Raises:
        InUse: somebody else consumes from the source, or deleted it.
        PublishError: the broker did not take a copy; its original is still in the source.
        BrokerUnavailable: a connection was lost.
    """

    def tell(moved: int) -> None:
        on_progress(f"moved {moved:,} messages {route}")

    progress = Progress(tell, asyncio.get_running_loop().time)
    async with connect(url, name="amqptool migrate") as connection, Publisher(url, trace=False) as publisher:
        username = "" if url.is_by_certificate else url.username
        mover = _Mover(await connection.channel(), await connection.channel(), route, username)
        async for outcome in publisher.publish_many(mover.copies()):
            if isinstance(outcome, Failed):
                raise outcome.error
            mover.settle(outcome.message)
            if mover.moved % PREFETCH == 0:
                progress.reach(mover.moved)
        await mover.flush()
        tell(mover.moved)
        return mover.moved


class _Mover:
    """The consuming side."""

    def __init__(self, channel: Channel, lookups: Channel, route: Route, username: str) -> None:
        self.moved = 0
        self._channel = channel
        self._lookups = lookups
        self._route = route
        self._username = username
        self._inbox: deque[Delivery] = deque()
        #: The delivery tag of each copy that is out, by the copy's identity.
        self._tags: dict[int, int] = {}
        self._news = asyncio.Event()
        self._deleted = False
        channel.closed.add_done_callback(lambda _: self._news.set())

    async def copies(self) -> AsyncIterator[Message]:
        """Consume from the source until nothing in it is ready, yielding a copy of each message."""
        consumer = await self._consume()
        async for delivery in self._until_empty():
            yield self._copy(delivery)
        await self._channel.cancel(consumer)
        while self._inbox:  # what came before the cancel was answered
            yield self._copy(self._inbox.popleft())

    def settle(self, copy: Message) -> None:
        """Take a message off the source: its copy is confirmed."""
        self._channel.ack(self._tags.pop(id(copy)))
        self.moved += 1
        self._news.set()

    async def flush(self) -> None:
        """Wait until the broker has our acks: it answers in order."""
        await self._channel.check_queue(self._route.source.name)

    async def _consume(self) -> str:
        source, exclusive = self._route.source.name, self._route.exclusive
        try:
            return await self._channel.consume(
                source, self._on_delivery, self._on_cancelled, prefetch=PREFETCH, exclusive=exclusive
            )
        except AccessRefused as error:
            if "in exclusive use" not in str(error):
                raise
            raise InUse(f"queue {source} has another consumer: stop it, and start again") from error

    async def _until_empty(self) -> AsyncIterator[Delivery]:
        while True:
            while self._inbox:
                yield self._inbox.popleft()
            self._check()
            self._news.clear()
            if await self._is_empty():
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await self._news.wait()

    async def _is_empty(self) -> bool:
        if self._tags:
            return False  # one that is not confirmed may come back
        counts = await self._lookups.check_queue(self._route.source.name)
        return counts.ready == 0 and not self._inbox

    def _copy(self, delivery: Delivery) -> Message:
        route = self._route
        from_quorum = route.source.type == "quorum"
        copy = copy_of(delivery, via=route.via, username=self._username, from_quorum=from_quorum)
        self._tags[id(copy)] = delivery.delivery_tag
        return copy

    def _check(self) -> None:
        if self._deleted:
            raise InUse(f"queue {self._route.source.name} was deleted meanwhile")
        if self._channel.closed.done():
            raise self._channel.closed.result()

    def _on_delivery(self, delivery: Delivery) -> None:
        self._inbox.append(delivery)
        self._news.set()

    def _on_cancelled(self) -> None:
        self._deleted = True
        self._news.set()
