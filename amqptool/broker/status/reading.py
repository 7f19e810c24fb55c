"""Asking for the figures of queues: all that there are at the management API, a few over AMQP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from amqptool.broker.status.queue import QueueStatus
from amqptool.errors import AccessRefused, ManagementError, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from amqptool.broker.amqp import Channel, Connection
    from amqptool.broker.management import Management
    from amqptool.broker.status.choice import QueueChoice

#: Up to so many queues are asked for one by one, which is faster than to go through thousands.
_FEW = 20
#: What makes a message leave for good.
_LEAVING = ("ack", "deliver_no_ack", "get_no_ack")
_RATES = ("publish", *_LEAVING)
# The whole answer is ten times as large, and takes the broker twice as long.
_COLUMNS = ",".join(
    [
        *("name", "state", "consumers", "messages_ready", "messages_unacknowledged", "message_bytes"),
        "head_message_timestamp",
        *(f"message_stats.{each}_details.rate" for each in _RATES),
    ]
)


async def read_queues(management: Management, vhost: str, choice: QueueChoice) -> list[QueueStatus]:
    """Return the queues that are meant, the deepest first.

    The broker samples the figures every 5 seconds; a queue that is younger than that shows none.

    Raises:
        AccessRefused: the user may not use the management API, or there is no such vhost.
        BrokerUnavailable: the management API cannot be reached.
    """
    few = choice.is_names and len(choice.patterns) <= _FEW
    found = await (_each(management, vhost, choice.patterns) if few else _all(management, vhost))
    return deepest_first(_status(each) for each in found if choice.takes(each["name"]))


async def counted_queues(connection: Connection, names: Iterable[str]) -> list[QueueStatus]:
    """Return what AMQP alone tells of queues, the deepest first: ready messages and consumers, exactly.

    Queues that do not exist are left out.

    Raises:
        AccessRefused: one is exclusive to another connection.
        BrokerUnavailable: the connection was lost.
    """
    found: list[QueueStatus] = []
    channel: Channel | None = None
    for name in dict.fromkeys(names):
        if channel is None or not channel.is_open:
            channel = await connection.channel()
        try:
            counts = await channel.check_queue(name)
        except NotFound:
            continue
        found.append(QueueStatus(name=name, ready=counts.ready, consumers=counts.consumers))
    return deepest_first(found)


def deepest_first(queues: Iterable[QueueStatus]) -> list[QueueStatus]:
    """Return queues by how many messages they hold, those that hold as many by name."""
    return sorted(queues, key=lambda queue: (-(queue.depth or 0), queue.name))


async def _all(management: Management, vhost: str) -> list[dict[str, Any]]:
    doing = f"read the queues of vhost {vhost!r}"
    try:
        found = await management.get(doing, "queues", vhost, query={"columns": _COLUMNS})
    except ManagementError as error:
        if error.reply_code == 404:
            raise _no_vhost(vhost) from error
        raise
    if not isinstance(found, list):
        raise management.foreign(doing)
    return found


async def _each(management: Management, vhost: str, names: Sequence[str]) -> list[dict[str, Any]]:
    found = await asyncio.gather(*(_one(management, vhost, name) for name in dict.fromkeys(names)))
    if None in found and vhost not in [each["name"] for each in await management.vhosts()]:
        raise _no_vhost(vhost)
    return [queue for queue in found if queue is not None]


async def _one(management: Management, vhost: str, name: str) -> dict[str, Any] | None:
    try:
        queue = await management.get(f"read queue {name!r}", "queues", vhost, name, query={"columns": _COLUMNS})
    except ManagementError as error:
        if error.reply_code == 404:
            return None
        raise
    if not isinstance(queue, dict):
        raise management.foreign(f"read queue {name!r}")
    return queue


def _no_vhost(vhost: str) -> AccessRefused:
    return AccessRefused(f"cannot read the queues of vhost {vhost!r}: there is no such vhost")


def _status(queue: dict[str, Any]) -> QueueStatus:
    # Of a queue whose node is away there are a name and a state; of an idle one there are counts, and no rates.
    timestamp, ready = queue.get("head_message_timestamp"), queue.get("messages_ready")
    statistics = queue.get("message_stats") or {}
    rates = {each: (statistics.get(f"{each}_details") or {}).get("rate", 0.0) for each in _RATES}
    return QueueStatus(
        name=queue["name"],
        ready=ready,
        unacked=queue.get("messages_unacknowledged"),
        consumers=queue.get("consumers"),
        size=queue.get("message_bytes"),
        incoming=None if ready is None else rates["publish"],
        outgoing=None if ready is None else sum(rates[each] for each in _LEAVING),
        head_timestamp=timestamp if isinstance(timestamp, int) else None,
        state=queue.get("state", ""),
    )
