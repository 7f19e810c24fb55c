"""What topologies declare, to be compared."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from amqptool.topology.model import Policy
from amqptool.topology.typed import typed_table

if TYPE_CHECKING:
    from collections.abc import Hashable

    from amqptool.topology import Binding, Exchange, Queue, Topology

#: What says where an object stands and why, or is compared by its own rules.
_LEFT_ASIDE = {"place", "arguments", "definition", "retry", "dead_letter", "implied_by"}


def identity(thing: Exchange | Queue | Binding | Policy) -> Hashable:
    """Return all that the broker is told about an object, each value by its type."""
    table = thing.definition if isinstance(thing, Policy) else thing.arguments
    names = set(type(thing).__slots__) - _LEFT_ASIDE  # type: ignore[attr-defined]
    return type(thing), frozenset((name, getattr(thing, name)) for name in names), typed_table(table)


def declared(topology: Topology) -> set[Hashable]:
    """Return what a topology declares; the order does not count."""
    things = (*topology.exchanges, *topology.queues, *topology.bindings, *topology.policies)
    return {*topology.vhosts, *map(identity, things)}


def held(topology: Topology) -> set[Hashable]:
    """Return what a broker comes to hold: RabbitMQ 4 writes its type into every queue, so each has one here."""
    queues = (replace(queue, arguments={**queue.arguments, "x-queue-type": queue.type}) for queue in topology.queues)
    return declared(replace(topology, queues=tuple(queues)))
