"""Whether several brokers tell the same name of their cluster, by which the ids of a queue are known."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from amqptool.broker.amqp import Connection
from amqptool.errors import AmqptoolError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.settings.url import AmqpUrl

#: Seconds that a host gets to answer.
_TIMEOUT = 5.0


async def check_one_cluster(urls: Sequence[AmqpUrl]) -> None:
    """Check that all hosts that answer tell the same name of their cluster.

    Until the name of a cluster is set, each of its nodes tells one of its own, made of the node's (rabbitmqctl(8),
    set_cluster_name).

    Raises:
        ConfigError: two tell different names.
    """
    names = await asyncio.gather(*map(_name, urls))
    told = {name: url.address for url, name in zip(urls, names, strict=True) if name is not None}
    if len(told) > 1:
        listed = ", ".join(f"{address} calls it {name!r}" for name, address in sorted(told.items()))
        raise ConfigError(
            f"the hosts tell different names of their cluster ({listed}), so that what is done on one is not known on "
            "the other; set the cluster's name (rabbitmqctl set_cluster_name), or give a dedup scope"
        )


async def _name(url: AmqpUrl) -> str | None:
    try:
        connection = await Connection.open(url, timeout=_TIMEOUT)
    except AmqptoolError:  # the worker does without it too
        return None
    try:
        return connection.cluster_name
    finally:
        await connection.close()
