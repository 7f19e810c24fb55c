"""One connection with a channel in confirm mode, up to the first doubt."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from amqptool.broker.amqp import connect_to_any
from amqptool.broker.amqp.connection import CONNECT_TIMEOUT
from amqptool.errors import BrokerUnavailable

if TYPE_CHECKING:
    from amqptool.broker.amqp import Channel, Connection, Hosts
    from amqptool.errors import AmqptoolError
    from amqptool.message import Returned


class Listener(Protocol):
    """Whoever is told what the broker says; all of these are called on the loop and do not block."""

    def on_confirm(self, tag: int, multiple: bool, accepted: bool) -> None:
        """Take an ack (`accepted`) or a nack."""

    def on_returned(self, returned: Returned) -> None:
        """Take a message that no queue took; its ack comes after it."""

    def on_blocked(self, alarm: str | None) -> None:
        """Take an alarm, or its end."""

    def on_lost(self, reason: AmqptoolError) -> None:
        """Take the end of the channel; nothing more will be heard of what is in flight."""


class Session:
    """A channel that is trusted until it is lost; then it is never used again, though its connection may be."""

    def __init__(self, connection: Connection, listener: Listener) -> None:
        self.connection = connection
        self.is_lost = True
        self.channel: Channel
        self._listener = listener
        connection.on_blocked = self._on_blocked

    @classmethod
    async def open(cls, hosts: Hosts, listener: Listener) -> Session:
        """Connect to one of the hosts; see `connect_to_any` for the errors."""
        session = cls(await connect_to_any(hosts, name="amqptool publish"), listener)
        try:
            await session.renew()
        except BaseException:
            session.connection.abandon()
            raise
        return session

    async def renew(self) -> None:
        """Open a new channel in place of the lost one.

        Raises:
            BrokerUnavailable: the connection is lost too, or nothing answers.
        """
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                channel = await self.connection.channel()
                await channel.select_confirms(self._on_confirm, self._on_returned)
        except TimeoutError:
            raise BrokerUnavailable(f"{self.connection.url.address}: no channel in time") from None
        self.channel = channel
        self.is_lost = False
        channel.closed.add_done_callback(lambda closed: self._on_closed(channel, closed.result()))

    def hang_up(self) -> None:
        """Drop the connection, because what it says can no longer be believed; nobody is told."""
        self.is_lost = True
        self.connection.abandon()

    def _on_closed(self, channel: Channel, reason: AmqptoolError) -> None:
        if channel is self.channel and not self.is_lost:
            self.is_lost = True
            self._listener.on_lost(reason)

    def _on_confirm(self, tag: int, multiple: bool, accepted: bool) -> None:
        if not self.is_lost:
            self._listener.on_confirm(tag, multiple, accepted)

    def _on_returned(self, returned: Returned) -> None:
        if not self.is_lost:
            self._listener.on_returned(returned)

    def _on_blocked(self, alarm: str | None) -> None:
        if not self.is_lost:
            self._listener.on_blocked(alarm)
