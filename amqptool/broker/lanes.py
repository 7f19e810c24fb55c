"""Doing many things at the same time on one connection, where any of them may close its channel."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, TypeVar

from amqptool.errors import AmqptoolError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from amqptool.broker.amqp import Channel, Connection

T = TypeVar("T")
R = TypeVar("R")

#: Channels that work at the same time. An error closes its channel, so each does one thing at a time.
LANES = 16


async def in_lanes(
    connection: Connection, things: Sequence[T], work: Callable[[Channel, T], Awaitable[R]]
) -> list[R | AmqptoolError]:
    """Do something to each thing, in no particular order; return the results, or errors, in that of `things`."""
    results: dict[int, R | AmqptoolError] = {}
    waiting = deque(enumerate(things))
    async with asyncio.TaskGroup() as lanes:
        for _ in range(min(LANES, len(things))):
            lanes.create_task(_lane(connection, waiting, work, results))
    return [results[position] for position in range(len(things))]


async def _lane(
    connection: Connection,
    waiting: deque[tuple[int, T]],
    work: Callable[[Channel, T], Awaitable[R]],
    results: dict[int, R | AmqptoolError],
) -> None:
    channel: Channel | None = None
    while waiting:
        position, thing = waiting.popleft()
        try:
            if channel is None or not channel.is_open:
                channel = await connection.channel()
            results[position] = await work(channel, thing)
        except AmqptoolError as error:
            results[position] = error
