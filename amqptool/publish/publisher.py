"""The asyncio publisher: pipelined confirms, and an outcome for every message."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING
from weakref import finalize

from amqptool.broker.amqp import Hosts
from amqptool.broker.discovery import brokers_at
from amqptool.errors import BrokerUnavailable
from amqptool.publish.events import Events
from amqptool.publish.outcome import Failed
from amqptool.publish.pouring import pour
from amqptool.publish.stream import OutcomeStream
from amqptool.publish.terms import BLOCKED_TIMEOUT, CONFIRM_TIMEOUT, NACK_RETRIES, RECONNECT_TIMEOUT, Terms
from amqptool.publish.traced import engine_of
from amqptool.publish.window import MAX_BYTES, MAX_MESSAGES, Window
from amqptool.tracing import find_tracing

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
    from types import TracebackType

    from amqptool.broker.discovery import Urls
    from amqptool.message import Message
    from amqptool.publish.engine import Ticket
    from amqptool.publish.events import PublisherEvent
    from amqptool.publish.outcome import Confirmed, Outcome
    from amqptool.publish.pouring import Sink
    from amqptool.settings.url import AmqpUrl


class Publisher:
    """Publishes confirmed and mandatory, many messages at a time, over one connection that it restores when lost.

    Use it as `async with Publisher(url) as publisher`; leaving the block waits for the outcomes that are
    still out. One publisher serves any number of tasks of its event loop. With several URLs it turns to the next
    broker when one does not answer; with `etcd://…` it asks etcd for them each time it connects.

    A message in doubt (its connection was lost, no confirm came within `confirm_timeout`, or the broker closed
    the channel) is sent again with the same `message_id` over a new connection, until it has been in doubt for
    `reconnect_timeout` seconds; without a `message_id` it is not, since nobody could tell the repetition. A nacked
    message is sent again up to `nack_retries` times. A message whose outcome is known is never sent again.

    Messages go out in the order in which they were handed in, except those that are sent again.

    `jitter` gives the chances, from 0 to 1, that spread the waits. `on_event` is told what concerns all messages:
    an alarm, its end, a lost connection, its return; the log is, too.

    Where OpenTelemetry is installed (extra `otel`), what is published within a span is part of its trace: in a span of
    its own, whose context goes with the message as headers, unless it has such. With `trace=False` it is left alone.
    """

    def __init__(
        self,
        urls: Urls,
        *,
        mandatory: bool = True,
        window_messages: int = MAX_MESSAGES,
        window_bytes: int = MAX_BYTES,
        confirm_timeout: float = CONFIRM_TIMEOUT,
        blocked_timeout: float = BLOCKED_TIMEOUT,
        reconnect_timeout: float = RECONNECT_TIMEOUT,
        nack_retries: int = NACK_RETRIES,
        jitter: Callable[[], float] = random.random,
        on_event: Callable[[PublisherEvent], object] | None = None,
        trace: bool = True,
    ) -> None:
        self._window: Window[Ticket] = Window(window_messages, window_bytes)
        terms = Terms(
            mandatory=mandatory,
            confirm_timeout=confirm_timeout,
            blocked_timeout=blocked_timeout,
            reconnect_timeout=reconnect_timeout,
            nack_retries=nack_retries,
            jitter=jitter,
        )
        tracing = find_tracing() if trace else None
        self._engine = engine_of(tracing, Hosts(brokers_at(urls)), self._window, terms, Events(on_event))
        self._was_opened = False
        self._is_open = False

    async def __aenter__(self) -> Publisher:
        """Connect; see `open` for the errors."""
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the outcomes that are out, then close."""
        await self.close(settle=error is None or isinstance(error, Exception))

    async def open(self) -> None:
        """Connect.

        Raises:
            BrokerUnavailable: there is no broker, or it did not answer in time.
            AccessRefused: the broker refused the credentials or the vhost.
            RuntimeError: it was opened before; a publisher is used once.
        """
        if self._was_opened:
            raise RuntimeError("a Publisher is opened once; make another one")
        self._was_opened = True
        await self._engine.start()
        self._is_open = True

    async def close(self, *, settle: bool = True) -> None:
        """Wait for the outcomes that are out, unless told not to, then close; nothing if it was not opened.

        What is not waited for ends in doubt.
        """
        if not self._is_open:
            return
        try:
            if settle:
                await self._engine.settled()
        finally:
            self._is_open = False
            await self._engine.stop()

    @property
    def in_flight(self) -> int:
        """How many messages have no outcome yet."""
        return len(self._window)

    async def publish(self, message: Message) -> Confirmed:
        """Publish one message and wait for its confirm.

        Cancelled while it waits for the confirm, the message goes its way all the same.

        Raises:
            Unroutable: no queue took it.
            Nacked: the broker refused responsibility for it, every time.
            InDoubt: no confirm came, for as long as was to be waited.
            NotFound: the exchange does not exist.
            AccessRefused: the broker refused the message, or, for good, the connection.
            InputError: AMQP cannot carry the message, or the broker does not take it: it is too large, or names
                another user.
            BrokerUnavailable: there is no broker, and none came in time; it was not sent.
            BrokerBlocked: an alarm blocked publishing for too long; it was not sent.
        """
        settled: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        await self.send(message, lambda outcome: None if settled.done() else settled.set_result(outcome))
        outcome = await settled
        if isinstance(outcome, Failed):
            raise outcome.error
        return outcome

    async def send(self, message: Message, on_outcome: Callable[[Outcome], object]) -> None:
        """Send one message as soon as there is room, without waiting for its outcome.

        `on_outcome` is called once, on the event loop, if this returns; it must not block or raise. What this
        raises is what `publish` raises of messages that were not sent.
        """
        self._check_open()
        await self._engine.send(message, on_outcome)

    def publish_many(
        self, messages: Iterable[Message] | AsyncIterable[Message], *, skip_refused: bool = False
    ) -> AsyncIterator[Outcome]:
        """Publish a stream of messages, yielding the outcome of each as it is known.

        Memory is bounded by the window, whatever the length of the stream. Every message that is taken from it
        has its outcome. An error of the stream itself, or a broker that stays away, is raised after those. So is
        the error of a message that is refused for what it is (its exchange does not exist, AMQP cannot carry it),
        since the next ones would most likely meet the same; with `skip_refused` it goes on.
        """
        stream = OutcomeStream(self._window.max_messages, self._window.max_bytes)
        outcomes = self._outcomes(messages, stream, skip_refused=skip_refused)
        # asyncio closes a generator a few turns after it was left, in which a hundred messages would be taken.
        finalize(outcomes, stream.leave).atexit = False
        return outcomes

    async def _outcomes(
        self, messages: Iterable[Message] | AsyncIterable[Message], stream: OutcomeStream, *, skip_refused: bool
    ) -> AsyncIterator[Outcome]:
        self._check_open()
        pouring = asyncio.create_task(pour(self._engine, messages, stream, skip_refused=skip_refused))
        stream.begin(pouring)
        try:
            while await stream.news():
                for outcome in stream.known():
                    yield outcome
            await pouring
        finally:
            pouring.cancel()
            await asyncio.gather(pouring, return_exceptions=True)

    async def pour(
        self, messages: Iterable[Message] | AsyncIterable[Message], sink: Sink, *, skip_refused: bool = False
    ) -> None:
        """Publish a stream of messages as `publish_many` does, giving a sink the outcomes."""
        self._check_open()
        await pour(self._engine, messages, sink, skip_refused=skip_refused)

    @property
    def url(self) -> AmqpUrl:
        """The broker that it is connected to, or was last."""
        return self._engine.session.connection.url

    @property
    def is_over(self) -> bool:
        """Whether nothing can be sent any more: it was closed or abandoned, or the broker refused the connection."""
        return self._engine.is_over

    def is_refusal(self, error: Exception) -> bool:
        """Whether what `send` raised is about its message alone, and says nothing of the next one."""
        return self._engine.is_refusal(error)

    def abandon(self) -> None:
        """Stop waiting: everything in flight is in doubt from now on, and nothing more is sent."""
        self._engine.give_up(BrokerUnavailable("publishing was stopped before the broker answered"), for_good=True)

    def _check_open(self) -> None:
        if not self._is_open:
            raise RuntimeError("a Publisher is used inside `async with`, or between open() and close()")
