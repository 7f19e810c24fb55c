"""One look into a stream, which gives everybody all that it holds: nothing is taken, and nothing to be given back."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from amqptool.broker.amqp import Hosts, any_of
from amqptool.broker.discovery import brokers_at
from amqptool.errors import BrokerUnavailable, PreconditionFailed
from amqptool.handlers.interface import StopWork
from amqptool.waiting import if_late, unless
from amqptool.work.look import LookReport, no_answer
from amqptool.work.offsets import FIRST, NEXT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.broker.amqp import Channel
    from amqptool.broker.discovery import Urls
    from amqptool.handlers.interface import Handler
    from amqptool.message import Delivery
    from amqptool.work.look import Wanted
    from amqptool.work.offsets import Offset

    #: The tag of a message that cannot be decoded, and why.
    Undecodable: TypeAlias = tuple[int, Exception]

log = logging.getLogger(__name__)

#: Messages asked for ahead. For a stream an ack lets the next ones come, and does no more.
PREFETCH = 250
#: And of those behind its end, of which the first that can be decoded tells where that was.
PREFETCH_BEHIND = 10
#: Seconds in which nothing comes at the end of a stream, which tells nobody how many messages it holds; and before the
#: first message, for which the broker may have to search.
QUIET, SEARCH = 1.0, 3.0
#: The argument that only streams take, and the header of all that they deliver.
_ARGUMENT = "x-stream-offset"
#: The reply code of a node that has no replica of the stream (see `from_reply`).
_NO_REPLICA = 406


class StreamLook:
    """Gives a handler the messages of a stream, from an offset on, that fulfil all the conditions.

    It ends where the stream ended when it began, but for the offset `next`, behind which there is nothing yet: then it
    waits.
    """

    def __init__(
        self,
        urls: Urls,
        queue: str,
        handler: Handler,
        *,
        offset: Offset = FIRST,
        where: Sequence[Wanted] = (),
        max_messages: int | None = None,
        timeout: float | None = None,
    ) -> None:
        self._hosts = Hosts(brokers_at(urls))
        self._queue = queue
        self._handler = handler
        self._offset = offset
        self._where = where
        self._max_messages = max_messages
        self._timeout = timeout
        self._report = LookReport()
        self._stopping = asyncio.Event()
        self._arrived: asyncio.Queue[Delivery | Undecodable | None] = asyncio.Queue()
        self._has_begun = False
        #: The offset of the first message that came after the look had begun, once there is one.
        self._end: int | None = None
        # What was delivered before one that tells its offset, and may yet have to go back.
        self._held: list[int] = []

    async def run(self) -> LookReport | None:
        """Look; return None if the queue is no stream, and then all is in its place.

        Raises:
            BrokerUnavailable: there is no broker, it did not answer in time, or the connection was lost.
            AccessRefused: the broker refused the credentials, the vhost or the queue.
            NotFound: the queue does not exist.
            OSError: what the handler writes to cannot be written to.
        """
        try:
            with self._report.timed(), if_late(self._timeout, partial(self.stop, "timeout")):
                await unless(self._stopping, self._connect_and_look())
        except _NoStreamError:
            return None
        finally:
            await self._handler.close()
        if not (self._report.looked_at or self._waits_for_new) and self._report.stopped_by == "timeout":
            raise no_answer(self._hosts)
        return self._report

    def stop(self, reason: str = "stop") -> None:
        """Ask it to end early; to be called on its event loop."""
        self._report.stopped_by = self._report.stopped_by or reason
        self._stopping.set()

    @property
    def _waits_for_new(self) -> bool:
        """Whether that nothing came is an answer."""
        return self._has_begun and self._offset == NEXT

    async def _connect_and_look(self) -> None:
        """Look at whichever host has the stream: a cluster's nodes need not each have a replica."""
        refusals = 0
        while True:
            try:
                await self._look_at_any()
                return
            except BrokerUnavailable as error:
                refusals += 1
                if error.reply_code != _NO_REPLICA or refusals >= len(self._hosts):
                    raise
            self._hosts.rotate()

    async def _look_at_any(self) -> None:
        async with any_of(self._hosts) as connection:
            channel = await connection.channel()
            arrived: asyncio.Queue[Delivery | Undecodable | None] = asyncio.Queue()
            self._arrived = arrived
            channel.closed.add_done_callback(lambda _: arrived.put_nowait(None))
            try:
                await self._open(channel)
            except PreconditionFailed as error:
                if _ARGUMENT in str(error):
                    raise _NoStreamError from error
                raise
            self._has_begun = True
            await self._look(channel)

    async def _open(self, channel: Channel) -> None:
        """Begin to read, and then at the end too: the first message there is the first one that is not looked at.

        In this order, since the last chunk may be another one a moment later.
        """
        put = self._arrived.put_nowait
        await channel.consume(
            self._queue,
            put,
            partial(put, None),
            prefetch=PREFETCH,
            arguments={_ARGUMENT: self._offset},
            on_undecodable=lambda tag, error: put((tag, error)),
        )
        if self._offset != NEXT:
            await channel.consume(
                self._queue,
                self._note_end,
                partial(put, None),
                prefetch=PREFETCH_BEHIND,
                arguments={_ARGUMENT: NEXT},
                on_undecodable=lambda _tag, _error: None,
            )

    def _note_end(self, delivery: Delivery) -> None:
        offset = delivery.headers.get(_ARGUMENT)
        if self._end is None and isinstance(offset, int):
            self._end = offset

    def _is_later(self, delivery: Delivery) -> bool:
        offset = delivery.headers[_ARGUMENT]
        return self._end is not None and isinstance(offset, int) and offset >= self._end

    async def _look(self, channel: Channel) -> None:
        while not self._has_enough() and (arrival := await self._next(channel)) is not None:
            if isinstance(arrival, tuple):
                self._pass_over(*arrival, channel)
            elif _ARGUMENT not in arrival.headers:
                await channel.close()  # which returns everything: a broker without streams overlooks the argument
                raise _NoStreamError
            elif self._is_later(arrival):
                return
            else:
                await self._take(arrival, channel)

    def _has_enough(self) -> bool:
        if self._max_messages is not None and self._report.handled + self._report.failed >= self._max_messages:
            self._report.stopped_by = "max-messages"
        return bool(self._report.stopped_by)

    async def _next(self, channel: Channel) -> Delivery | Undecodable | None:
        """Return the next message, or None at the end."""
        try:
            async with asyncio.timeout(self._patience):
                arrival = await self._arrived.get()
        except TimeoutError:
            return None
        if arrival is None:
            raise channel.closed.result() if channel.closed.done() else _cancelled()
        return arrival

    @property
    def _patience(self) -> float | None:
        if self._offset == NEXT:
            return None
        return QUIET if self._report.looked_at else SEARCH

    async def _take(self, delivery: Delivery, channel: Channel) -> None:
        self._report.looked_at += 1
        if all(condition.holds(delivery.message) for condition in self._where):
            await self._handle(delivery)
        self._held.append(delivery.delivery_tag)
        self._ask_for_more(channel)

    async def _handle(self, delivery: Delivery) -> None:
        try:
            await self._handler.handle(delivery)
        except StopWork as stopped:
            raise stopped.__cause__ or stopped from None
        except Exception as error:
            self._report.failed += 1
            log.warning("message %s: %s: %s", delivery.message_id, type(error).__name__, error)
        else:
            self._report.handled += 1

    def _pass_over(self, tag: int, error: Exception, channel: Channel) -> None:
        self._report.undecodable += 1
        log.error("stream %r: a message whose headers cannot be decoded is passed over: %r", self._queue, error)
        self._held.append(tag)
        if self._report.looked_at:
            self._ask_for_more(channel)

    def _ask_for_more(self, channel: Channel) -> None:
        channel.ack(*self._held)
        self._held.clear()


class _NoStreamError(Exception):
    """The queue is no stream."""


def _cancelled() -> BrokerUnavailable:
    return BrokerUnavailable("the broker cancelled the consumer: was its queue deleted?")
