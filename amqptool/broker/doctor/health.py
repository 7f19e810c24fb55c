"""What a broker tells about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amqptool.broker.doctor.step import Step, failed, not_asked
from amqptool.errors import AccessRefused, BrokerBlocked, BrokerError, ConfigError, ManagementError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.broker.management import Management
    from amqptool.errors import AmqptoolError

#: The first with at-least-once dead-lettering of quorum queues.
_ENOUGH = (3, 10)
_OLD = "quorum queues cannot dead-letter at least once before 3.10, so retries and dead letters may be lost: upgrade"
_TIMEOUT = "by default RabbitMQ takes a message back that is un-acked for 30 minutes (consumer_timeout)"
_PREFETCH = "set a prefetch (basic.qos): without, one consumer is sent all that there is, and the others nothing"
_FREE = "free memory or disk there, or raise the limit; publishers wait until then"
#: So many names are shown.
_NAMED = 5


def check_version(version: str) -> Step:
    """Say whether the broker is new enough."""
    parts = version.split(".")[:2]
    if not all(part.isdecimal() for part in parts) or len(parts) < 2:
        return not_asked("version", f"the broker calls its version {version!r}")
    if tuple(map(int, parts)) < _ENOUGH:
        return Step(name="version", state="warning", told=f"RabbitMQ {version}", advice=_OLD)
    return Step(name="version", told=f"RabbitMQ {version}")


async def check_alarms(management: Management) -> Step:
    """Look for nodes that take no messages."""
    columns = {"columns": "name,running,mem_alarm,disk_free_alarm"}
    try:
        nodes = await management.get("read the alarms", "nodes", query=columns, tag="monitoring")
    except AccessRefused as error:
        return not_asked("alarms", str(error))
    blocked = [f"{node['name']} has {what}" for node in nodes if (what := _alarm(node))]
    if blocked:
        return failed("alarms", BrokerBlocked(f"publishing is blocked: {_named(blocked)}"), _FREE)
    return Step(name="alarms", told=f"none on {len(nodes)} node{'' if len(nodes) == 1 else 's'}")


async def check_deprecated(management: Management) -> Step:
    """Look for features in use that later versions do not have."""
    try:
        used = await management.get("read the deprecated features", "deprecated-features", "used", tag="monitoring")
    except AccessRefused as error:
        return not_asked("deprecated", str(error))
    except ManagementError as error:
        if error.reply_code != 404:
            raise
        return not_asked("deprecated", "this version does not tell")
    names = [str(feature.get("name")) for feature in used]
    if names:
        advice = "https://www.rabbitmq.com/docs/deprecated-features says what to use instead"
        return Step(name="deprecated", state="warning", told=f"in use: {_named(names)}", advice=advice)
    return Step(name="deprecated", told="no feature is in use that will go")


async def check_consumers(management: Management, vhost: str) -> Step:
    """Look for consumers without a prefetch, and tell of the consumer timeout."""
    query = {"columns": "queue.name,ack_required,prefetch_count"}
    consumers = await management.get(f"list the consumers of vhost {vhost!r}", "consumers", vhost, query=query)
    greedy = sorted({each["queue"]["name"] for each in consumers if _is_greedy(each)})
    counted = f"{len(consumers):,} consumer{'' if len(consumers) == 1 else 's'}"
    if greedy:
        told = f"{counted}, without a prefetch at {_named([f'queue {name!r}' for name in greedy])}"
        return Step(name="consumers", state="warning", told=told, advice=_PREFETCH)
    return Step(name="consumers", told=f"{counted}; {_TIMEOUT}")


async def check_management(management: Management, *, named: bool) -> Step:
    """Say whether the management API can be used; that it cannot is a failure if somebody has `named` its address."""
    try:
        await management.cluster_name()
    except (BrokerError, ConfigError) as error:
        return no_management(error, named=named)
    return Step(name="management", told="answers")


def no_management(error: AmqptoolError, *, named: bool) -> Step:
    """Return the step of an API that cannot be used."""
    if named:
        return failed("management", error, "check the address, the plugin rabbitmq_management, and the user's tag")
    return not_asked("management", str(error))


def _alarm(node: dict[str, Any]) -> str:
    kinds = {"mem_alarm": "a memory alarm", "disk_free_alarm": "a disk alarm"}
    return " and ".join(words for key, words in kinds.items() if node.get(key))


def _is_greedy(consumer: dict[str, Any]) -> bool:
    return bool(consumer.get("ack_required")) and not consumer.get("prefetch_count")


def _named(names: Sequence[str]) -> str:
    more = f", and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
