"""One look through a queue: each message once, until the end of what was there."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from amqptool.broker.amqp import Connection, Hosts, connect_to_any
from amqptool.broker.discovery import brokers_at
from amqptool.errors import BrokerUnavailable
from amqptool.handlers.interface import StopWork
from amqptool.waiting import if_late, unless
from amqptool.work.browser import Browser
from amqptool.work.delivery_count import DeliveryCount

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amqptool.broker.amqp import Channel
    from amqptool.broker.discovery import Urls
    from amqptool.handlers.interface import Handler
    from amqptool.message import Delivery, Message

log = logging.getLogger(__name__)

#: Seconds for the broker's last answers once the time is over, where nothing is taken that they would tell of.
LAST_ANSWER = 0.3


@dataclass(slots=True)
class LookReport:
    """The counts of one look."""

    #: Messages that were compared with the conditions.
    looked_at: int = 0
    #: Of these, how many were wanted, and handled with success.
    handled: int = 0
    #: How many were wanted, and the handler failed.
    failed: int = 0
    #: Handlers that did not end within the grace.
    abandoned: int = 0
    #: Passed over, since their headers cannot be decoded.
    undecodable: int = 0
    #: Given back to the queue.
    returned: int = 0
    #: How long it took, once it has ended.
    seconds: float = 0.0
    #: Why it stopped before the end: stop, max-messages, idle-timeout or timeout.
    stopped_by: str = ""

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Take down how long a block takes."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        try:
            yield
        finally:
            self.seconds = clock() - begun


class Wanted(Protocol):
    """What a message is asked for."""

    def holds(self, message: Message) -> bool:
        """Whether it holds for a message."""
        ...


class Look:
    """Gives a handler each message of a queue that fulfils all the conditions, and puts the others back.

    It ends where the queue ended when it began, or when nothing is left. What is not wanted stays un-acked until then,
    so that it is met once; then it goes back, as does everything with `keep`. What the handler was given is
    acknowledged at once. When the connection is lost, the broker returns all, and the look is over.

    `concurrency` is how many calls of the handler may run at once, `max_messages` how many messages are enough.
    """

    def __init__(
        self,
        urls: Urls,
        queue: str,
        handler: Handler,
        *,
        where: Sequence[Wanted] = (),
        keep: bool = False,
        prefetch: int,
        concurrency: int = 1,
        grace: float,
        max_messages: int | None = None,
        idle_timeout: float | None = None,
        timeout: float | None = None,
    ) -> None:
        self._hosts = Hosts(brokers_at(urls))
        self._queue = queue
        self._handler = handler
        self._where = where
        self._keep = keep
        self._prefetch = prefetch
        self._concurrency = concurrency
        self._grace = grace
        self._max_messages = max_messages
        self._idle_timeout = idle_timeout
        self._timeout = timeout
        self._report = LookReport()
        self._delivery_count = DeliveryCount()
        self._connection: Connection | None = None
        #: Seconds that it took to connect.
        self._connecting = 0.0
        self._has_given_up = False
        self._stopping = asyncio.Event()

    async def run(self) -> LookReport:
        """Look through the queue.

        Raises:
            BrokerUnavailable: there is no broker, it did not answer in time, or the connection was lost.
            AccessRefused: the broker refused the credentials, the vhost or the queue.
            NotFound: the queue does not exist.
            OSError: what the handler writes to cannot be written to.
        """
        patience = self._timeout + LAST_ANSWER if self._keep and self._timeout is not None else None
        in_time = if_late(self._timeout, partial(self.stop, "timeout"))
        try:
            with self._report.timed(), in_time, if_late(patience, self._give_up):
                await self._connect_and_look()
        except BrokerUnavailable:
            if not self._has_given_up:
                raise
        finally:
            await self._handler.close()
        seen = self._report.looked_at + self._report.undecodable
        if self._keep and not seen and self._report.stopped_by == "timeout":
            raise no_answer(self._hosts)  # for of an empty queue there would have been one
        return self._report

    def stop(self, reason: str = "stop") -> None:
        """Ask it to end early; to be called on its event loop."""
        if not self._stopping.is_set():
            self._report.stopped_by = reason
            self._stopping.set()

    def _give_up(self) -> None:
        """Let go of a broker that does not answer, when it had as long for that as it took to connect."""
        if self._connection is not None:
            asyncio.get_running_loop().call_later(self._connecting - LAST_ANSWER, self._abandon, self._connection)

    def _abandon(self, connection: Connection) -> None:
        """Leave what is held to the broker, which returns it, and counts that as a failed delivery."""
        self._has_given_up = True
        connection.abandon()

    async def _connect_and_look(self) -> None:
        began = asyncio.get_running_loop().time()
        opening = connect_to_any(self._hosts, name=f"amqptool consume {self._queue}")
        self._connection = await unless(self._stopping, opening, discard=Connection.abandon)
        self._connecting = asyncio.get_running_loop().time() - began
        if self._connection is not None:
            try:
                await self._look_over(await self._connection.channel())
            finally:
                await self._connection.close()

    async def _look_over(self, channel: Channel) -> None:
        browser = Browser(channel, self._queue, self._prefetch, self._stopping, self._pass_over)
        await browser.open(None if self._where else self._max_messages)
        try:
            await self._look(browser)
            browser.check()
        finally:
            await self._give_back(browser)

    async def _give_back(self, browser: Browser) -> None:
        try:
            await browser.give_back()
        finally:
            self._report.returned = browser.held  # if not by us, by the broker

    async def _look(self, browser: Browser) -> None:
        while batch := await self._next(browser):
            wanted = [delivery for delivery in batch if self._is_wanted(delivery)]
            while wanted and not self._is_over():
                group, wanted = wanted[: self._most()], wanted[self._most() :]
                await self._handle(group, browser)

    async def _next(self, browser: Browser) -> list[Delivery] | None:
        if self._is_over():
            return None
        with if_late(self._idle_timeout, partial(self.stop, "idle-timeout")):
            return await browser.next()

    def _is_over(self) -> bool:
        if self._max_messages is not None and self._tried >= self._max_messages:
            self.stop("max-messages")
        return self._stopping.is_set()

    @property
    def _tried(self) -> int:
        return self._report.handled + self._report.failed

    def _most(self) -> int:
        """How many messages the handler may be given at once."""
        return (
            self._concurrency
            if self._max_messages is None
            else min(self._concurrency, self._max_messages - self._tried)
        )

    def _pass_over(self, error: Exception) -> None:
        self._report.undecodable += 1
        log.error("queue %r: a message whose headers cannot be decoded is passed over: %r", self._queue, error)

    def _is_wanted(self, delivery: Delivery) -> bool:
        self._report.looked_at += 1
        if delivery.redelivered:
            self._delivery_count.look(delivery, asyncio.get_running_loop().time())
        return all(condition.holds(delivery.message) for condition in self._where)

    async def _handle(self, group: Sequence[Delivery], browser: Browser) -> None:
        calls = [asyncio.ensure_future(self._handler.handle(delivery)) for delivery in group]
        await self._end_of(calls)
        for delivery, call in zip(group, calls, strict=True):
            if not call.done():
                call.cancel()
                self._report.abandoned += 1
            elif (error := call.exception()) is None:
                self._handled(delivery, browser)
            else:
                self._failed(delivery, error)
        for call in calls:
            if call.done() and isinstance(stopped := call.exception(), StopWork):
                raise stopped.__cause__ or stopped

    async def _end_of(self, calls: Sequence[asyncio.Future[None]]) -> None:
        """Wait for all calls, but no longer than the grace from the moment on that it is to stop."""
        ended = asyncio.ensure_future(asyncio.wait(calls))
        stopped = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({ended}, timeout=self._grace)
        for task in (ended, stopped):
            task.cancel()

    def _handled(self, delivery: Delivery, browser: Browser) -> None:
        if not self._keep:
            browser.check()
            browser.ack(delivery)
        self._report.handled += 1

    def _failed(self, delivery: Delivery, error: BaseException) -> None:
        self._report.failed += 1
        if not isinstance(error, StopWork):
            log.warning("message %s: %s: %s", delivery.message_id, type(error).__name__, error)


def no_answer(hosts: Hosts) -> BrokerUnavailable:
    """Return the error for a look that was over before the broker had answered."""
    return BrokerUnavailable(f"no answer in time from {hosts}")
