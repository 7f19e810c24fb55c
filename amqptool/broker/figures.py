"""What the queues of a running broker hold, and what flows through them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from amqptool.topology.draw.graph import Figures

if TYPE_CHECKING:
    from collections.abc import Iterable

    from amqptool.broker.management import Management


async def read_figures(management: Management, vhosts: Iterable[str]) -> dict[tuple[str | None, str], Figures]:
    """Return the figures of all queues of some vhosts, by vhost and name.

    The broker samples them every 5 seconds; a queue that is younger than that has no rates.

    Raises:
        AccessRefused: the user may not use the management API.
        BrokerUnavailable: the management API cannot be reached.
        ManagementError: there is no such vhost.
    """
    names = tuple(vhosts)
    lists = await asyncio.gather(*map(management.queue_rates, names))
    return {
        (vhost, each["name"]): _figures(each) for vhost, queues in zip(names, lists, strict=True) for each in queues
    }


def _figures(queue: dict[str, Any]) -> Figures:
    statistics = queue.get("message_stats") or {}
    return Figures(
        ready=queue.get("messages_ready", 0),
        unacked=queue.get("messages_unacknowledged", 0),
        published=_rate(statistics, "publish"),
        delivered=_rate(statistics, "deliver_get"),
    )


def _rate(statistics: dict[str, Any], what: str) -> float | None:
    rate = (statistics.get(f"{what}_details") or {}).get("rate")
    return None if rate is None else float(rate)
