"""Making a broker match a topology, object by object, and saying what came of each."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from amqptool.broker.amqp import connect
from amqptool.errors import AmqptoolError, PreconditionFailed
from amqptool.settings.url import as_url
from amqptool.topology.model import Binding, Exchange, Queue
from amqptool.topology.names import EXCHANGE_TYPES

if TYPE_CHECKING:
    from amqptool.broker.amqp import Channel, Connection
    from amqptool.settings.url import AmqpUrl
    from amqptool.topology.model import Topology

TopologyObject: TypeAlias = Exchange | Queue | Binding

#: Channels that declare at the same time. An error closes its channel, so each carries one object at a time.
LANES = 16

_CONFLICT = re.compile(r"inequivalent arg '(?P<name>[^']+)' for .* received (?P<file>.+) but current is (?P<broker>.+)")
_TYPED = re.compile(r"the value '(?P<value>.*)' of type '(?P<type>.*)'")


@dataclass(frozen=True, slots=True)
class Conflict:
    """What the broker has and the file does not (AMQP 406), in the broker's own spelling."""

    name: str
    file: str
    broker: str


@dataclass(frozen=True, slots=True)
class Declared:
    """One object, and why it could not be declared, if so."""

    object: TopologyObject
    error: AmqptoolError | None = None

    @property
    def conflict(self) -> Conflict | None:
        """The property that differs, when the object exists with other properties."""
        match = _CONFLICT.search(str(self.error)) if isinstance(self.error, PreconditionFailed) else None
        return Conflict(match["name"], _value(match["file"]), _value(match["broker"])) if match else None


async def declare(url: AmqpUrl | str, topology: Topology) -> list[Declared]:
    """Declare everything in a topology, exchanges first, then queues, then bindings.

    What cannot be declared does not keep the rest from it; declaring again changes nothing. Objects
    without a vhost of their own go to the URL's.

    Raises:
        BrokerUnavailable: the broker could not be reached in the first place.
        AccessRefused: the broker refused the credentials or a vhost.
    """
    url = as_url(url)
    outcomes: list[Declared] = []
    for vhost, things in _by_vhost(topology, url.vhost).items():
        try:
            async with connect(replace(url, vhost=vhost), name="amqptool declare") as connection:
                for kind in (Exchange, Queue, Binding):
                    outcomes += await _declare_kind(connection, [thing for thing in things if isinstance(thing, kind)])
        except AmqptoolError as error:
            if not outcomes:
                raise
            outcomes += [Declared(thing, error) for thing in things]
    return outcomes


def _by_vhost(topology: Topology, default: str) -> dict[str, list[TopologyObject]]:
    groups: dict[str, list[TopologyObject]] = {}
    things: list[TopologyObject] = [*topology.exchanges, *topology.queues, *topology.bindings]
    for thing in things:
        groups.setdefault(thing.vhost or default, []).append(thing)
    return groups or {default: []}


async def _declare_kind(connection: Connection, things: list[TopologyObject]) -> list[Declared]:
    """Declare objects that do not depend on each other."""
    outcomes = await _declare_together(connection, [thing for thing in things if not _needs_plugin(thing)])
    for thing in filter(_needs_plugin, things):
        outcomes.append(await _declare_alone(connection.url, thing))
    return outcomes


async def _declare_alone(url: AmqpUrl, thing: TopologyObject) -> Declared:
    """Declare over a connection of its own: a type that the broker lacks closes the connection (503)."""
    try:
        async with connect(url, name="amqptool declare") as connection:
            return (await _declare_together(connection, [thing]))[0]
    except AmqptoolError as error:
        return Declared(thing, error)


def _needs_plugin(thing: TopologyObject) -> bool:
    return isinstance(thing, Exchange) and thing.type not in EXCHANGE_TYPES


async def _declare_together(connection: Connection, things: list[TopologyObject]) -> list[Declared]:
    outcomes: dict[int, Declared] = {}
    waiting = deque(enumerate(things))
    async with asyncio.TaskGroup() as lanes:
        for _ in range(min(LANES, len(things))):
            lanes.create_task(_lane(connection, waiting, outcomes))
    return [outcomes[position] for position in range(len(things))]


async def _lane(
    connection: Connection, waiting: deque[tuple[int, TopologyObject]], outcomes: dict[int, Declared]
) -> None:
    channel: Channel | None = None
    while waiting:
        position, thing = waiting.popleft()
        try:
            if channel is None or not channel.is_open:
                channel = await connection.channel()
            await _declare_one(channel, thing)
            outcomes[position] = Declared(thing)
        except AmqptoolError as error:
            outcomes[position] = Declared(thing, error)


async def _declare_one(channel: Channel, thing: TopologyObject) -> None:
    match thing:
        case Exchange():
            await channel.declare_exchange(
                thing.name,
                thing.type,
                durable=thing.durable,
                auto_delete=thing.auto_delete,
                internal=thing.internal,
                arguments=thing.arguments,
            )
        case Queue():
            await channel.declare_queue(
                thing.name, durable=thing.durable, auto_delete=thing.auto_delete, arguments=thing.arguments
            )
        case Binding():
            bind = channel.bind_queue if thing.destination_type == "queue" else channel.bind_exchange
            await bind(thing.source, thing.destination, thing.routing_key, thing.arguments)


def _value(words: str) -> str:
    match = _TYPED.fullmatch(words)
    return match["value"] if match else words.strip("'").replace("none", "not set")
