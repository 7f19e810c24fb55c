"""A topology as RabbitMQ's definitions.json, one object a line."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amqptool.topology.model import Binding, Exchange, Policy, Queue, Topology, Vhost

_UNPRINTABLE = re.compile("[\x7f-\U0010ffff]")


def to_definitions(topology: Topology) -> str:
    """Return the topology as RabbitMQ imports it; where no object names its vhost, into a vhost that is chosen then.

    RabbitMQ has no place for routing tests, and none for who implied a queue.
    """
    sections = (f"  {_json(name)}: {_section(value)}" for name, value in definitions(topology).items())
    return "{\n" + ",\n".join(sections) + "\n}\n"


def definitions(topology: Topology) -> dict[str, Any]:
    """Return what `to_definitions` writes: sections by name, those that amqptool leaves alone first."""
    sections = _unmanaged(topology)
    if topology.vhosts:
        sections["vhosts"] = [_vhost(each) for each in topology.vhosts]
    sections["policies"] = [_policy(each) for each in topology.policies]
    sections["queues"] = [_queue(each) for each in topology.queues]
    sections["exchanges"] = [_exchange(each) for each in topology.exchanges]
    sections["bindings"] = [_binding(each) for each in topology.bindings]
    return sections


def _unmanaged(topology: Topology) -> dict[str, Any]:
    """Return the sections that are left alone; the lists of several files are one, of single values the last counts."""
    sections: dict[str, Any] = {}
    for each in topology.unmanaged:
        earlier = sections.get(each.section)
        if isinstance(earlier, list) and isinstance(each.value, list):
            sections[each.section] = earlier + each.value
        else:
            sections[each.section] = each.value
    return sections


def _vhost(vhost: Vhost) -> dict[str, Any]:
    kind = vhost.default_queue_type
    # RabbitMQ writes it twice and imports it from the metadata.
    return {"name": vhost.name} | (
        {} if kind is None else {"default_queue_type": kind, "metadata": {"default_queue_type": kind}}
    )


def _policy(policy: Policy) -> dict[str, Any]:
    return {
        "name": policy.name,
        **_in_vhost(policy),
        "pattern": policy.pattern,
        "apply-to": policy.apply_to,
        "definition": dict(policy.definition),
        "priority": policy.priority,
    }


def _queue(queue: Queue) -> dict[str, Any]:
    return {
        "name": queue.name,
        **_in_vhost(queue),
        "durable": queue.durable,
        "auto_delete": queue.auto_delete,
        "arguments": dict(queue.arguments),
    }


def _exchange(exchange: Exchange) -> dict[str, Any]:
    return {
        "name": exchange.name,
        **_in_vhost(exchange),
        "type": exchange.type,
        "durable": exchange.durable,
        "auto_delete": exchange.auto_delete,
        "internal": exchange.internal,
        "arguments": dict(exchange.arguments),
    }


def _binding(binding: Binding) -> dict[str, Any]:
    return {
        "source": binding.source,
        **_in_vhost(binding),
        "destination": binding.destination,
        "destination_type": binding.destination_type,
        "routing_key": binding.routing_key,
        "arguments": dict(binding.arguments),
    }


def _in_vhost(thing: Exchange | Queue | Binding | Policy) -> dict[str, str]:
    return {} if thing.vhost is None else {"vhost": thing.vhost}


def _section(value: Any) -> str:
    if not value or not isinstance(value, list):
        return _json(value)
    return "[\n" + ",\n".join(f"    {_json(item)}" for item in value) + "\n  ]"


def _json(value: Any) -> str:
    """Return a value as JSON that can be read, and in which nothing is left that a terminal would act on."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isascii() and "\x7f" not in text else _UNPRINTABLE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    if character.isprintable():
        return character
    return "\\u007f" if character == "\x7f" else json.dumps(character)[1:-1]
