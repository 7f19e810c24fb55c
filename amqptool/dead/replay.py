"""Sending dead letters again, each of which leaves its queue once the broker has confirmed its copy."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from amqptool.broker.amqp import Connection, Hosts, connect_to_any
from amqptool.broker.discovery import brokers_at
from amqptool.dead.reading import read
from amqptool.errors import AccessRefused, AmqptoolError, InputError, NotFound
from amqptool.publish.outcome import Confirmed, Failed
from amqptool.publish.publisher import Publisher
from amqptool.publish.rate import Pace
from amqptool.publish.report import Report
from amqptool.waiting import unless
from amqptool.work.browser import Browser

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.broker.discovery import Urls
    from amqptool.dead.choice import Choice
    from amqptool.dead.letter import DeadLetter
    from amqptool.message import Delivery, Message
    from amqptool.publish.outcome import Outcome

#: Messages in hand: so many are asked for ahead, and wait for their confirms; at a rate, those of so many seconds, for
#: the broker takes back what is un-acked for too long (RabbitMQ, "Acknowledgement timeout": half an hour by default).
PREFETCH, AHEAD = 1000, 60.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where dead letters go: to the queues where they died, unless an exchange or a routing key is given.

    Of these, what is not given is what the message was published with.
    """

    exchange: str | None = None
    routing_key: str | None = None

    def message(self, letter: DeadLetter) -> Message:
        """Return what to send.

        Raises:
            InputError: the letter does not say where it died.
        """
        if self.exchange is not None or self.routing_key is not None:
            return letter.sent_to(self.exchange, self.routing_key)
        message = letter.back()
        if message is None:
            raise InputError("it does not say in which queue it died: give an exchange or a routing key")
        return message


@dataclass(slots=True)
class ReplayReport:
    """What became of the messages of a dead-letter queue."""

    #: Messages that were looked at.
    looked_at: int = 0
    #: Those sent again, confirmed and let go of, or with a dry run those that would be, by exchange and routing key.
    replayed: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: What became of all that were sent, and of those that could not be.
    outcomes: Report = field(default_factory=Report)
    #: Confirmed when it was too late to let go of them: they are there again, with the same ids.
    twice: int = 0
    #: Passed over, since their headers cannot be decoded.
    undecodable: int = 0
    #: Given back to the queue, those that were not meant among them.
    returned: int = 0


class Replay:
    """Sends the dead letters of a queue that are meant, from its head to what was its end when it began.

    The others are held until then, and go back to their places. If it is interrupted, or the process dies, each message
    is where it was, where it is sent to, or, if that was a moment ago, in both places with the same id.

    `limit` is how many to replay, `rate` how many in a second, and with `dry_run` none is sent.
    """

    def __init__(
        self,
        urls: Urls,
        queue: str,
        *,
        choice: Choice,
        target: Target,
        limit: int | None = None,
        rate: float | None = None,
        dry_run: bool = False,
        on_undecodable: Callable[[Exception], object] = lambda _: None,
    ) -> None:
        self._where = brokers_at(urls)
        self._queue = queue
        self._choice = choice
        self._target = target
        self._limit = limit
        self._pace = None if rate is None else Pace(rate)
        self._prefetch = PREFETCH if rate is None else max(1, min(PREFETCH, int(rate * AHEAD)))
        self._dry_run = dry_run
        self._on_undecodable = on_undecodable
        self._stopping = asyncio.Event()
        self._meant = 0
        self.report = ReplayReport()

    async def run(self) -> ReplayReport:
        """Replay.

        Raises:
            BrokerUnavailable: there is no broker, or the connection was lost.
            AccessRefused: the broker refused the credentials, the vhost, the queue or the exchange.
            NotFound: the queue or the exchange does not exist.
            BrokerBlocked: an alarm blocked publishing for too long.
        """
        opening = connect_to_any(Hosts(self._where), name=f"amqptool dead replay {self._queue}")
        connection = await unless(self._stopping, opening, discard=Connection.abandon)
        if connection is not None:
            try:
                await self._replay(connection)
            finally:
                await connection.close()
        return self.report

    def stop(self) -> None:
        """Take no further message, and let those that are out be confirmed; to be called on its event loop."""
        self._stopping.set()

    async def _replay(self, connection: Connection) -> None:
        browser = Browser(await connection.channel(), self._queue, self._prefetch, self._stopping, self._pass_over)
        await browser.open()
        try:
            async with AsyncExitStack() as stack:
                publisher = None if self._dry_run else await stack.enter_async_context(self._publisher())
                await self._send_all(browser, publisher)
            browser.check()
        finally:
            await browser.give_back()
            self.report.returned = browser.held

    def _publisher(self) -> Publisher:
        return Publisher(self._where, trace=False)  # a copy stays in the trace of its message

    async def _send_all(self, browser: Browser, publisher: Publisher | None) -> None:
        while batch := await self._next(browser):
            for delivery in batch:
                if self._is_over():
                    return
                browser.check()
                await self._take(delivery, browser, publisher)

    async def _next(self, browser: Browser) -> list[Delivery] | None:
        return None if self._is_over() else await browser.next()

    def _is_over(self) -> bool:
        return self._stopping.is_set() or self._meant == self._limit

    async def _take(self, delivery: Delivery, browser: Browser, publisher: Publisher | None) -> None:
        self.report.looked_at += 1
        letter = read(delivery.message)
        if not self._choice.is_meant(letter):
            return
        self._meant += 1
        try:
            message = self._target.message(letter)
            if publisher is None:
                self.report.replayed[message.exchange, message.routing_key] += 1
            elif await self._has_its_turn():
                await publisher.send(message, partial(self._settle, delivery, browser))
        except AmqptoolError as error:
            if publisher is not None and self._is_for_all(error, publisher):
                raise
            self.report.outcomes.add(Failed(delivery.message, error))

    def _is_for_all(self, error: AmqptoolError, publisher: Publisher) -> bool:
        """Return whether an error says that no other message can be sent either."""
        is_of_the_exchange = isinstance(error, NotFound | AccessRefused)
        return not publisher.is_refusal(error) or (is_of_the_exchange and self._target.exchange is not None)

    async def _has_its_turn(self) -> bool:
        """Wait for the time of the next message, and return whether it has come."""
        if self._pace is not None:
            seconds = self._pace.wait(asyncio.get_running_loop().time())
            await unless(self._stopping, asyncio.sleep(seconds))
        return not self._stopping.is_set()

    def _settle(self, delivery: Delivery, browser: Browser, outcome: Outcome) -> None:
        self.report.outcomes.add(outcome)
        if isinstance(outcome, Confirmed) and browser.is_lost:
            self.report.twice += 1
        elif isinstance(outcome, Confirmed):
            browser.ack(delivery)
            self.report.replayed[outcome.message.exchange, outcome.message.routing_key] += 1

    def _pass_over(self, error: Exception) -> None:
        self.report.undecodable += 1
        self._on_undecodable(error)
