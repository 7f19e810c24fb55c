"""A queue's messages from its head to its end, in batches, all held until each is let go of."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from amqptool.errors import BrokerUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.broker.amqp import Channel
    from amqptool.message import Delivery

#: Seconds without a delivery after which the queue is asked whether it is empty: others may have taken the rest.
LOOK_INTERVAL = 0.1


class Browser:
    """Hands out each message that was ready at the start, once.

    What is held counts towards a consumer's prefetch. When that is used up, the consumer is cancelled, which returns
    nothing, and another one on the same channel goes on. So any number of messages can be held, with no more bodies
    in memory than the prefetch. A message that cannot be decoded is held, and not handed out.

    To end early, set `stopping`. Nothing that it awaits may be cancelled: a consumer might be left of which it does
    not know, to which the broker hands out again what is given back.
    """

    def __init__(
        self,
        channel: Channel,
        queue: str,
        prefetch: int,
        stopping: asyncio.Event,
        on_undecodable: Callable[[Exception], None],
    ) -> None:
        self._channel = channel
        self._queue = queue
        self._prefetch = prefetch
        self._stopping = stopping
        self._on_undecodable = on_undecodable
        #: How many messages are still to be handed out.
        self._left = 0
        self._arrived: list[Delivery] = []
        # By the tag of each message, in their order: the number of the consumer that brought it.
        self._held: dict[int, int] = {}
        # The tags of those that were let go of, and of which the broker does not know yet.
        self._gone: list[int] = []
        self._consumers = 0
        self._tag: str | None = None
        #: How many more messages the present consumer may bring.
        self._room = 0
        self._cancelled = False
        self._changed = asyncio.Event()
        channel.closed.add_done_callback(lambda _: self._changed.set())

    async def open(self, most: int | None = None) -> None:
        """See what is there; `most` messages are enough.

        Raises:
            NotFound: the queue does not exist.
        """
        before = await self._ready()
        self._left = self._prefetch if most is None else most
        await self._consume()
        # A classic queue tells a number before it has taken in what was just given back, but starts a consumer after.
        there = max(before, await self._ready() + len(self._arrived))
        self._left = there if most is None else min(there, most)

    async def next(self) -> list[Delivery]:
        """Return the next messages, at least one, or none when all were handed out, others took the rest or it stops.

        Raises:
            BrokerError: the channel was closed, or the broker cancelled the consumer.
        """
        while self._left > 0 and not self._arrived and not self._stopping.is_set():
            if self._room <= 0:
                await self._consume()
            elif not await self._hear():
                self.check()
                if await self._ready() == 0 and not self._arrived:
                    break
        if not self._arrived:
            self.check()  # or what was let go of would seem to be gone
        batch, self._arrived = self._arrived[: self._left], []
        self._left -= len(batch)
        return batch

    @property
    def held(self) -> int:
        """How many messages were handed out, or passed over, and not let go of."""
        return len(self._held)

    @property
    def is_lost(self) -> bool:
        """Whether what is let go of stays where it is: the channel is closed, or the queue deleted."""
        return self._cancelled or self._channel.closed.done()

    def check(self) -> None:
        """Check that what is let go of is gone then.

        Raises:
            BrokerError: the channel was closed, or the broker cancelled the consumer.
        """
        if self._channel.closed.done():
            raise self._channel.closed.result()
        if self._cancelled:
            raise BrokerUnavailable("the broker cancelled the consumer: was its queue deleted?")

    def ack(self, delivery: Delivery) -> None:
        """Let go of a message for good; the broker is told of all those of one turn of the event loop together."""
        if not self._gone:
            asyncio.get_running_loop().call_soon(self._send_acks)
        self._gone.append(delivery.delivery_tag)
        if self._held.pop(delivery.delivery_tag) == self._consumers:
            self._room += 1

    async def give_back(self) -> None:
        """Return all that is held to the queue."""
        self._send_acks()
        await self._end_consumer()
        for _, held in groupby(self._held.items(), key=itemgetter(1)):  # a return for each consumer keeps the order
            self._channel.requeue(*(tag for tag, _ in held))
            await asyncio.sleep(0)  # a million messages have many

    def _send_acks(self) -> None:
        tags, self._gone = self._gone, []
        self._channel.ack(*tags)

    async def _consume(self) -> None:
        await self._end_consumer()
        self._room = prefetch = min(self._prefetch, self._left)
        self._consumers += 1
        self._tag = await self._channel.consume(
            self._queue, self._on_delivery, self._on_cancelled, prefetch=prefetch, on_undecodable=self._pass_over
        )

    async def _end_consumer(self) -> None:
        """End the consumer first: whatever is returned while there is one, the broker hands out to it again."""
        tag, self._tag = self._tag, None
        if tag is not None and self._channel.is_open:
            await self._take_in()
            await self._channel.cancel(tag)

    async def _take_in(self) -> None:
        """Wait for what is on its way: pika would return it, before what was there first, as soon as it cancels."""
        while self._room > 0 and await self._ready() > 0:
            self._arrived.clear()
            if not await self._hear():
                break

    async def _hear(self) -> bool:
        """Wait for a delivery, but not for long; return whether one came."""
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_INTERVAL):
                await self._changed.wait()
        return bool(self._arrived)

    async def _ready(self) -> int:
        """Ask for the number of messages in nobody's hands; the answer comes behind every delivery before it."""
        return (await self._channel.check_queue(self._queue)).ready

    def _on_delivery(self, delivery: Delivery) -> None:
        self._hold(delivery.delivery_tag)
        self._arrived.append(delivery)

    def _pass_over(self, tag: int, error: Exception) -> None:
        self._hold(tag)
        self._left -= 1
        self._on_undecodable(error)

    def _hold(self, tag: int) -> None:
        self._held[tag] = self._consumers
        self._room -= 1
        self._changed.set()

    def _on_cancelled(self) -> None:
        self._cancelled = True
        self._changed.set()
