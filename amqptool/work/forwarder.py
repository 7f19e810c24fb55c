"""Sending copies of failed messages on, each confirmed before its original is acknowledged."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from amqptool.broker.amqp import connect
from amqptool.errors import AccessRefused, AmqptoolError, InputError, Unroutable
from amqptool.publish.publisher import Publisher
from amqptool.publish.reopening import ReopeningPublisher
from amqptool.work.copies import without_details

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amqptool.broker.amqp import Connection
    from amqptool.broker.discovery import Where
    from amqptool.message import FieldValue, Message
    from amqptool.settings.url import AmqpUrl
    from amqptool.work.ladder import Ladder

log = logging.getLogger(__name__)


class Forwarder:
    """A publisher of its own for the copies of one ladder, opened with the first of them."""

    def __init__(self, where: Where, ladder: Ladder) -> None:
        self.ladder = ladder
        self._publisher = ReopeningPublisher(lambda: Publisher(where, trace=False))
        # How often the queues were declared again, by one copy for all that found them gone.
        self._declared = 0
        self._declaring = asyncio.Lock()

    async def send(self, message: Message) -> None:
        """Send a copy and wait for its confirm.

        Raises:
            AmqptoolError: it was not confirmed, so its original must not be acknowledged.
        """
        try:
            await self._publish(message)
        except InputError:  # no room for all its headers, or else it raises again
            await self._publish(without_details(message))

    async def _publish(self, message: Message) -> None:
        publisher = await self._publisher.opened()
        declared = self._declared
        try:
            await publisher.publish(message)
        except Unroutable:  # somebody has deleted the queue
            async with self._declaring:
                if declared == self._declared:
                    await self._declare(publisher.url)
            await publisher.publish(message)

    async def _declare(self, url: AmqpUrl) -> None:
        async with connect(url, name=f"amqptool consume {self.ladder.queue}") as connection:
            await declare_ladder(connection, self.ladder)
        self._declared += 1

    async def close(self) -> None:
        """Close the connection; what is not confirmed by then is not waited for."""
        await self._publisher.close(settle=False)


async def declare_ladder(connection: Connection, ladder: Ladder) -> None:
    """Declare a ladder's queues; nothing if it has none.

    Raises:
        BrokerError: one of them is there with other properties, or cannot be declared.
    """
    for name, arguments in ladder.queues().items():
        await _declare(connection, name, arguments, must_be_alike=name != ladder.dead_letter)


async def _declare(
    connection: Connection, name: str, arguments: Mapping[str, FieldValue], *, must_be_alike: bool
) -> None:
    if not must_be_alike and await _is_there(connection, name):
        return  # a dead-letter queue of the user's own making
    channel = await connection.channel()
    try:
        await channel.declare_queue(name, arguments=arguments)
    except AccessRefused:
        if not await _is_there(connection, name):
            raise


async def _is_there(connection: Connection, name: str) -> bool:
    channel = await connection.channel()  # which a refusal closes
    try:
        await channel.check_queue(name)
    except AmqptoolError as error:
        log.debug("%s", error)
        return False
    return True
