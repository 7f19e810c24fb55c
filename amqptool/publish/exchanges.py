"""Looking for an exchange before anything is sent to it.

A publish to an exchange that does not exist closes its channel, and leaves in doubt whatever is in flight.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amqptool.broker.amqp import Channel, Connection


class Exchanges:
    """The exchanges that are known to exist; each is asked for once, however many publish to it."""

    def __init__(self) -> None:
        self.known = {""}
        self._lookups: dict[str, asyncio.Task[None]] = {}
        self._one_at_a_time = asyncio.Lock()
        self._channel: Channel | None = None
        self._connection: Connection | None = None
        #: Since when an answer is waited for.
        self.asked_at: float | None = None

    def forget(self, name: str) -> None:
        """Look for an exchange again before the next message is sent to it."""
        self.known.discard(name)

    async def find(self, name: str, connection: Connection) -> None:
        """Look for an exchange, on a channel of its own.

        Raises:
            NotFound: it does not exist.
            BrokerUnavailable: the connection was lost.
        """
        lookup = self._lookups.get(name)
        if lookup is None:
            lookup = self._lookups[name] = asyncio.create_task(self._look(name, connection))
            lookup.add_done_callback(lambda done: self._forget_lookup(name, done))
        # A caller who is cancelled must not leave the question on the channel for the next one to be answered.
        await asyncio.shield(lookup)

    async def _look(self, name: str, connection: Connection) -> None:
        async with self._one_at_a_time:
            self.asked_at = asyncio.get_running_loop().time()
            try:
                channel = await self._open_channel(connection)
                await channel.check_exchange(name)
            finally:
                self.asked_at = None
            self.known.add(name)

    async def _open_channel(self, connection: Connection) -> Channel:
        if self._channel is None or self._connection is not connection or not self._channel.is_open:
            self._connection, self._channel = connection, await connection.channel()
        return self._channel

    def _forget_lookup(self, name: str, done: asyncio.Task[None]) -> None:
        del self._lookups[name]
        if not done.cancelled():
            done.exception()  # whoever asked has it; if nobody waits any more, nobody is told
