"""Deleting the ready messages of queues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from amqptool.broker.amqp import Hosts, any_of
from amqptool.broker.amqp.topology import check_name
from amqptool.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from amqptool.broker.amqp import Channel, Connection
    from amqptool.broker.discovery import Where
    from amqptool.errors import AmqptoolError


@dataclass(frozen=True, slots=True)
class Purged:
    """What became of one queue."""

    queue: str
    #: Messages that were ready, and are gone; None if it failed.
    count: int | None = None
    error: AmqptoolError | None = None


async def purge(where: Where, queues: Iterable[str]) -> list[Purged]:
    """Delete the ready messages of queues; one that fails does not keep the rest from it.

    Raises:
        InputError: no queue can have one of the names; nothing is deleted.
        BrokerUnavailable: no broker can be reached; later on, that is what became of the rest.
        AccessRefused: the broker refused the credentials or the vhost.
    """
    hosts, names = Hosts(where), list(queues)
    for name in names:
        check_name("queue", name)
    outcomes: list[Purged] = []
    while left := names[len(outcomes) :]:  # a stream ends the connection
        try:
            async with any_of(hosts) as connection:
                await _purge_over(connection, left, outcomes)
        except BrokerError as error:
            if not outcomes:
                raise
            return [*outcomes, *(Purged(queue, error=error) for queue in names[len(outcomes) :])]
    return outcomes


async def _purge_over(connection: Connection, queues: Sequence[str], outcomes: list[Purged]) -> None:
    """Purge queues until the connection ends, adding what becomes of each."""
    channel: Channel | None = None
    for queue in queues:
        if not connection.is_open:
            break
        if channel is None or not channel.is_open:
            channel = await connection.channel()
        outcomes.append(await _purge(channel, queue))


async def _purge(channel: Channel, queue: str) -> Purged:
    try:
        return Purged(queue, await channel.purge_queue(queue))
    except BrokerError as error:
        return Purged(queue, error=error)
