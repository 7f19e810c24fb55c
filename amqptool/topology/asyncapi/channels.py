"""Exchanges with their routing keys, and queues, as channels with AMQP bindings and what is done there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from amqptool.topology.asyncapi.keys import Keys, key_words
from amqptool.topology.asyncapi.terms import BINDING_VERSION
from amqptool.topology.described import ANY_KEY
from amqptool.topology.lint.index import Index
from amqptool.topology.model import Exchange
from amqptool.topology.names import EXCHANGE_TYPES, PREDECLARED, predeclared_type
from amqptool.topology.routing.words import overlap, split

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amqptool.topology.asyncapi.terms import Body
    from amqptool.topology.described import DescribedMessage
    from amqptool.topology.model import Binding, Queue, Topology

#: Types of exchanges whose bindings' keys mean something.
_BY_KEY = ("direct", "topic")


@dataclass(frozen=True, slots=True)
class Channel:
    """Where messages are sent to or received from."""

    key: str
    action: str
    address: str
    binding: Body
    messages: Sequence[DescribedMessage]
    description: str


def channels_of(topology: Topology) -> list[Channel]:
    """Return a channel for each exchange and key, and one for each queue that the file writes out."""
    keys = Keys()
    index = Index(topology)
    return [*_of_exchanges(index, keys), *_of_queues(index, keys)]


def _of_exchanges(index: Index, keys: Keys) -> Iterator[Channel]:
    for exchange in _exchanges(index.topology):
        if exchange.internal:
            continue  # to which no application may publish
        described = [each for each in index.topology.messages if _is_of(each, exchange)]
        for pattern in _patterns(index, exchange, described):
            yield Channel(
                key=keys.new(exchange.name or "default", key_words(pattern)),
                action="send",
                address=pattern,
                binding={"is": "routingKey", "exchange": _exchange(index, exchange)},
                messages=[each for each in described if each.routing_key == pattern],
                description=_described(exchange, pattern),
            )


def _described(exchange: Exchange, pattern: str) -> str:
    name = exchange.name or "the default exchange"
    return f"Messages to {name} with routing key {pattern}." if pattern else f"Messages to {name} without routing key."


def _exchanges(topology: Topology) -> list[Exchange]:
    """Return the exchanges of the file, and of those that every broker has, what it uses."""
    used = {(each.vhost, each.source) for each in topology.bindings}
    used |= {(each.vhost, each.exchange) for each in topology.messages}
    ready = [
        Exchange(name=name, type=predeclared_type(name) if name else "default", vhost=vhost)
        for vhost, name in sorted(used, key=lambda key: (key[0] or "", key[1]))
        if not name or name in PREDECLARED
    ]
    return [*topology.exchanges, *ready]


def _is_of(message: DescribedMessage, exchange: Exchange) -> bool:
    return (message.vhost, message.exchange) == (exchange.vhost, exchange.name)


def _patterns(index: Index, exchange: Exchange, described: Sequence[DescribedMessage]) -> list[str]:
    """Return the keys to publish with: those that are described, and those of bindings that nobody has described."""
    told = list(dict.fromkeys(each.routing_key for each in described))
    if index.routes_as(exchange.vhost, exchange.name) not in _BY_KEY:
        return told or [ANY_KEY]
    bound = dict.fromkeys(each.routing_key for each in index.bindings_from.get((exchange.vhost, exchange.name), ()))
    others = [key for key in bound if not any(overlap(split(key), split(each)) for each in told)]
    return told + others or [ANY_KEY]


def _of_queues(index: Index, keys: Keys) -> Iterator[Channel]:
    for queue in index.own_queues:
        yield Channel(
            key=keys.new("queue", queue.name),
            action="receive",
            address=queue.name,
            binding={"is": "queue", "queue": _queue(queue)},
            messages=[each for each in index.topology.messages if _may_reach(index, each, queue)],
            description=f"Messages of the queue {queue.name}.",
        )


def _may_reach(index: Index, message: DescribedMessage, queue: Queue) -> bool:
    """Return whether one of these messages may come to a queue, over whatever exchanges."""
    if message.vhost != queue.vhost:
        return False
    pattern = split(message.routing_key)
    if not message.exchange:
        return overlap(pattern, split(queue.name))
    seen, todo = {message.exchange}, [message.exchange]
    while todo:
        source = todo.pop()
        passed = [each for each in index.bindings_from.get((message.vhost, source), ()) if _lets(index, each, pattern)]
        if any(each.destination_type == "queue" and each.destination == queue.name for each in passed):
            return True
        onward = [each.destination for each in passed if each.destination_type == "exchange"]
        onward += [name for name in (index.alternates.get((message.vhost, source)),) if name is not None]
        todo += [name for name in onward if name not in seen]
        seen |= set(onward)
    return False


def _lets(index: Index, binding: Binding, pattern: Sequence[str]) -> bool:
    if index.routes_as(binding.vhost, binding.source) not in _BY_KEY:
        return True
    return overlap(pattern, split(binding.routing_key))


def _exchange(index: Index, exchange: Exchange) -> Body:
    kind = index.routes_as(exchange.vhost, exchange.name) if exchange.name else "default"
    known = {"type": kind} if kind in (*EXCHANGE_TYPES, "default") else {}  # AsyncAPI has no others
    flags = {"durable": exchange.durable, "autoDelete": exchange.auto_delete}
    return {"name": exchange.name, **known, **flags, **_vhost(exchange)}


def _queue(queue: Queue) -> Body:
    flags = {"durable": queue.durable, "exclusive": False, "autoDelete": queue.auto_delete}
    return {"name": queue.name, **flags, **_vhost(queue)}


def _vhost(thing: Exchange | Queue) -> Body:
    return {} if thing.vhost is None else {"vhost": thing.vhost}


def written(channel: Channel, names: dict[DescribedMessage, str]) -> tuple[Body, Body]:
    """Return a channel and the operation that is done there."""
    keys = [names[message] for message in channel.messages]
    messages = {"messages": {key: {"$ref": f"#/components/messages/{key}"} for key in keys}} if keys else {}
    refs = [{"$ref": f"#/channels/{channel.key}/messages/{key}"} for key in keys]
    done = {"deliveryMode": 2, "mandatory": True} if channel.action == "send" else {"ack": True}
    return {
        "address": channel.address,
        **messages,
        "description": channel.description,
        "bindings": {"amqp": {**channel.binding, "bindingVersion": BINDING_VERSION}},
    }, {
        "action": channel.action,
        "channel": {"$ref": f"#/channels/{channel.key}"},
        **({"messages": refs} if refs else {}),
        "bindings": {"amqp": {**done, "bindingVersion": BINDING_VERSION}},
    }
