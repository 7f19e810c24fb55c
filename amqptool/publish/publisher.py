"""The asyncio publisher: pipelined confirms, and an outcome for every message."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from amqptool.broker.amqp import Connection
from amqptool.errors import BrokerBlocked, BrokerUnavailable
from amqptool.publish.outcome import Failed, after_confirm, after_loss
from amqptool.publish.stream import OutcomeStream, iterate
from amqptool.publish.window import MAX_BYTES, MAX_MESSAGES, Window
from amqptool.settings.url import as_url
from amqptool.waiting import unless

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
    from types import TracebackType
    from typing import TypeAlias

    from amqptool.broker.amqp import Channel
    from amqptool.errors import AmqptoolError
    from amqptool.message import Message, Returned
    from amqptool.publish.outcome import Confirmed, Outcome
    from amqptool.settings.url import AmqpUrl

    _Ticket: TypeAlias = Callable[[Outcome], None]

log = logging.getLogger(__name__)

#: Seconds a message may wait for its confirm.
CONFIRM_TIMEOUT = 30.0
#: Seconds an alarm of the broker may block publishing.
BLOCKED_TIMEOUT = 60.0
#: How many messages are written before the loop gets a turn to send them and to read confirms.
BURST = 50


class Publisher:
    """Publishes over one connection, confirmed and mandatory, many messages at a time.

    Use it as `async with Publisher(url) as publisher`; leaving the block waits for the confirms that
    are still out. One publisher serves any number of tasks of its event loop.
    """

    def __init__(
        self,
        url: AmqpUrl | str,
        *,
        mandatory: bool = True,
        window_messages: int = MAX_MESSAGES,
        window_bytes: int = MAX_BYTES,
        confirm_timeout: float = CONFIRM_TIMEOUT,
        blocked_timeout: float = BLOCKED_TIMEOUT,
    ) -> None:
        self._url = as_url(url)
        self._mandatory = mandatory
        self._window: Window[_Ticket] = Window(window_messages, window_bytes)
        self._confirm_timeout = confirm_timeout
        self._blocked_timeout = blocked_timeout
        self._blocked_since: float | None = None
        self._failure: AmqptoolError | None = None
        self._blocked_reason = ""
        self._unblocked_at = 0.0
        self._burst = 0
        self._known_exchanges = {""}
        self._progress = asyncio.Event()
        self._gave_up = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop
        self._is_open = False
        self._connection: Connection | None = None
        self._channel: Channel
        self._lookups: Channel | None = None
        self._watch: asyncio.Task[None]

    async def __aenter__(self) -> Publisher:
        """Connect; see `open` for the errors."""
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the confirms that are out, then close."""
        await self.close(settle=error is None or isinstance(error, Exception))

    async def open(self) -> None:
        """Connect.

        Raises:
            BrokerUnavailable: there is no broker, or it did not answer in time.
            AccessRefused: the broker refused the credentials or the vhost.
            RuntimeError: it was opened before; a publisher is used once.
        """
        if self._connection is not None:
            raise RuntimeError("a Publisher is opened once; make another one")
        self._loop = asyncio.get_running_loop()
        self._connection = await Connection.open(self._url, name="amqptool publish")
        self._connection.on_blocked = self._on_blocked
        try:
            self._channel = await self._connection.channel()
            await self._channel.select_confirms(self._on_confirm, self._on_returned)
        except BaseException:
            await self._connection.close()
            raise
        self._channel.closed.add_done_callback(lambda closed: self._give_up(closed.result()))
        self._watch = asyncio.create_task(self._watch_deadlines())
        self._is_open = True

    async def close(self, *, settle: bool = True) -> None:
        """Wait for the confirms that are out, unless told not to, then close; nothing if it was not opened."""
        if self._connection is None or not self._is_open:
            return
        try:
            if settle:
                await self._settled()
        finally:
            self._is_open = False
            self._watch.cancel()
            await self._connection.close()

    @property
    def in_flight(self) -> int:
        """How many messages wait for their confirm."""
        return len(self._window)

    async def publish(self, message: Message) -> Confirmed:
        """Publish one message and wait for its confirm.

        Raises:
            Unroutable: no queue took it.
            Nacked: the broker refused responsibility for it.
            InDoubt: no confirm came; the connection was lost, or the deadline passed.
            NotFound: the exchange does not exist.
            InputError: AMQP cannot carry the message.
            BrokerUnavailable: the connection had been lost before.
        """
        settled: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        await self._send(message, lambda outcome: None if settled.done() else settled.set_result(outcome))
        outcome = await settled
        if isinstance(outcome, Failed):
            raise outcome.error
        return outcome

    async def publish_many(self, messages: Iterable[Message] | AsyncIterable[Message]) -> AsyncIterator[Outcome]:
        """Publish a stream of messages, yielding the outcome of each as it is known.

        Memory is bounded by the window, whatever the length of the stream. An error of the stream
        itself, or a lost connection, is raised after the outcomes of everything that was sent.
        """
        stream = OutcomeStream(self._window.max_messages, self._window.max_bytes)
        feeding = asyncio.create_task(self._feed(messages, stream))
        try:
            async for outcome in stream.until_settled(feeding):
                yield outcome
            await feeding
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)

    def abandon(self) -> None:
        """Stop waiting: everything in flight is in doubt from now on, and nothing more is sent."""
        self._give_up(BrokerUnavailable("not waited for"))

    async def _feed(self, messages: Iterable[Message] | AsyncIterable[Message], stream: OutcomeStream) -> None:
        try:
            async for message in iterate(messages):
                if stream.is_full:
                    await stream.room()
                await self._send(message, stream.settle)
                stream.sent += 1
        finally:
            stream.end()

    async def _send(self, message: Message, ticket: _Ticket) -> None:
        self._open_connection()
        if message.exchange not in self._known_exchanges:
            await self._find_exchange(message.exchange)
        while self._failure is None and not self._window.has_room:
            await self._next_progress()
        if self._failure is not None:
            raise self._failure
        self._channel.publish(message, mandatory=self._mandatory)
        self._window.add(message, ticket, self._now())
        self._burst += 1
        if self._burst >= BURST:
            self._burst = 0
            await asyncio.sleep(0)

    async def _find_exchange(self, name: str) -> None:
        """Look for an exchange before anything is sent to it, on a channel of its own.

        A publish to one that does not exist closes its channel, and leaves in doubt whatever is in flight.
        """
        # A blocked broker reads nothing, so no answer may come; giving up must end this wait too.
        await unless(self._gave_up, self._look_up(name))

    async def _look_up(self, name: str) -> None:
        if self._lookups is None or not self._lookups.is_open:
            self._lookups = await self._open_connection().channel()
        await self._lookups.check_exchange(name)
        self._known_exchanges.add(name)

    def _open_connection(self) -> Connection:
        if self._connection is None or not self._is_open:
            raise RuntimeError("a Publisher is used inside `async with`, or between open() and close()")
        return self._connection

    async def _settled(self) -> None:
        while len(self._window):
            await self._next_progress()

    async def _next_progress(self) -> None:
        self._progress.clear()
        await self._progress.wait()

    def _now(self) -> float:
        return self._loop.time()

    # -- what the broker says --

    def _on_confirm(self, tag: int, multiple: bool, accepted: bool) -> None:
        try:
            settled = self._window.settle(tag, multiple=multiple)
        except KeyError:
            self._give_up(BrokerUnavailable(f"the broker confirmed a message that was not sent (tag {tag})"))
            return
        now = self._now()
        for entry in settled:
            entry.ticket(after_confirm(entry, now, accepted=accepted))
        self._progress.set()

    def _on_returned(self, returned: Returned) -> None:
        if not self._window.mark_returned(returned):
            self._give_up(BrokerUnavailable("the broker returned a message that was not sent"))

    def _on_blocked(self, reason: str | None) -> None:
        if reason is None:
            self._blocked_since, self._unblocked_at = None, self._now()
            log.warning("the broker takes messages again")
        else:
            self._blocked_since, self._blocked_reason = self._now(), reason
            log.warning("blocked by the broker: %s; waiting up to %g s", reason, self._blocked_timeout)

    # -- when no answer comes --

    async def _watch_deadlines(self) -> None:
        while self._failure is None:
            await asyncio.sleep(min(1.0, self._confirm_timeout / 4, self._blocked_timeout / 4))
            overdue = self._overdue()
            if overdue is not None:
                self._give_up(overdue)

    def _overdue(self) -> AmqptoolError | None:
        now, oldest = self._now(), self._window.oldest_sent_at
        if self._blocked_since is not None:
            if now - self._blocked_since > self._blocked_timeout:
                return BrokerBlocked(f"blocked by the broker for {self._blocked_timeout:g} s: {self._blocked_reason}")
        elif oldest is not None and now - max(oldest, self._unblocked_at) > self._confirm_timeout:
            return BrokerUnavailable(f"no confirm within {self._confirm_timeout:g} s")
        return None

    def _give_up(self, reason: AmqptoolError) -> None:
        """Settle everything in flight as not confirmed; the channel is never used again."""
        if self._failure is not None:
            return
        self._failure = reason
        self._gave_up.set()
        entries = self._window.drain()
        failures = after_loss([entry.message for entry in entries], reason)
        for entry, failed in zip(entries, failures, strict=True):
            entry.ticket(failed)
        self._progress.set()
