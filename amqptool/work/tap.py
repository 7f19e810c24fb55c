"""A tap on exchanges: a copy of what goes through them, for which nobody waits."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from amqptool.broker.amqp import Connection, Hosts, connect_to_any
from amqptool.broker.discovery import brokers_at
from amqptool.errors import AmqptoolError, BrokerUnavailable
from amqptool.waiting import unless

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from amqptool.broker.amqp import Channel
    from amqptool.broker.discovery import Urls
    from amqptool.message import Delivery, FieldValue
    from amqptool.work.look import Wanted

#: How much of what we have not taken yet the broker keeps: messages, and bytes of bodies.
MAX_LENGTH, MAX_BYTES = 10_000, 64 * 1024 * 1024
#: Seconds between two looks at how much it keeps, and which part of the limit counts as all of it.
INTERVAL, FULL = 1.0, 0.9


@dataclass(frozen=True, slots=True)
class Source:
    """An exchange, and the routing key by which the tap is bound to it."""

    exchange: str
    routing_key: str


@dataclass(slots=True)
class TapReport:
    """What came out of a tap."""

    #: All messages, and the bytes of their bodies.
    received: int = 0
    received_bytes: int = 0
    #: How many of them were as wanted.
    wanted: int = 0
    #: Passed over, since their headers cannot be decoded.
    undecodable: int = 0
    #: Whether the broker's queue was found full: then it may have dropped messages, and nobody knows how many.
    overflowed: bool = False
    #: Seconds from the first binding on.
    seconds: float = 0.0
    #: Why it ended: stop, max-messages, timeout, or "" when the connection was lost.
    stopped_by: str = ""
    #: What ended the connection.
    lost: AmqptoolError | None = field(default=None)


class Tap:
    """Hands on, without waiting for anybody, each message that goes through some exchanges and fulfils all conditions.

    It has a queue of its own, which goes with its connection. Nobody is to notice: the queue holds little and drops the
    oldest, is not paid with acks, and takes no part in what a policy for all queues says of dead letters and overflow.

    `find_sources` says what to bind to; it is called once a broker is there.
    """

    def __init__(
        self,
        urls: Urls,
        find_sources: Callable[[], Coroutine[object, object, Sequence[Source]]],
        take: Callable[[Delivery], None],
        *,
        where: Sequence[Wanted] = (),
        max_messages: int | None = None,
        timeout: float | None = None,
        on_open: Callable[[Sequence[Source]], None] = lambda _: None,
    ) -> None:
        self._hosts = Hosts(brokers_at(urls))
        self._find_sources = find_sources
        self._take = take
        self._where = where
        self._max_messages = max_messages
        self._timeout = timeout
        self._on_open = on_open
        self._queue = f"amqptool.tap.{uuid4()}"
        self._stopping = asyncio.Event()
        self.report = TapReport()

    async def run(self) -> TapReport:
        """Tap until told to stop, the messages are enough, the time is over, or the connection is lost.

        Raises:
            BrokerUnavailable: there is no broker.
            AccessRefused: the broker refused the credentials, the vhost, the queue or an exchange.
            NotFound: an exchange does not exist.
            AmqptoolError: what `find_sources` raises.
        """
        opening = connect_to_any(self._hosts, name="amqptool tap")
        connection = await unless(self._stopping, opening, discard=Connection.abandon)
        if connection is not None:
            try:
                sources = await unless(self._stopping, self._find_sources())
                if sources is not None:
                    await self._tap(await connection.channel(), sources)
            finally:
                await connection.close()
        return self.report

    def stop(self, reason: str = "stop") -> None:
        """Ask it to end; to be called on its event loop."""
        if not self._stopping.is_set():
            self.report.stopped_by = reason
            self._stopping.set()

    async def _tap(self, channel: Channel, sources: Sequence[Source]) -> None:
        loop = asyncio.get_running_loop()
        await self._bind(channel, sources)
        began = loop.time()
        clock = None if self._timeout is None else loop.call_later(self._timeout, self.stop, "timeout")
        self._on_open(sources)
        try:
            await unless(self._stopping, self._watch(channel))
        except AmqptoolError as error:
            self.report.lost = error
        finally:
            self.report.seconds = loop.time() - began
            if clock is not None:
                clock.cancel()

    async def _bind(self, channel: Channel, sources: Sequence[Source]) -> None:
        await channel.declare_queue(
            self._queue, durable=False, exclusive=True, auto_delete=True, arguments=_arguments(self._queue)
        )
        await channel.consume(
            self._queue,
            self._on_delivery,
            self._on_cancelled,
            prefetch=0,
            auto_ack=True,
            on_undecodable=self._pass_over,
        )
        for source in sources:
            await channel.bind_queue(source.exchange, self._queue, source.routing_key)

    async def _watch(self, channel: Channel) -> None:
        """See from time to time whether the broker's queue is full, until the channel is closed."""
        while not channel.closed.done():
            await asyncio.wait({channel.closed}, timeout=INTERVAL)
            if not channel.closed.done():
                self._note_waiting((await channel.check_queue(self._queue)).ready)
        raise channel.closed.result()

    def _note_waiting(self, count: int) -> None:
        mean_size = self.report.received_bytes / max(1, self.report.received)
        if count >= FULL * MAX_LENGTH or count * mean_size >= FULL * MAX_BYTES:
            self.report.overflowed = True

    def _on_delivery(self, delivery: Delivery) -> None:
        if self._stopping.is_set():
            return
        self.report.received += 1
        self.report.received_bytes += len(delivery.body)
        if self._where and not all(condition.holds(delivery.message) for condition in self._where):
            return
        self.report.wanted += 1
        self._take(delivery)
        if self.report.wanted == self._max_messages:
            self.stop("max-messages")

    def _pass_over(self, _tag: int, _error: Exception) -> None:
        self.report.undecodable += 1

    def _on_cancelled(self) -> None:
        self.report.lost = BrokerUnavailable("the broker ended the tap: was its queue deleted?")
        self._stopping.set()


def _arguments(queue: str) -> Mapping[str, FieldValue]:
    """Return what keeps the queue small and apart, also where a policy is for all queues.

    What it drops would be dead letters by such a policy, and its overflow might refuse what others publish. There is
    no exchange of the queue's name, so its dead letters go nowhere; and the right to it is the one to the queue.
    """
    return {
        "x-queue-type": "classic",
        "x-max-length": MAX_LENGTH,
        "x-max-length-bytes": MAX_BYTES,
        "x-overflow": "drop-head",
        "x-dead-letter-exchange": queue,
    }
