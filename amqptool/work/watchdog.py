"""Noticing a consumer of which the broker knows nothing any more, as after some failures of a cluster."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from amqptool.errors import BrokerUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.broker.amqp import Connection

log = logging.getLogger(__name__)

#: Seconds without a delivery after which the broker is asked.
INTERVAL = 10.0


async def watch(connection: Connection, queue: str, last_activity: Callable[[], float], interval: float) -> None:
    """Look, as long as nothing comes, whether the broker still counts a consumer of the queue.

    Of a stream it never counts any; then this returns at once.

    Raises:
        BrokerError: it does not, or the connection was lost.
    """
    channel = await connection.channel()
    if not (await channel.check_queue(queue)).consumers:
        return
    while True:
        looked = asyncio.get_running_loop().time()
        await asyncio.sleep(interval)
        if last_activity() > looked:
            continue
        counts = await channel.check_queue(queue)
        if not counts.consumers:
            raise BrokerUnavailable(f"connected, but the broker knows of no consumer of queue {queue!r}")
        if counts.ready:
            log.info("queue %r: %d messages are ready, and none comes: others may go first", queue, counts.ready)
