"""What a broker tells about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amqptool.broker.doctor.step import Step, failed, not_asked
from amqptool.broker.doctor.words import counted, listed
from amqptool.errors import AccessRefused, BrokerBlocked, BrokerError, ConfigError, ManagementError

if TYPE_CHECKING:
    from amqptool.broker.management import Management
    from amqptool.errors import AmqptoolError

#: The first with at-least-once dead-lettering of quorum queues.
_ENOUGH = (3, 10)
_OLD = "quorum queues cannot dead-letter at least once before 3.10, so retries and dead letters may be lost: upgrade"
_START = (
    "start it (`rabbitmqctl start_app`), or, if it is gone for good, `rabbitmqctl forget_cluster_node NODE` elsewhere"
)
_FREE = "free memory or disk there, or raise the limit; publishers wait until then"


def numbers_of(version: str) -> tuple[int, ...] | None:
    """Return the first two numbers of a version, or None if it has none."""
    parts = version.split(".")[:2]
    return tuple(map(int, parts)) if len(parts) == 2 and all(part.isdecimal() for part in parts) else None


def check_version(version: str) -> Step:
    """Say whether the broker is new enough."""
    numbers = numbers_of(version)
    if numbers is None:
        return not_asked("version", f"the broker calls its version {version!r}")
    if numbers < _ENOUGH:
        return Step(name="version", state="warning", told=f"RabbitMQ {version}", advice=_OLD)
    return Step(name="version", told=f"RabbitMQ {version}")


async def check_nodes(management: Management) -> Step:
    """Look for nodes of the cluster that do not run."""
    try:
        nodes = await management.get("list the nodes", "nodes", query={"columns": "name,running"}, tag="monitoring")
    except AccessRefused as error:
        return not_asked("nodes", str(error))
    stopped = sorted(node["name"] for node in nodes if not node.get("running"))
    if stopped:
        told = f"{len(stopped):,} of {len(nodes):,} stopped, or cut off from the others: {listed(stopped)}"
        return Step(name="nodes", state="warning", told=told, advice=_START)
    return Step(name="nodes", told=f"{counted(len(nodes), 'node')}, running")


async def check_alarms(management: Management) -> Step:
    """Look for nodes that take no messages."""
    columns = {"columns": "name,running,mem_alarm,disk_free_alarm"}
    try:
        nodes = await management.get("read the alarms", "nodes", query=columns, tag="monitoring")
    except AccessRefused as error:
        return not_asked("alarms", str(error))
    running = [node for node in nodes if node.get("running")]
    blocked = [f"{node['name']} has {what}" for node in running if (what := _alarm(node))]
    if blocked:
        return failed("alarms", BrokerBlocked(f"publishing is blocked: {listed(blocked)}"), _FREE)
    return Step(name="alarms", told=f"none on {counted(len(running), 'node')}")


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
        return Step(name="deprecated", state="warning", told=f"in use: {listed(names)}", advice=advice)
    return Step(name="deprecated", told="no feature is in use that will go")


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
