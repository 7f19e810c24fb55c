"""How consumers take their messages, as far as the broker shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amqptool.broker.doctor.health import numbers_of
from amqptool.broker.doctor.step import Step
from amqptool.broker.doctor.words import counted, listed

if TYPE_CHECKING:
    from amqptool.broker.management import Management

#: The first in which a consumer timeout is a matter of quorum queues, and no longer of channels.
_TIMEOUT_OF_QUEUES = (4, 3)
_CLOSED = "by default RabbitMQ closes the channel where a message is un-acked for 30 minutes (consumer_timeout)"
_CANCELLED = "by default a quorum queue ends the consumer where a message is un-acked for 30 minutes (consumer_timeout)"
# RabbitMQ 4.3 refuses a global one for any queue.
_PREFETCH = (
    "set a prefetch for each consumer (basic.qos; quorum queues refuse a global one): without, one is sent all that"
    " there is, of a quorum queue 2,000 messages, and the others nothing of it"
)
_OWN = " of this user, and those of others are only seen with the tag monitoring"


async def check_consumers(management: Management, vhost: str, version: str) -> Step:
    """Look for consumers without a prefetch, and tell of the consumer timeout; the API may hide those of others."""
    query = {"columns": "queue.name,ack_required,prefetch_count,channel_details.name"}
    consumers = await management.get(f"list the consumers of vhost {vhost!r}", "consumers", vhost, query=query)
    without = [each for each in consumers if each.get("ack_required") and not each.get("prefetch_count")]
    limits = await _channel_limits(management, vhost) if without else {}
    greedy = sorted({each["queue"]["name"] for each in without if limits.get(_channel(each)) == 0})
    told = counted(len(consumers), "consumer") + ("" if await _sees_all(management) else _OWN)
    if greedy:
        told += f"; without a prefetch of their own at {listed([f'queue {name!r}' for name in greedy])}"
        return Step(name="consumers", state="warning", told=told, advice=_PREFETCH)
    timeout = _CANCELLED if (numbers_of(version) or ()) >= _TIMEOUT_OF_QUEUES else _CLOSED
    return Step(name="consumers", told=f"{told}; {timeout}")


async def _sees_all(management: Management) -> bool:
    """Whether the user is shown what others do."""
    tags = (await management.get("read the user's tags", "whoami")).get("tags", ())
    return "monitoring" in tags or "administrator" in tags


async def _channel_limits(management: Management, vhost: str) -> dict[str, int]:
    """Return how many messages each channel allows its consumers together, 0 being no limit.

    RabbitMQ 4, where such a limit is deprecated, does not tell it: there it is 0. Left out are channels that tell of
    no consumer yet: for up to five seconds, what they tell is nothing, or from before their limit was set.
    """
    doing, query = f"list the channels of vhost {vhost!r}", {"columns": "name,consumer_count,global_prefetch_count"}
    channels = await management.get(doing, "vhosts", vhost, "channels", query=query)
    # A channel tells all its figures at once, and RabbitMQ may have ceased to have this one.
    return {each["name"]: each.get("global_prefetch_count", 0) for each in channels if each.get("consumer_count")}


def _channel(consumer: dict[str, Any]) -> str:
    """Return the name of a consumer's channel, or '' for one without, as over AMQP 1.0, where it has other limits."""
    details = consumer.get("channel_details")
    return str(details.get("name", "")) if isinstance(details, dict) else ""
