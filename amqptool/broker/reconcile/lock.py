"""One at a time: whoever deletes and replaces in a vhost does so alone."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from amqptool.broker.amqp import connect
from amqptool.errors import AccessRefused, InUse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from amqptool.broker.amqp import Connection
    from amqptool.settings.url import AmqpUrl

#: An exclusive queue: the broker gives it to one connection, and takes it away when that ends, however it ends.
LOCK = "amqptool.lock"
#: Seconds to wait for whoever has the lock, and between two attempts.
PATIENCE, PAUSE = 60.0, 0.1

_RESOURCE_LOCKED = 405


@asynccontextmanager
async def alone(url: AmqpUrl, vhosts: Iterable[str]) -> AsyncIterator[None]:
    """Hold the locks of some vhosts for the length of a block.

    Raises:
        InUse: somebody else has held one for too long.
        BrokerUnavailable: the broker cannot be reached.
        AccessRefused: the broker refused the credentials or a vhost.
    """
    async with AsyncExitStack() as stack:
        for vhost in sorted(vhosts):  # in one order, so that no two wait for each other
            connection = await stack.enter_async_context(connect(replace(url, vhost=vhost), name="amqptool lock"))
            if not await take(connection, LOCK, PATIENCE):
                message = (
                    f"another amqptool has been deleting or replacing in vhost {connection.url.vhost!r} for too long"
                )
                raise InUse(message)
        yield


async def take(connection: Connection, lock: str, patience: float) -> bool:
    """Take a lock for as long as the connection lives; return False if somebody else has it for too long."""
    try:
        async with asyncio.timeout(patience):
            while True:
                if await _taken(connection, lock):
                    return True
                await asyncio.sleep(PAUSE)
    except TimeoutError:
        return False


async def _taken(connection: Connection, lock: str) -> bool:
    channel = await connection.channel()
    try:
        await channel.declare_queue(lock, durable=False, exclusive=True, arguments={"x-queue-type": "classic"})
    except AccessRefused as error:
        # A user who may not declare the lock does without it: the broker still does one thing after another.
        return error.reply_code != _RESOURCE_LOCKED
    return True
