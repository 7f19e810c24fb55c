"""Objects of a topology as calls on a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.broker.amqp import connect
from amqptool.broker.lanes import in_lanes
from amqptool.errors import AmqptoolError
from amqptool.topology.model import Binding, Exchange, Queue
from amqptool.topology.names import EXCHANGE_TYPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.broker.amqp import Channel, Connection
    from amqptool.topology.model import TopologyObject


async def declare_each(connection: Connection, things: Sequence[TopologyObject]) -> list[AmqptoolError | None]:
    """Declare objects that do not depend on each other; return the error of each, None where there is none."""
    ordinary = [thing for thing in things if not _needs_plugin(thing)]
    errors = dict(zip(map(id, ordinary), await in_lanes(connection, ordinary, declare_one), strict=True))
    for thing in filter(_needs_plugin, things):
        errors[id(thing)] = await _declare_alone(connection, thing)
    return [errors[id(thing)] for thing in things]


async def declare_one(channel: Channel, thing: TopologyObject) -> None:
    """Declare an exchange or a queue, or make a binding."""
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
        case _:
            raise TypeError(f"AMQP cannot declare a {type(thing).__name__}")


async def delete_one(channel: Channel, thing: TopologyObject) -> None:
    """Delete an exchange or a queue with its bindings; what is not there is no error."""
    match thing:
        case Exchange():
            await channel.delete_exchange(thing.name)
        case Queue():
            await channel.delete_queue(thing.name)
        case _:
            raise TypeError(f"AMQP cannot delete a {type(thing).__name__}")


async def _declare_alone(connection: Connection, thing: TopologyObject) -> AmqptoolError | None:
    """Declare over a connection of its own: a type that the broker lacks closes the connection (503)."""
    try:
        async with connect(connection.url, name="amqptool declare") as own:
            await declare_one(await own.channel(), thing)
    except AmqptoolError as error:
        return error
    return None


def _needs_plugin(thing: TopologyObject) -> bool:
    return isinstance(thing, Exchange) and thing.type not in EXCHANGE_TYPES
