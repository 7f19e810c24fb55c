"""The publisher's engine: sends, hears what the broker says, and gives every message its outcome.

Within one connection messages go out in the order in which they were handed in. One that is sent again, because it
was nacked or is in doubt, may arrive after later ones; after a loss, what is in doubt goes out, in its old order,
before anything new.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from amqptool.carried import check_message
from amqptool.errors import AccessRefused, BrokerBlocked, BrokerError, BrokerUnavailable, InputError, NotFound
from amqptool.publish.deadlines import Deadlines
from amqptool.publish.exchanges import Exchanges
from amqptool.publish.line import Line
from amqptool.publish.refusal import vanished_exchange
from amqptool.publish.session import Session
from amqptool.publish.terms import BURST, NACK_BACKOFF
from amqptool.publish.upkeep import Upkeep
from amqptool.publish.verdict import Loss, after_ack, after_giving_up, after_nack, in_doubt, judge_loss

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from amqptool.broker.amqp import Hosts
    from amqptool.errors import AmqptoolError
    from amqptool.message import Message, Returned
    from amqptool.publish.events import Events
    from amqptool.publish.outcome import Outcome
    from amqptool.publish.terms import Terms
    from amqptool.publish.window import InFlight, Window

    Ticket: TypeAlias = Callable[[Outcome], object]

#: Due before anything that waits for a time.
_AT_ONCE = 0.0
_REFUSALS = (InputError, NotFound, AccessRefused)


class Engine:
    """What a `Publisher` runs on: one event loop, one connection at a time."""

    session: Session

    def __init__(self, hosts: Hosts, window: Window[Ticket], terms: Terms, events: Events) -> None:
        self.window = window
        self.exchanges = Exchanges()
        #: Nothing will be sent any more.
        self.is_over = False
        #: Why nothing can be sent now, after everything that could be waited for.
        self.failure: AmqptoolError | None = None
        #: The last `failure`, which stays when the broker is back.
        self.given_up: AmqptoolError | None = None
        self.lost_because: AmqptoolError | None = None
        #: When the broker last confirmed something.
        self.heard_at = 0.0
        self._hosts = hosts
        self._terms = terms
        self._events = events
        self._deadlines = Deadlines(terms)
        self._upkeep = Upkeep(self, hosts, terms, events)
        self._is_ready = False
        self._burst = 0
        self._line = Line(self._write, self._prepare)
        self._progress = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    # -- from the first connection to the last --

    async def start(self) -> None:
        """Connect; see `connect_to_any` for the errors."""
        loop = asyncio.get_running_loop()
        self.now = loop.time
        self.session = await Session.open(self._hosts, self)
        self._is_ready = True
        self._tasks = [loop.create_task(self._upkeep.run()), loop.create_task(self._watch())]
        for task in self._tasks:
            task.add_done_callback(self._on_task_done)

    async def stop(self) -> None:
        """End everything that is left, and close the connection."""
        self.give_up(BrokerUnavailable("closed before its confirm came"), for_good=True, hang_up=False)
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.session.connection.close()
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def settled(self) -> None:
        """Wait until every message has its outcome."""
        while len(self.window):
            await self.next_progress()

    async def next_progress(self) -> None:
        """Wait for the next confirm, or for any other change."""
        self._progress.clear()
        await self._progress.wait()

    # -- sending --

    async def send(self, message: Message, ticket: Ticket) -> None:
        """Send a message when there is room; `ticket` is called once, with its outcome.

        Raises:
            InputError: AMQP cannot carry the message.
            NotFound: the exchange does not exist.
            AmqptoolError: `failure`, while there is one.
        """
        if not (self._line.is_empty and self._write(message, ticket)):
            await self._line.wait(message, ticket)
        if self._burst >= BURST:  # the others on this loop have a turn
            self._burst = 0
            await asyncio.sleep(0)

    def try_send(self, message: Message, ticket: Ticket) -> bool:
        """Send a message, unless there is something to wait for; see `send`."""
        return self._burst < BURST and self._line.is_empty and self._write(message, ticket)

    def _write(self, message: Message, ticket: Ticket) -> bool:
        try:
            is_clear = self._is_ready and self.window.has_room and message.exchange in self.exchanges.known
        except TypeError:  # of an exchange that cannot be in a set, such as a list
            check_message(message)
            raise
        if not is_clear:
            return False
        try:
            header_bytes = self.session.channel.publish(message, mandatory=self._terms.mandatory)
        except BrokerError:  # the channel was lost a moment ago, and nothing was sent
            self._is_ready = False
            return False
        self.window.add(message, ticket, self.now(), header_bytes)
        self._burst += 1
        return True

    async def _prepare(self, message: Message) -> None:
        """Wait for whatever keeps a message from being sent."""
        while not (self._is_ready and self.window.has_room):
            if self.failure is not None:
                raise self.failure
            await self.next_progress()
        if message.exchange not in self.exchanges.known:
            check_message(message)  # whose exchange may be no text
            await self.find_exchange(message.exchange)

    async def find_exchange(self, name: str) -> None:
        """Look for an exchange; if the connection is lost meanwhile, return without an answer.

        Raises:
            NotFound: it does not exist.
        """
        session = self.session
        try:
            await self.exchanges.find(name, session.connection)
        except BrokerUnavailable as error:
            if session is self.session and not session.is_lost:
                self._doubt(error)

    def is_refusal(self, error: Exception) -> bool:
        """Whether what `send` raised is about its message alone, and says nothing of the next one."""
        return isinstance(error, _REFUSALS) and error is not self.failure

    # -- what the broker says --

    def on_confirm(self, tag: int, multiple: bool, accepted: bool) -> None:
        """Give the messages that an ack or a nack is about their outcomes."""
        try:
            settled = self.window.settle(tag, multiple=multiple)
        except KeyError:
            self._doubt(BrokerUnavailable(f"the broker confirmed a message that was not sent (tag {tag})"))
            return
        self.heard_at = now = self.now()
        if accepted:
            for entry in settled:
                self.settle(entry, after_ack(entry, now))
        else:
            self._on_nacked(settled, now)

    def settle(self, entry: InFlight[Ticket], outcome: Outcome) -> None:
        """Give a message that was taken out of the window its outcome."""
        entry.ticket(outcome)
        self._progress.set()

    def _on_nacked(self, entries: list[InFlight[Ticket]], now: float) -> None:
        was_calm = self.window.next_due is None
        for entry in entries:
            failed = after_nack(entry, self._terms.nack_retries)
            if failed is None:
                self.window.hold(entry, now + NACK_BACKOFF.after(entry.nacks, self._terms.jitter()))
            else:
                self.settle(entry, failed)
        if was_calm and self.window.next_due is not None:
            self._events.tell("retrying", f"refused by the broker (basic.nack); retries: {self._terms.nack_retries}")
        self._upkeep.wake()

    def on_returned(self, returned: Returned) -> None:
        """Note that no queue took a message."""
        if not self.window.mark_returned(returned):
            self._doubt(BrokerUnavailable("the broker returned a message that was not sent"))

    def on_blocked(self, alarm: str | None) -> None:
        """Note that an alarm blocks publishing, or that it is over."""
        if alarm is None:
            self._deadlines.on_unblocked(self.now())
            self._events.tell("unblocked", "the broker takes messages again")
        else:
            self._deadlines.on_blocked(alarm, self.now())
            wait = f"waiting up to {self._terms.blocked_timeout:g} s"
            self._events.tell("blocked", f"blocked by the broker: {alarm}; {wait}")

    def on_lost(self, reason: AmqptoolError) -> None:
        """Decide about everything that was in flight on the channel."""
        if not self.is_over:
            self._lose(reason, since=self.now())

    # -- when no answer comes --

    def resume(self) -> None:
        """Go on: there is a channel, and what was in doubt has been sent again."""
        if self._is_ready or self.is_over:
            return
        self._is_ready, self.failure = True, None
        self._deadlines.on_back()
        self._progress.set()

    def give_up(self, reason: AmqptoolError, *, for_good: bool = False, hang_up: bool = True) -> None:
        """End all messages without an outcome, and refuse new ones until the broker is back, or for good."""
        if self.is_over:
            return
        self.failure = self.given_up = reason
        self.is_over, self._is_ready = for_good, False
        if hang_up:
            self.session.hang_up()
            self._deadlines.on_gone(reason, self.now())
        for entry in self.window.lose_channel():
            self.settle(entry, in_doubt(entry, reason))
        for entry in self.window.drain():
            self.settle(entry, after_giving_up(entry, reason))
        self._upkeep.wake()
        self._progress.set()

    def _doubt(self, reason: AmqptoolError, since: float | None = None) -> None:
        """Hang up on a broker whose answers cannot be believed, or do not come."""
        self.session.hang_up()
        self._lose(reason, self.now() if since is None else since)

    def _lose(self, reason: AmqptoolError, since: float) -> None:
        self._is_ready, self.lost_because = False, reason
        self._deadlines.on_gone(reason, self.now())
        exchange = vanished_exchange(reason)
        if exchange is not None:
            self.exchanges.forget(exchange)
        entries = self.window.lose_channel()
        self._events.tell("lost", f"{reason}; {len(entries):,} in flight")
        loss = Loss(reason, since, self.now(), self._terms.reconnect_timeout)
        for entry, failed in judge_loss(entries, loss):
            if failed is None:
                self.window.hold(entry, _AT_ONCE)
            else:
                self.settle(entry, failed)
        self._upkeep.wake()
        self._progress.set()

    async def _watch(self) -> None:
        while not self.is_over:
            await asyncio.sleep(self._deadlines.tick)
            if self.failure is None:
                self._look_at_the_clock()

    def _look_at_the_clock(self) -> None:
        now = self.now()
        waiting = [time for time in (self.window.oldest_sent_at, self.exchanges.asked_at) if time is not None]
        missed = self._deadlines.missed(now, min(waiting, default=None))
        if missed is None:
            return
        if isinstance(missed, BrokerBlocked) or self.session.is_lost:
            self._events.tell("given up", str(missed))
            self.give_up(missed)
        else:
            self._doubt(missed, since=now - self._terms.confirm_timeout)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:  # a bug; nobody may wait for ever because of it
            self.give_up(BrokerUnavailable(f"publishing ended by a bug: {task.exception()!r}"), for_good=True)
