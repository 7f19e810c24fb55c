"""What a broker holds, made fit for a file: in an order of its own, and without what no file can declare."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from amqptool.topology.model import Vhost
from amqptool.topology.names import PREDECLARED, RESERVED_PREFIX
from amqptool.topology.typed import typed_table

if TYPE_CHECKING:
    from collections.abc import Hashable

    from amqptool.topology.model import Binding, Exchange, Policy, Queue, Topology


def arranged(topology: Topology) -> Topology:
    """Return the topology in an order that depends on nothing but what it holds; arguments are sorted too."""
    exchanges = (replace(each, arguments=_in_order(each.arguments)) for each in topology.exchanges)
    queues = (replace(each, arguments=_in_order(each.arguments)) for each in topology.queues)
    bindings = (replace(each, arguments=_in_order(each.arguments)) for each in topology.bindings)
    policies = (replace(each, definition=_in_order(each.definition)) for each in topology.policies)
    return replace(
        topology,
        vhosts=tuple(sorted(topology.vhosts, key=lambda vhost: vhost.name)),
        exchanges=tuple(sorted(exchanges, key=_name)),
        queues=tuple(sorted(queues, key=_name)),
        bindings=tuple(sorted(bindings, key=_ends)),
        policies=tuple(sorted(policies, key=_name)),
    )


def with_types(topology: Topology) -> Topology:
    """Return the topology with the type of every classic queue whose vhost would give it another one now."""
    defaults = {vhost.name for vhost in topology.vhosts if _has_default(vhost)}
    if not defaults:
        return topology
    queues = (_with_type(queue) if queue.vhost in defaults else queue for queue in topology.queues)
    return replace(topology, queues=tuple(queues))


def declarable(topology: Topology) -> tuple[Topology, list[str]]:
    """Return what a file can declare, and in words what is left out because it cannot.

    The broker gives names that begin with amq. itself. An end of a binding may be gone when the other one is read.
    Bindings whose integers differ in nothing but their width are several to RabbitMQ and one to a file.
    """
    queues = tuple(queue for queue in topology.queues if not queue.name.startswith(RESERVED_PREFIX))
    ends = {("queue", queue.vhost, queue.name) for queue in queues}
    ends |= {("exchange", exchange.vhost, exchange.name) for exchange in topology.exchanges}
    bound = [binding for binding in topology.bindings if _has_ends(binding, ends)]
    bindings = tuple({_identity(binding): binding for binding in bound}.values())
    named = len(topology.queues) - len(queues)
    loose = len(topology.bindings) - len(bound)
    left_out = [f"{_counted(named, 'queue')} that the broker named (amq.…)"] if named else []
    left_out += [f"{_counted(loose, 'binding')} to what is not in the file"] if loose else []
    return replace(topology, queues=queues, bindings=bindings), left_out


def of_no_vhost(topology: Topology) -> Topology:
    """Return the topology of one vhost as that of any vhost: no object names it."""
    return replace(
        topology,
        vhosts=(),
        exchanges=tuple(replace(each, vhost=None) for each in topology.exchanges),
        queues=tuple(replace(each, vhost=None) for each in topology.queues),
        bindings=tuple(replace(each, vhost=None) for each in topology.bindings),
        policies=tuple(replace(each, vhost=None) for each in topology.policies),
    )


def telling_vhosts(topology: Topology) -> Topology:
    """Return the topology with those vhosts only of which more is to be said than their objects say."""
    things: tuple[Exchange | Queue | Binding | Policy, ...]
    things = (*topology.exchanges, *topology.queues, *topology.bindings, *topology.policies)
    used = {thing.vhost for thing in things}
    told = (vhost if _has_default(vhost) else Vhost(name=vhost.name) for vhost in topology.vhosts)
    vhosts = tuple(vhost for vhost in told if vhost.name not in used or vhost.default_queue_type is not None)
    return replace(topology, vhosts=vhosts)


def _with_type(queue: Queue) -> Queue:
    return replace(queue, arguments={"x-queue-type": "classic", **queue.arguments})


def _has_default(vhost: Vhost) -> bool:
    return vhost.default_queue_type not in (None, "classic")


def _has_ends(binding: Binding, ends: set[tuple[str, str | None, str]]) -> bool:
    pair = (("exchange", binding.source), (binding.destination_type, binding.destination))
    return all(
        (kind, binding.vhost, name) in ends or (kind == "exchange" and name in PREDECLARED) for kind, name in pair
    )


def _identity(binding: Binding) -> Hashable:
    ends = (binding.vhost, binding.source, binding.destination_type, binding.destination)
    return ends, binding.routing_key, typed_table(binding.arguments)


def _in_order(value: Any) -> Any:
    match value:
        case dict():
            # How headers match is read before the headers.
            return {name: _in_order(value[name]) for name in sorted(value, key=lambda name: (name != "x-match", name))}
        case list():
            return [_in_order(item) for item in value]
    return value


def _name(thing: Exchange | Queue | Policy) -> tuple[str, str]:
    return thing.vhost or "", thing.name


def _ends(binding: Binding) -> tuple[str, ...]:
    ends = (binding.source, binding.destination_type, binding.destination, binding.routing_key)
    return (binding.vhost or "", *ends, json.dumps(binding.arguments))


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
