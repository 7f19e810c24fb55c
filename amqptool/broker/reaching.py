"""Waiting for a broker that is not there yet."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from amqptool.broker.amqp import Hosts, any_of
from amqptool.errors import BrokerUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.broker.management import Management
    from amqptool.settings.url import AmqpUrl

#: Seconds between two attempts.
PAUSE = 0.5


async def reach(urls: Sequence[AmqpUrl], management: Management | None, seconds: float) -> None:
    """Return when one of the brokers can be reached, and its management API, where that is given.

    Raises:
        BrokerUnavailable: it could not be reached in time.
        AccessRefused: the broker refused the credentials or the vhost.
    """
    hosts = Hosts(urls)
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            async with any_of(hosts):
                if management is not None:
                    await management.cluster_name()
                return
        except BrokerUnavailable:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                raise
            await asyncio.sleep(min(PAUSE, left))
