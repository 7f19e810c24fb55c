"""Keeping the way to the broker open, and sending again what is to be sent again."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from amqptool.errors import AmqptoolError, BrokerError, BrokerUnavailable, ConfigError
from amqptool.publish.outcome import Failed
from amqptool.publish.refusal import is_refusal
from amqptool.publish.session import Session
from amqptool.publish.terms import BURST, CONNECT_BACKOFF

if TYPE_CHECKING:
    from amqptool.broker.amqp import Hosts
    from amqptool.publish.engine import Engine, Ticket
    from amqptool.publish.events import Events
    from amqptool.publish.terms import Terms
    from amqptool.publish.window import InFlight

log = logging.getLogger(__name__)


class Upkeep:
    """Restores a lost session of its engine, and sends held messages when they are due."""

    def __init__(self, engine: Engine, hosts: Hosts, terms: Terms, events: Events) -> None:
        self._engine = engine
        self._hosts = hosts
        self._terms = terms
        self._events = events
        self._work = asyncio.Event()
        self._failures = 0
        self._connected_at = 0.0

    def wake(self) -> None:
        """Say that there is something to do."""
        self._work.set()

    async def run(self) -> None:
        """Do what is to be done until cancelled, or until the broker refuses us for good."""
        engine = self._engine
        self._connected_at = engine.now()
        while not engine.is_over:
            self._work.clear()
            if engine.session.is_lost:
                await self._restore()
            if await self._resend():
                engine.resume()
            await self._rest()

    async def _rest(self) -> None:
        """Wait until there is something to do, or the next held message is due."""
        due = self._engine.window.next_due
        try:
            async with asyncio.timeout_at(due):
                await self._work.wait()
        except TimeoutError:
            return

    # -- a lost session --

    async def _restore(self) -> None:
        """Open a new channel, on the same connection if only the channel was refused."""
        session = self._engine.session
        if self._engine.lost_because and is_refusal(self._engine.lost_because) and session.connection.is_open:
            try:
                await session.renew()
            except AmqptoolError as error:
                log.info("%s; connecting again", error)
            else:
                return
        session.hang_up()
        await self._reconnect()

    async def _reconnect(self) -> None:
        self._hosts.rotate()
        if self._engine.heard_at > self._connected_at:
            self._failures = 0
        while not self._engine.is_over:
            if self._failures:
                await asyncio.sleep(CONNECT_BACKOFF.after(self._failures, self._terms.jitter()))
            self._failures += 1
            try:
                self._engine.session = await Session.open(self._hosts, self._engine)
            except (BrokerUnavailable, ConfigError) as error:  # the latter while a certificate is being renewed
                log.info("%s; trying again", error)
            except AmqptoolError as error:
                self._events.tell("given up", str(error))
                self._engine.give_up(error, for_good=True)
            else:
                self._connected_at = self._engine.now()
                self._tell_of_return()
                return

    def _tell_of_return(self) -> None:
        again = len(self._engine.window)
        what = f"; {again:,} to be sent again" if again else ""
        self._events.tell("reconnected", f"connected again to {self._engine.session.connection.url.address}{what}")

    # -- messages to be sent again --

    async def _resend(self) -> bool:
        """Send whatever is due, the oldest first; return False if the channel was lost before all was sent."""
        engine = self._engine
        missing: dict[str, AmqptoolError] = {}
        while not engine.session.is_lost:
            entry = engine.window.first_held(engine.now())
            if entry is None:
                return True
            exchange = entry.message.exchange
            if exchange in missing:
                engine.settle(engine.window.take_held(), Failed(entry.message, missing[exchange]))
            elif exchange not in engine.exchanges.known:
                await self._find(exchange, missing)
            elif entry.suspect:
                await self._write_alone(entry)
            elif not self._write(entry):
                return False
            elif entry.number % BURST == 0:
                await asyncio.sleep(0)
        return False

    async def _find(self, exchange: str, missing: dict[str, AmqptoolError]) -> None:
        try:
            await self._engine.find_exchange(exchange)
        except AmqptoolError as error:
            missing[exchange] = error

    async def _write_alone(self, entry: InFlight[Ticket]) -> None:
        """Send a message with nothing else in flight, so that a refusal can only be its own."""
        engine = self._engine
        if not engine.window.in_flight:
            self._write(entry)
        while engine.window.in_flight:
            await engine.next_progress()

    def _write(self, entry: InFlight[Ticket]) -> bool:
        """Send the first held message; return False if the channel has just been lost."""
        engine = self._engine
        try:
            engine.session.channel.publish(entry.message, mandatory=self._terms.mandatory)
        except BrokerError:
            return False
        engine.window.resend(engine.window.take_held(), engine.now())
        return True
