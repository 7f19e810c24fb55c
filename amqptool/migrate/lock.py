"""One migration of a queue at a time, and none while others delete and replace in its vhost."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from amqptool.broker.reconcile.lock import alone, take
from amqptool.errors import InUse
from amqptool.migrate.temporary import lock_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from amqptool.broker.amqp import Connection

#: Seconds to wait for the lock of a migration that has just died.
PATIENCE = 5.0


@asynccontextmanager
async def only_migration(connection: Connection, queue: str) -> AsyncIterator[None]:
    """Be the only one who migrates a queue, for the length of a block.

    Raises:
        InUse: another migration of it is running, or somebody deletes and replaces in the vhost for too long.
    """
    if not await take(connection, lock_name(queue), PATIENCE):
        raise InUse(f"another migration of queue {queue} is running")
    async with alone(connection.url, [connection.url.vhost]):
        yield
