"""Whether a queue is in use: does it hold messages, ready or un-acked, or have consumers?

Nothing here lags behind, although the management API's statistics do, by up to ten seconds:

- ready messages and consumers are asked over AMQP, by a passive declare;
- un-acked messages of a classic queue are asked of the queue itself: with `disable_stats` and
  `enable_queue_totals` the management API asks the queues' processes instead of its own records;
- a quorum queue counts among its consumers whoever holds un-acked messages, also after `basic.cancel` and after
  `basic.get`. Without consumers, there are none. (Its totals do lag, by the queue's tick of five seconds.)

Only a stream tells late what it holds, over either protocol: it never counts as free.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amqptool.errors import AccessRefused, InUse, NotFound, PreconditionFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from amqptool.broker.amqp import Channel, Connection, QueueCounts
    from amqptool.broker.management import Management

_INTERRUPTED = "it was free, but messages or a consumer came just before it was to be deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    """What is in a queue, and who is at it."""

    ready: int
    consumers: int
    #: None: it could not be asked, for want of the management API.
    unacked: int | None
    #: classic, quorum, stream; empty where it could not be asked.
    queue_type: str = ""

    @property
    def is_free(self) -> bool:
        """Whether the queue surely holds nothing and nobody consumes from it."""
        return not self.ready and not self.consumers and self.unacked == 0 and self.queue_type != "stream"

    def __str__(self) -> str:
        messages = self.ready + (self.unacked or 0)
        unacked = f" ({self.unacked:,} of them un-acked)" if self.unacked else ""
        told = [f"holds {_counted(messages, 'message')}{unacked}"] if messages else []
        told += [f"has {_counted(self.consumers, 'consumer')}"] if self.consumers else []
        if self.queue_type == "stream":
            told += [] if messages else ["may hold messages: a stream tells late what it holds"]
        elif self.unacked is None:
            told += ["may hold un-acked messages"]
        return " and ".join(told) or "is empty and has no consumers"


async def occupancies(
    connection: Connection, management: Management | None, queues: Iterable[str]
) -> dict[str, Occupancy]:
    """Ask about queues of the connection's vhost.

    Left out are queues that do not exist, and exclusive ones of other connections, which nobody else can touch.

    Raises:
        AccessRefused: the user may not use the management API.
        BrokerUnavailable: the broker or the management API cannot be reached.
    """
    counts = await _counts(connection, queues)
    totals = {} if management is None else await _totals(management, connection.url.vhost)
    return {name: _occupancy(count, totals.get(name, {})) for name, count in counts.items()}


async def delete_free(channel: Channel, queue: str, occupancy: Occupancy) -> None:
    """Delete a queue that is free, and was so when it was asked a moment ago.

    Of a classic queue the broker itself makes sure of that; any other is asked again right before it is deleted.

    Raises:
        InUse: it is not free.
    """
    if not occupancy.is_free:
        raise InUse(f"it {occupancy}")
    is_classic = occupancy.queue_type == "classic"
    try:
        if not is_classic:
            counts = await channel.check_queue(queue)
            if counts.ready or counts.consumers:
                raise InUse(_INTERRUPTED)
        await channel.delete_queue(queue, if_idle=is_classic)
    except PreconditionFailed as error:
        raise InUse(_INTERRUPTED) from error
    except NotFound:
        return  # somebody else has deleted it


async def _counts(connection: Connection, queues: Iterable[str]) -> dict[str, QueueCounts]:
    counts: dict[str, QueueCounts] = {}
    channel: Channel | None = None
    for name in queues:
        if channel is None or not channel.is_open:
            channel = await connection.channel()
        try:
            counts[name] = await channel.check_queue(name)
        except NotFound:
            continue
        except AccessRefused as error:
            if error.reply_code != 405:  # RESOURCE_LOCKED
                raise
    if channel is not None and channel.is_open:
        await channel.close()  # who asks again and again would run out of them
    return counts


async def _totals(management: Management, vhost: str) -> dict[str, Mapping[str, Any]]:
    return {queue["name"]: queue for queue in await management.queues(vhost)}


def _occupancy(counts: QueueCounts, totals: Mapping[str, Any]) -> Occupancy:
    kind = totals.get("type")
    unacked = totals.get("messages_unacknowledged")
    if kind == "quorum" and not counts.consumers:
        unacked = 0
    # The totals are the younger ones, and a message may have become ready in between.
    ready = max(counts.ready, totals.get("messages_ready", 0) if kind == "classic" else 0)
    return Occupancy(ready=ready, consumers=counts.consumers, unacked=unacked, queue_type=kind or "")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
