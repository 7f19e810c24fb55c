"""What makes an object the same one in a file and on a broker, and in which vhost it is."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from amqptool.topology.model import Topology
from amqptool.topology.typed import typed_table

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from amqptool.topology.model import Binding, Exchange, Policy, Queue


class End(NamedTuple):
    """What a binding leads from or to."""

    kind: str
    vhost: str
    name: str


def end_of(thing: Exchange | Queue, vhost: str) -> End:
    """Return an exchange or a queue as the end of a binding, in the given vhost if it names none."""
    return End(type(thing).__name__.lower(), thing.vhost or vhost, thing.name)


def ends_of(binding: Binding, vhost: str) -> tuple[End, End]:
    """Return what a binding leads from, and what to, in the given vhost if it names none."""
    home = binding.vhost or vhost
    return End("exchange", home, binding.source), End(binding.destination_type, home, binding.destination)


def binding_key(binding: Binding, vhost: str) -> Hashable:
    """Return a binding's identity: all that it consists of, in the given vhost if it names none."""
    return (
        binding.vhost or vhost,
        binding.source,
        binding.destination_type,
        binding.destination,
        binding.routing_key,
        typed_table(binding.arguments),
    )


def vhosts_of(topology: Topology, vhost: str) -> tuple[str, ...]:
    """Return the vhosts that a topology is about, in its order; `vhost` is that of objects that name none."""
    names = {each.name: None for each in topology.vhosts}
    sections: tuple[Iterable[Exchange | Queue | Binding | Policy], ...] = (
        topology.exchanges,
        topology.queues,
        topology.bindings,
        topology.policies,
    )
    for each in chain.from_iterable(sections):
        names[each.vhost or vhost] = None
    return tuple(names or {vhost: None})


def by_vhost(topology: Topology, vhost: str) -> dict[str, Topology]:
    """Return the exchanges, queues, bindings and policies of each vhost; `vhost` is that of objects that name none."""
    parts: dict[str, dict[str, list[Any]]] = {}
    for section in ("exchanges", "queues", "bindings", "policies"):
        for each in getattr(topology, section):
            parts.setdefault(each.vhost or vhost, {}).setdefault(section, []).append(each)
    found = {name: {section: tuple(things) for section, things in part.items()} for name, part in parts.items()}
    return {name: Topology(**sections) for name, sections in (found or {vhost: {}}).items()}
