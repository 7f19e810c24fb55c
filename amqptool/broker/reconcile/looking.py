"""What AMQP alone tells of what is there: whether an exchange or a queue of a name exists, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from amqptool.broker.amqp import connect
from amqptool.broker.lanes import in_lanes
from amqptool.errors import AccessRefused, AmqptoolError, NotFound
from amqptool.topology.diff import Action, Change, Plan
from amqptool.topology.diff.identity import by_vhost, end_of, ends_of
from amqptool.topology.model import Binding, Exchange, Queue

if TYPE_CHECKING:
    from amqptool.broker.amqp import Channel, Connection
    from amqptool.settings.url import AmqpUrl
    from amqptool.topology.diff.identity import End
    from amqptool.topology.model import Topology, TopologyObject

#: What a plan over AMQP alone leaves open.
UNKNOWN = (
    "AMQP alone does not tell whether the exchanges and queues that exist have the properties of the file, "
    "which bindings and policies there are, and what else is there; the management API does"
)

_RESOURCE_LOCKED = 405


async def look(url: AmqpUrl, topology: Topology) -> Plan:
    """Return what surely has to be created, by passive declares, which change nothing and take no permission.

    Raises:
        BrokerUnavailable: the broker cannot be reached.
        AccessRefused: the broker refused the credentials or a vhost.
    """
    changes: list[Change] = []
    unknown: list[TopologyObject] = []
    for vhost, part in by_vhost(topology, url.vhost).items():
        async with connect(replace(url, vhost=vhost), name="amqptool plan") as connection:
            missing = await _missing(connection, [*part.exchanges, *part.queues])
        things: list[Exchange | Queue | Binding] = [*part.exchanges, *part.queues, *part.bindings]
        for thing in things:
            if missing.isdisjoint(_parts(thing, vhost)):
                unknown.append(thing)
            else:
                changes.append(Change(action=Action.CREATE, after=replace(thing, vhost=vhost)))
        unknown += part.policies
    return Plan(changes=tuple(changes), unknown=tuple(unknown))


async def _missing(connection: Connection, things: list[Exchange | Queue]) -> set[End]:
    """Return what does not exist.

    Raises:
        AmqptoolError: something else was the matter.
    """
    missing: set[End] = set()
    for thing, error in zip(things, await in_lanes(connection, things, _check), strict=True):
        if isinstance(error, NotFound):
            missing.add(end_of(thing, connection.url.vhost))
        elif isinstance(error, AmqptoolError) and not _is_locked(error):
            raise error
    return missing


async def _check(channel: Channel, thing: Exchange | Queue) -> None:
    if isinstance(thing, Queue):
        await channel.check_queue(thing.name)
    else:
        await channel.check_exchange(thing.name)


def _is_locked(error: AmqptoolError) -> bool:
    """Return whether it is a queue that exists, but is exclusive to another connection."""
    return isinstance(error, AccessRefused) and error.reply_code == _RESOURCE_LOCKED


def _parts(thing: Exchange | Queue | Binding, vhost: str) -> tuple[End, ...]:
    """Return what must exist for an object to be there."""
    return ends_of(thing, vhost) if isinstance(thing, Binding) else (end_of(thing, vhost),)
